// Wires the calls of a worker: starts, and deliveries, which share the receivers. Wiring only; nothing is decided here.
import { makeRenew } from "#actor/claim/rate-places";
import { DeliveryActor } from "#actor/deliveries/deliveries";
import { makeWork } from "#bus/work";
import { makePolicy } from "#domain/calls/guard";
import type { LocalCommand } from "#domain/turn/items";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import { openCircuits } from "#roles/circuits";
import type { Basics } from "#roles/scope";
import { receiverNotes } from "#timers/receivers";
import { Called } from "#webhook/called";
import { Deliverer } from "#webhook/deliverer";
import type { Sender } from "#webhook/send";
import { makeStarter } from "#webhook/starter";

interface Calling {
  readonly sender: Sender;
  readonly tell: (command: LocalCommand) => void;
  readonly mayStart: (sinceMs: number) => boolean;
  readonly look: () => void;
}

export function openCalls(basics: Basics, { sender, tell, mayStart, look }: Calling) {
  const { config, db, bus, log } = basics;
  const callSlots = new ReceiverCapacity(config.workerWebhookConcurrency, config.webhookHostConcurrency);
  const policy = makePolicy(config);
  const work = makeWork({ js: { publish: (...args) => bus.js.publish(...args) }, up: () => bus.up });
  const onGates = () => {
    starter.recheck();
    look();
    deliverer.nudge();
  };
  const called = new Called();
  const notes = receiverNotes(db, () => called.take(), log);
  const circuits = openCircuits(basics, { send: called.watching(sender.send), callSlots, onGates });
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
    close: () => Promise.all([notes.stop(), circuits.stop()]),
  };
}
