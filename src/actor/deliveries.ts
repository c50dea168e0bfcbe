// Decides what becomes of a delivery after an attempt, and writes it: the only one who does. Gathers what is there into
// one transaction. While Postgres is away outcomes wait here; one that comes too late for its lease changes nothing,
// and one that is lost with the process is found by its expired lease and repeated under the same key.
import { transition } from "xstate";
import type { Config } from "#config";
import { backoffMs } from "#domain/webhook";
import { deliveryMachine } from "#machines/delivery";
import type { Db } from "#store/client";
import { type DeliveryOutcome, type Settled, settle } from "#store/deliveries";
import { isTransient } from "#store/faults";
import { metrics } from "#telemetry/metrics";

export type DeliveryPolicy = Pick<
  Config,
  "webhookMaxAttempts" | "webhookRetryBackoffBaseSecs" | "webhookRetryBackoffCapSecs"
>;

export interface DeliveryActorParts {
  readonly config: DeliveryPolicy;
  readonly db: Pick<Db, "tx">;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** 0..1, to spread retries. */
  readonly jitter?: () => number;
  /** After a commit that leaves one of them due again: the deliverer looks when. */
  readonly onWritten?: () => void;
}

const outcomesMax = 256;
const retryMs = 200;
const triesMax = 5;

/** Pure: what an outcome makes of a leased delivery. */
export function decide(outcome: DeliveryOutcome, policy: DeliveryPolicy, jitter: number): Settled {
  const { id, leaseId, attempts } = outcome;
  const from = deliveryMachine.resolveState({
    value: "pending",
    context: { attempts, maxAttempts: policy.webhookMaxAttempts },
  });
  const [to, actions] = transition(deliveryMachine, from, { type: outcome.ok ? "arrived" : "failed" });
  const backoff = { baseSecs: policy.webhookRetryBackoffBaseSecs, capSecs: policy.webhookRetryBackoffCapSecs };
  const waits = actions.some(({ type }) => type === "armBackoff");
  return {
    id,
    leaseId,
    status: to.value,
    attempts: to.context.attempts,
    waitMs: waits ? backoffMs(backoff, to.context.attempts, jitter, outcome.retryAfterMs) : 0,
    lastStatus: outcome.status,
    lastError: outcome.error,
    call: outcome.call,
  };
}

export class DeliveryActor {
  readonly #parts: DeliveryActorParts;
  #waiting: DeliveryOutcome[] = [];
  #running: Promise<void> | null = null;

  constructor(parts: DeliveryActorParts) {
    this.#parts = parts;
  }

  tell(outcome: DeliveryOutcome): void {
    this.#waiting.push(outcome);
    this.#running ??= this.#run();
  }

  /** Resolves when everything told so far is written. Waits as long as Postgres is away: the caller has the deadline. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // One pass of the event loop gathers what arrives together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) await this.#turn(this.#waiting.splice(0, outcomesMax));
    this.#running = null;
  }

  async #turn(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    const { config, db, log, jitter = Math.random, onWritten } = this.#parts;
    const settled = outcomes.map((outcome) => decide(outcome, config, jitter()));
    for (let tries = 1; ; tries++) {
      try {
        const written = new Set(await db.tx((sql) => settle(sql, settled)));
        count(outcomes, settled, written);
        if (written.size < settled.length)
          log.warn({ lost: settled.length - written.size }, "outcomes of deliveries came after their lease");
        onWritten?.();
        return;
      } catch (error) {
        // Without Postgres nobody else can take them either, so they wait; anything else that lasts is a fault of ours.
        if (!isTransient(error) && tries >= triesMax) {
          log.error({ err: error, outcomes: outcomes.length }, "outcomes of deliveries could not be written");
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, retryMs * Math.min(tries, 5)));
      }
    }
  }
}

function count(outcomes: readonly DeliveryOutcome[], settled: readonly Settled[], written: ReadonlySet<string>): void {
  outcomes.forEach(({ trigger }, i) => {
    const { id, status } = settled[i] as Settled;
    if (written.has(id)) metrics.deliveries.add(1, trigger, status === "pending" ? "retry" : status);
  });
}
