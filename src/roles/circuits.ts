// Wires the circuits of receivers into a worker: what calls end in goes to the actor, what the table says to the breaker.
import { CircuitActor } from "#actor/circuits/circuits";
import { onCircuits, tellCircuits } from "#bus/notifications/circuits";
import { gaveUp, type ProbeWish } from "#domain/calls/circuit";
import { policyOf } from "#domain/calls/circuit-step";
import type { ReceiverCapacity } from "#flow/receiver-capacity";
import type { Basics } from "#roles/scope";
import { forgetCircuits, knownCircuits } from "#store/turn/circuits";
import { loop } from "#timers/loop";
import { Breaker } from "#webhook/breaker";
import type { Send } from "#webhook/send";

export interface Circuits {
  readonly send: Send;
  /** Takes the probes of these receivers; returns those that were to be had. */
  readonly probe: (wishes: readonly ProbeWish[]) => Promise<ReadonlySet<string>>;
  /** The probe of this receiver was taken, and no call was made. */
  readonly giveUp: (receiver: string) => void;
  /** A probe was taken elsewhere than by `probe`. */
  readonly changed: () => void;
  /** Resolves when the ends of all calls so far are written. */
  readonly idle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

interface Parts {
  readonly send: Send;
  readonly callSlots: ReceiverCapacity;
  /** Other receivers may be called now than before. */
  readonly onGates: () => void;
}

/** Many changes in so short a time are read once. */
const soonMs = 10;

/** With CIRCUIT_BREAKER_ENABLED=0 calls are just made. */
export function openCircuits({ config, db, bus, log }: Basics, { send, callSlots, onGates }: Parts): Circuits {
  if (!config.circuitBreakerEnabled)
    return {
      ...{ send, probe: async () => new Set<string>(), giveUp() {} },
      ...{ changed() {}, idle: async () => {}, stop: async () => {} },
    };
  const changed = () => {
    sweep.within(soonMs);
    tellCircuits(bus);
  };
  const actor = new CircuitActor({ config, db, log, onChanged: changed });
  const { windowMs, probeMs } = policyOf(config);
  const breaker = new Breaker({ send, probeMs, callSlots, tell: (outcome) => actor.tell(outcome), onGates });
  let forgetAt = performance.now() + windowMs;
  const sweep = loop("circuits", log, async () => {
    const known = await knownCircuits(db);
    actor.know(known.map(({ receiver }) => receiver));
    breaker.know(known);
    if (performance.now() >= forgetAt) {
      await forgetCircuits(db, windowMs);
      forgetAt = performance.now() + windowMs * (0.5 + Math.random());
    }
    return config.workerLoopIntervalMs;
  });
  const unlisten = onCircuits(bus, () => sweep.within(soonMs));
  return {
    ...{ send: breaker.send, changed },
    probe: (wishes) => actor.probe(wishes),
    giveUp: (receiver) => actor.tell(gaveUp(receiver)),
    idle: () => actor.idle(),
    async stop() {
      unlisten();
      breaker.stop();
      await sweep.stop();
    },
  };
}
