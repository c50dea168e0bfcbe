// Wires the calls of a worker: starts, and deliveries, which share the receivers. Wiring only; nothing is decided here.
import { makeRenew } from "#actor/claim/places";
import { DeliveryActor } from "#actor/deliveries/deliveries";
import type { Bus } from "#bus/client";
import { makeWork } from "#bus/work";
import type { Config } from "#config";
import { makePolicy } from "#domain/calls/guard";
import type { LocalCommand } from "#domain/turn/items";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import { openCircuits } from "#roles/circuits";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { receiverNotes } from "#timers/receivers";
import { Called } from "#webhook/called";
import { Deliverer } from "#webhook/deliverer";
import { guarded } from "#webhook/guard";
import { makeSender } from "#webhook/send";
import { makeStarter } from "#webhook/starter";

interface Calling {
  readonly tell: (command: LocalCommand) => void;
  readonly mayStart: (sinceMs: number) => boolean;
  readonly look: () => void;
}

export function openCalls(config: Config, db: Db, bus: Bus, { tell, mayStart, look }: Calling, log: Logger) {
  const callSlots = new ReceiverCapacity(config.workerWebhookConcurrency, config.webhookHostConcurrency);
  const policy = makePolicy(config);
  const { webhookHostConcurrency, webhookConnectTimeoutSecs, webhookTimeoutSecs } = config;
  const timeouts = { webhookConnectTimeoutSecs, webhookTimeoutSecs };
  const connect = guarded(policy, webhookConnectTimeoutSecs * 1000);
  const sender = makeSender({ webhookHostConcurrency, ...timeouts, connect });
  const work = makeWork({ js: { publish: (...args) => bus.js.publish(...args) }, up: () => bus.up });
  const onGates = () => {
    starter.recheck();
    look();
    deliverer.nudge();
  };
  const called = new Called();
  const notes = receiverNotes(db, () => called.take(), log);
  const circuits = openCircuits(config, db, bus, { send: called.watching(sender.send), callSlots, onGates }, log);
  const { send, probe, giveUp } = circuits;
  const starter = makeStarter({
    ...{ config, policy, callSlots, send, giveUp, work, tell, mayStart, log },
    renew: makeRenew(db),
  });
  const outcomes = new DeliveryActor({ config, db, log, onWritten: () => deliverer.nudge() });
  const deliverySlots = new ReceiverCapacity(config.webhookDeliveryConcurrency, callSlots);
  const deliverer: Deliverer = new Deliverer({
    ...{ config, db, work, send, probe, giveUp, log },
    callSlots: deliverySlots,
    tell: (outcome) => outcomes.tell(outcome),
  });
  return {
    ...{ callSlots, starter, deliverer, circuits },
    open: () => callSlots.open + deliverySlots.open,
    drain: () => Promise.all([starter.drain(), deliverer.stop()]),
    settled: () => Promise.all([outcomes.idle(), circuits.idle()]),
    close: () => Promise.all([notes.stop(), circuits.stop(), sender.close()]),
  };
}
