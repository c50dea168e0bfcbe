// Sends deliveries. It takes a lease only for what has a free call slot, sends within the lease by the monotonic clock, and hands the
// outcome to the actor. Two processes never send the same delivery at once; when one dies, its lease ends, and another repeats the
// call with the same key and the same bytes. It looks after commits, when call slots become free, and when the next one is due.
import { randomInt } from "node:crypto";
import type { Work } from "#bus/work";
import { type Config, limits } from "#config";
import { receiverOf } from "#domain/action";
import { beginningOf } from "#domain/calls/answer";
import type { ProbeWish } from "#domain/calls/circuit";
import { type About, type CallSettings, httpRequest, retryAfterMs, workMessage } from "#domain/calls/webhook";
import { Unavailable } from "#domain/errors";
import type { ReceiverCapacity } from "#flow/receiver-capacity";
import { type DeliveryDb, type DeliveryOutcome, giveBack, type Leased, lease, nextDue } from "#store/turn/deliveries";
import { metrics } from "#telemetry/metrics";
import type { Send } from "#webhook/send";

export interface DelivererParts {
  readonly config: Pick<
    Config,
    | keyof CallSettings
    | "webhookTimeoutSecs"
    | "webhookDeliveryIntervalMs"
    | "webhookDeliveryBatchSize"
    | "webhookDeliveryLeaseSecs"
  >;
  readonly db: DeliveryDb;
  /** `new ReceiverCapacity(webhookDeliveryConcurrency, <that of starts>)`. */
  readonly callSlots: ReceiverCapacity;
  readonly send: Send;
  /** Takes the probes of receivers whose circuit is not closed; returns those that were free. */
  readonly probe: (wishes: readonly ProbeWish[]) => Promise<ReadonlySet<string>>;
  /** The probe of this receiver was taken, and no call was made. */
  readonly giveUp: (receiver: string) => void;
  readonly work: Work;
  readonly tell: (outcome: DeliveryOutcome) => void;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** The wall clock, for a `Retry-After` that is a date. */
  readonly now?: () => Date;
}

/** A call ends this long before its lease does, and is not begun when less than `callMinMs` is left for it. */
const marginMs = 500;
const callMinMs = 500;
/** Pauses after NATS could not take a message, and after Postgres did not answer. */
const awayMs = 2_000;
/** A delivery that failed before lets others of its receiver pass for this time. */
const yieldMs = 1_000;

/** Runs from its construction to `stop`. */
export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #open = new Set<Promise<void>>();
  readonly #signal = makeSignal();
  readonly #unlisten: () => void;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
    this.#unlisten = parts.callSlots.onFree((_receiver, wasFull) => {
      if (wasFull) this.#signal.raise();
    });
    this.#running = this.#run();
  }

  /** Something may be due: looks at once. */
  nudge(): void {
    this.#signal.raise();
  }

  /** Takes no more leases, and resolves when the outcome of the last open call was handed on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    this.#signal.raise();
    await this.#running;
    await Promise.all(this.#open);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const waitMs = await this.#round().catch((error: unknown) => {
        if (!(error instanceof Unavailable)) this.#parts.log.warn({ err: error }, "due deliveries could not be read");
        return awayMs;
      });
      if (waitMs > 0) await this.#signal.wait(waitMs);
    }
  }

  /** Returns how long nothing will be due, in ms; 0: look again at once. */
  async #round(): Promise<number> {
    const { config, db, callSlots, giveUp, probe } = this.#parts;
    const limit = Math.min(config.webhookDeliveryBatchSize, callSlots.free());
    if (limit <= 0) return config.webhookDeliveryIntervalMs;
    const leaseId = randomInt(2 ** 48 - 1);
    const leaseSecs = config.webhookDeliveryLeaseSecs;
    const capacity = { receivers: callSlots.limited(), freeMax: callSlots.freeMax };
    let endsAt = 0;
    const [dueMs, rows] = await db.use((sql) => {
      // From before the question, so that our end of the lease is never later than Postgres's.
      endsAt = performance.now() + leaseSecs * 1000;
      // In this order: a delivery that becomes due between the two is then in both, never in neither.
      return Promise.all([nextDue(sql, capacity), lease(sql, { limit, leaseSecs, leaseId, ...capacity })]);
    });
    const wishes = this.#wishes(rows);
    const probes = new Set(wishes.length > 0 ? await probe(wishes) : []);
    // A delivery that has not failed yet goes first, so that it gets the probe.
    const inOrder = wishes.length > 0 ? rows.toSorted((a, b) => hasFailed(a) - hasFailed(b)) : rows;
    const unsent = inOrder.filter((row) => !this.#begin(row, leaseId, endsAt, probes));
    for (const receiver of probes) giveUp(receiver);
    const yielding = new Set(wishes.filter((wish) => wish.hasFailed).map(({ receiver }) => receiver));
    const isYielding = ({ action }: Leased) => yielding.has(receiverOf(action) ?? "");
    await this.#giveBack(
      leaseId,
      unsent.filter((row) => !isYielding(row)),
    );
    // Put off, so that the next look finds one that has not failed yet.
    await this.#giveBack(leaseId, unsent.filter(isYielding), yieldMs);
    if (rows.length > 0 && unsent.length === 0) return 0;
    return Math.min(config.webhookDeliveryIntervalMs, dueMs ?? Number.POSITIVE_INFINITY);
  }

  /** The probes that calls of these deliveries would need. */
  #wishes(rows: readonly Leased[]): ProbeWish[] {
    const byReceiver = Map.groupBy(rows, ({ action }) => receiverOf(action));
    return [...byReceiver].flatMap(([receiver, some]) =>
      receiver !== null && this.#parts.callSlots.isGated(receiver)
        ? [{ receiver, hasFailed: some.every((row) => hasFailed(row) === 1) }]
        : [],
    );
  }

  /** False: no call slot is free any more, the receiver may not be called, or the lease is nearly over. Takes its probe out. */
  #begin(row: Leased, leaseId: number, endsAt: number, probes: Set<string>): boolean {
    const { config, callSlots, giveUp } = this.#parts;
    const receiver = receiverOf(row.action);
    const isProbe = receiver !== null && probes.has(receiver);
    if (!isProbe && callSlots.freeFor(receiver) <= 0) return false;
    const callMs = () => Math.min(config.webhookTimeoutSecs * 1000, endsAt - performance.now() - marginMs);
    if (this.#stopped || callMs() < callMinMs || !callSlots.take(receiver, isProbe)) return false;
    if (isProbe) probes.delete(receiver);
    const call = this.#deliver(row, leaseId, callMs(), isProbe)
      .catch((error: unknown) => {
        if (isProbe) giveUp(receiver);
        this.#failed(row, leaseId, error);
      })
      .finally(() => {
        this.#open.delete(call);
        callSlots.release(receiver);
      });
    this.#open.add(call);
    return true;
  }

  async #deliver(row: Leased, leaseId: number, totalMs: number, isProbe: boolean): Promise<void> {
    const { send, work, tell, now = () => new Date() } = this.#parts;
    const about = this.#about(row);
    const outcome = { id: row.id, leaseId, attempts: row.attempts, trigger: row.trigger };
    const beganAt = performance.now();
    if (row.action.kind === "Webhook") {
      const result = await send(httpRequest(row.action, about), totalMs, undefined, isProbe);
      // No attempt: another process makes the same call, at once or when the lease ends.
      if (result.fault === "cut_off") return this.#giveBack(leaseId, [row]);
      metrics.webhookSeconds.observe(result.ms / 1000, row.trigger, result.ok ? "success" : "failure");
      const { ok, status, error } = result;
      const call = {
        beganAt,
        ms: result.ms,
        answer: beginningOf(result, row.action, limits.deliveryAnswerBytesMax),
      };
      tell({ ...outcome, ok, status, error, retryAfterMs: retryAfterMs(result.retryAfter, now()) ?? 0, call });
      return;
    }
    // A repetition must arrive, so its id is new: JetStream would drop a message with the old one.
    const result = await work.publish(workMessage(row.action, about), `${row.key}:${leaseId}`, totalMs);
    const call = { beganAt, ms: performance.now() - beganAt, answer: null };
    if (result.ok) tell({ ...outcome, ok: true, status: null, error: null, retryAfterMs: 0, call });
    else if (result.sent) tell({ ...outcome, ok: false, status: null, error: result.error, retryAfterMs: 0, call });
    else await this.#giveBack(leaseId, [row], awayMs);
  }

  #about({ key, trigger, task, hasRetry, facts }: Leased): About {
    const attempt = typeof facts.attempt === "number" ? facts.attempt : 0;
    const { config: settings, now = () => new Date() } = this.#parts;
    return { settings, at: now(), key, trigger, task, attempt, hasRetry, facts };
  }

  /** An action from which no request can be made fails like any other; otherwise it would come back with every lease. */
  #failed({ id, batch, task, attempts, trigger }: Leased, leaseId: number, error: unknown): void {
    const { log, tell } = this.#parts;
    log.error({ err: error, delivery: id, batch, ...(task === null ? {} : { task }) }, "a delivery could not be sent");
    const call = { beganAt: performance.now(), ms: 0, answer: null };
    tell({
      id,
      leaseId,
      attempts,
      trigger,
      ok: false,
      status: null,
      error: "request not valid",
      retryAfterMs: 0,
      call,
    });
  }

  /** If this is lost too, the lease ends by itself. */
  async #giveBack(leaseId: number, rows: readonly Leased[], waitMs = 0): Promise<void> {
    if (rows.length === 0) return;
    const { db, log } = this.#parts;
    const ids = rows.map(({ id }) => id);
    await db
      .use((sql) => giveBack(sql, leaseId, ids, waitMs))
      .catch((error: unknown) => {
        log.warn({ err: error, deliveries: ids.length }, "leases could not be given back");
      });
    // To sleep no longer than until they are due.
    if (waitMs > 0) this.#signal.raise();
  }
}

const hasFailed = ({ attempts }: Leased): 0 | 1 => (attempts > 0 ? 1 : 0);

/** Ends one wait; a signal that is raised while nothing waits is kept. */
function makeSignal() {
  let isRaised = false;
  let resume: (() => void) | null = null;
  return {
    raise() {
      if (resume === null) isRaised = true;
      else resume();
    },
    wait(ms: number): Promise<void> {
      if (isRaised) {
        isRaised = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => resume?.(), ms);
        resume = () => {
          clearTimeout(timer);
          resume = null;
          resolve();
        };
      });
    },
  };
}
