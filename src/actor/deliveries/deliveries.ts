// Decides what becomes of a delivery after an attempt, and writes it. No other code does; many share a transaction. While Postgres is
// away outcomes wait here. One that comes too late for its lease changes nothing. One that is lost with the process is found by its
// expired lease, and its call is repeated under the same key.
import { transition } from "xstate";
import type { Config } from "#config";
import { retryDelayMs } from "#domain/calls/retry";
import { Batcher } from "#flow/batcher";
import { deliveryMachine } from "#machines/delivery";
import { untilWritten } from "#store/pg/errors";
import type { Db } from "#store/pg/pool";
import { type DeliveryOutcome, type Settled, type SettledRow, settle } from "#store/turn/deliveries";
import { metrics } from "#telemetry/metrics";

export type DeliveryPolicy = Pick<
  Config,
  "webhookMaxAttempts" | "webhookRetryBackoffBaseSecs" | "webhookRetryBackoffCapSecs"
>;

export interface DeliveryActorParts {
  readonly config: DeliveryPolicy;
  readonly db: Pick<Db, "tx">;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** In [0, 1), for the jitter of retries. */
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
  const waits = actions.some(({ type }) => type === "armBackoff");
  // Never sooner than the receiver asked for.
  const waitMs = Math.max(retryDelayMs(delaysOf(policy), to.context.attempts, jitter), outcome.retryAfterMs);
  return {
    id,
    leaseId,
    status: to.value,
    attempts: to.context.attempts,
    waitMs: waits ? waitMs : 0,
    lastStatus: outcome.status,
    lastError: outcome.error,
    call: outcome.call,
  };
}

const delaysOf = ({ webhookRetryBackoffBaseSecs, webhookRetryBackoffCapSecs }: DeliveryPolicy) => ({
  initial_delay_secs: webhookRetryBackoffBaseSecs,
  backoff_multiplier: 2,
  max_delay_secs: webhookRetryBackoffCapSecs,
});

export class DeliveryActor {
  readonly #parts: DeliveryActorParts;
  readonly #batches: Batcher<DeliveryOutcome>;

  constructor(parts: DeliveryActorParts) {
    this.#parts = parts;
    this.#batches = new Batcher({
      max: outcomesMax,
      run: (outcomes) => this.#turn(outcomes),
      remedy: untilWritten(retryMs, triesMax),
      giveUp: ([outcome], err) =>
        parts.log.error({ err, delivery: outcome?.id }, "what came of a notification could not be written"),
    });
  }

  tell(outcome: DeliveryOutcome): void {
    this.#batches.put(outcome);
  }

  /** Resolves when every outcome so far is written. Waits as long as Postgres is away; the caller sets the deadline. */
  idle(): Promise<void> {
    return this.#batches.idle();
  }

  async #turn(outcomes: readonly DeliveryOutcome[]): Promise<DeliveryOutcome[]> {
    const { config, db, log, jitter = Math.random, onWritten } = this.#parts;
    const settled = outcomes.map((outcome) => decide(outcome, config, jitter()));
    const written = new Map((await db.tx((sql) => settle(sql, settled))).map((row) => [row.id, row]));
    count(outcomes, settled, written);
    this.#noteExhausted(settled, written);
    if (written.size < settled.length)
      log.warn({ lost: settled.length - written.size }, "outcomes of deliveries came after their lease");
    onWritten?.();
    return [];
  }

  #noteExhausted(settled: readonly Settled[], written: ReadonlyMap<string, SettledRow>): void {
    for (const { id, status, attempts, lastStatus, lastError } of settled) {
      const row = written.get(id);
      if (status !== "exhausted" || row === undefined) continue;
      const { task_id: task, batch_id: batch, receiver } = row;
      const fields = {
        delivery: id,
        batch,
        ...(task === null ? {} : { task }),
        receiver,
        attempts,
        lastStatus,
        lastError,
      };
      this.#parts.log.warn(fields, "a delivery is exhausted: it is not tried again unless it is replayed");
    }
  }
}

function count(
  outcomes: readonly DeliveryOutcome[],
  settled: readonly Settled[],
  written: ReadonlyMap<string, unknown>,
): void {
  outcomes.forEach(({ trigger }, i) => {
    const { id, status } = settled[i] as Settled;
    if (written.has(id)) metrics.deliveries.add(1, trigger, status === "pending" ? "retry" : status);
  });
}
