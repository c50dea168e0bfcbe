// Wires the circuits of receivers into a worker: what calls end in goes to the actor, what the table says to the breaker.
import { CircuitActor, policyOf } from "#actor/circuits";
import { onCircuits, tellCircuits } from "#bus/circuit";
import type { Bus } from "#bus/client";
import type { Config } from "#config";
import { gaveUp } from "#domain/circuit";
import { forgetCircuits, knownCircuits } from "#store/circuits";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";
import { loop } from "#timers/loop";
import { Breaker } from "#webhook/breaker";
import type { Lanes } from "#webhook/lanes";
import type { Send } from "#webhook/send";

export interface Circuits {
  readonly send: Send;
  /** Takes the probes of these receivers; returns those that were to be had. */
  readonly probe: (receivers: readonly string[]) => Promise<ReadonlySet<string>>;
  /** The probe of this receiver was taken, and no call was made. */
  readonly giveUp: (receiver: string) => void;
  /** A probe was taken elsewhere than by `probe`. */
  readonly changed: () => void;
  /** Resolves when the ends of all calls so far are written. */
  readonly idle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Many changes in so short a time are read once. */
const soonMs = 10;

/** `onGates`: other receivers may be called now than before. With CIRCUIT_BREAKER_ENABLED=0 calls are just made. */
export function openCircuits(
  config: Config,
  db: Db,
  bus: Bus,
  { send, lanes, onGates }: { readonly send: Send; readonly lanes: Lanes; readonly onGates: () => void },
  log: Logger,
): Circuits {
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
  const breaker = new Breaker({ send, lanes, tell: (outcome) => actor.tell(outcome), onGates });
  const { windowMs } = policyOf(config);
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
    probe: (receivers) => actor.probe(receivers),
    giveUp: (receiver) => actor.tell(gaveUp(receiver)),
    idle: () => actor.idle(),
    async stop() {
      unlisten();
      breaker.stop();
      await sweep.stop();
    },
  };
}
