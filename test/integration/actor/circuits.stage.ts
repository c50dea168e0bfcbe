// The circuits of a stage: fed with ends of calls by as many processes as a test wants, and moved on in time.
import { CircuitActor } from "#actor/circuits/circuits";
import type { Db } from "#store/pg/pool";
import { knownCircuits } from "#store/turn/circuits";
import { log } from "./stage.ts";

export const [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"] as const;
export const config = {
  circuitBreakerFailureThreshold: 3,
  circuitBreakerFailureWindowSecs: 10,
  circuitBreakerRecoveryTimeoutSecs: 30,
  circuitBreakerSuccessThreshold: 2,
  webhookTimeoutSecs: 10,
};

export function circuitStage(db: Db) {
  /** The actor of one process. */
  function actorOf(own: Pick<Db, "tx"> = db) {
    const state = { news: 0 };
    const actor = new CircuitActor({ config, db: own, log, onChanged: () => state.news++ });
    const tell = async (type: "failed" | "succeeded", receiver: string = a, probe = false) => {
      actor.tell({ receiver, type, probe });
      await actor.idle();
    };
    return { actor, tell, state };
  }
  return {
    actorOf,
    known: async () => (await knownCircuits(db)).toSorted((one, other) => (one.receiver < other.receiver ? -1 : 1)),
    /** As if so much time had passed. */
    pass: (secs: number) =>
      db.use(
        (sql) => sql`
          update circuit set since = since - ${secs}::float8 * interval '1 s', open_until = open_until - ${secs}::float8 * interval '1 s',
            probe_until = probe_until - ${secs}::float8 * interval '1 s'`,
      ),
    openOne: async (receiver: string = a) => {
      const { tell } = actorOf();
      for (let n = 0; n < 3; n++) await tell("failed", receiver);
    },
  };
}
