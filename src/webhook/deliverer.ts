// Sends what deliveries say: takes a lease only for what has a free lane, sends within the lease by the monotonic clock,
// and hands the outcome to the actor. Two processes never send the same one at once; when one dies, its lease ends and
// another repeats the call with the same key and the same bytes. Woken by commits, by free lanes and by the next due time.
import { randomInt } from "node:crypto";
import type { Work } from "#bus/work";
import { type Config, limits } from "#config";
import { receiverOf } from "#domain/action";
import { beginningOf } from "#domain/answer";
import { Unavailable } from "#domain/errors";
import { type About, type CallSettings, httpRequest, retryAfterMs, workMessage } from "#domain/webhook";
import { type DeliveryDb, type DeliveryOutcome, giveBack, type Leased, lease, nextDue } from "#store/deliveries";
import { metrics } from "#telemetry/metrics";
import type { Lanes } from "#webhook/lanes";
import type { Send } from "#webhook/send";

export interface DelivererParts {
  readonly config: Pick<
    Config,
    keyof CallSettings | "webhookDeliveryIntervalMs" | "webhookDeliveryBatchSize" | "webhookDeliveryLeaseSecs"
  >;
  readonly db: DeliveryDb;
  /** `new Lanes(webhookDeliveryConcurrency, <the lanes of starts>)`. */
  readonly lanes: Lanes;
  readonly send: Send;
  /** Takes the probes of receivers whose circuit is not closed; returns those that were to be had. */
  readonly probe: (receivers: readonly string[]) => Promise<ReadonlySet<string>>;
  /** The probe of this receiver was taken, and no call was made. */
  readonly giveUp: (receiver: string) => void;
  readonly work: Work;
  readonly tell: (outcome: DeliveryOutcome) => void;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** The wall clock, for a `Retry-After` that is a date. */
  readonly now?: () => Date;
}

/** A call ends so long before its lease does, and is not begun with less than this left for itself. */
const marginMs = 500;
const callMinMs = 500;
/** Where NATS could not take a message, and where Postgres did not answer. */
const awayMs = 2_000;

/** Runs from its making to `stop`. */
export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #open = new Set<Promise<void>>();
  readonly #bell = makeBell();
  readonly #unlisten: () => void;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
    this.#unlisten = parts.lanes.onFree((_receiver, wasFull) => {
      if (wasFull) this.#bell.ring();
    });
    this.#running = this.#run();
  }

  /** Something may be due: looks at once. */
  nudge(): void {
    this.#bell.ring();
  }

  /** Takes no more leases, and resolves when the last open call is told. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unlisten();
    this.#bell.ring();
    await this.#running;
    await Promise.all(this.#open);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const waitMs = await this.#round().catch((error: unknown) => {
        if (!(error instanceof Unavailable)) this.#parts.log.warn({ err: error }, "due deliveries could not be read");
        return awayMs;
      });
      if (waitMs > 0) await this.#bell.wait(waitMs);
    }
  }

  /** Returns how long nothing will be due, in ms; 0: look again at once. */
  async #round(): Promise<number> {
    const { config, db, lanes, giveUp } = this.#parts;
    const limit = Math.min(config.webhookDeliveryBatchSize, lanes.free());
    if (limit <= 0) return config.webhookDeliveryIntervalMs;
    const leaseId = randomInt(2 ** 48 - 1);
    const leaseSecs = config.webhookDeliveryLeaseSecs;
    const room = { rooms: lanes.rooms(), roomMax: lanes.roomMax };
    let endsAt = 0;
    const [dueMs, rows] = await db.use((sql) => {
      // From before the question, so that our end of the lease is never later than Postgres's.
      endsAt = performance.now() + leaseSecs * 1000;
      // In this order: what becomes due between the two is then in both, never in none.
      return Promise.all([nextDue(sql, room), lease(sql, { limit, leaseSecs, leaseId, ...room })]);
    });
    const probes = new Set(await this.#probes(rows));
    const unsent = rows.filter((row) => !this.#begin(row, leaseId, endsAt, probes));
    for (const receiver of probes) giveUp(receiver);
    if (unsent.length > 0) await this.#giveBack(leaseId, unsent);
    if (rows.length > 0 && unsent.length === 0) return 0;
    return Math.min(config.webhookDeliveryIntervalMs, dueMs ?? Number.POSITIVE_INFINITY);
  }

  /** The receivers of these that may be tried by a call of ours. */
  async #probes(rows: readonly Leased[]): Promise<ReadonlySet<string>> {
    const { lanes, probe } = this.#parts;
    const receivers = rows.map(({ action }) => receiverOf(action)).filter((receiver) => receiver !== null);
    const gated = new Set(receivers.filter((receiver) => lanes.isGated(receiver)));
    return gated.size === 0 ? gated : probe([...gated]);
  }

  /** False: no lane is free any more, the receiver may not be called, or the lease is nearly over. Takes its probe out. */
  #begin(row: Leased, leaseId: number, endsAt: number, probes: Set<string>): boolean {
    const { lanes, giveUp } = this.#parts;
    const receiver = receiverOf(row.action);
    const isProbe = receiver !== null && probes.has(receiver);
    if (!isProbe && lanes.room(receiver) <= 0) return false;
    const callMs = () => Math.min(limits.webhookTotalMs, endsAt - performance.now() - marginMs);
    if (this.#stopped || callMs() < callMinMs || !lanes.take(receiver, isProbe)) return false;
    if (isProbe) probes.delete(receiver);
    const call = this.#deliver(row, leaseId, callMs(), isProbe)
      .catch((error: unknown) => {
        if (isProbe) giveUp(receiver);
        this.#failed(row, leaseId, error);
      })
      .finally(() => {
        this.#open.delete(call);
        lanes.release(receiver);
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
      metrics.webhookSeconds.observe(result.ms / 1000, row.trigger, result.ok ? "success" : "failure");
      const { ok, status, error } = result;
      const call = {
        beganAt,
        ms: result.ms,
        answer: beginningOf(result.body ?? result.part, limits.deliveryAnswerBytesMax),
      };
      tell({ ...outcome, ok, status, error, retryAfterMs: retryAfterMs(result.retryAfter, now()) ?? 0, call });
      return;
    }
    // A repetition must arrive, so its id is new: JetStream would swallow the old one.
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

  /** An action of which no request can be made: it fails like any other, and does not come back with every lease. */
  #failed({ id, attempts, trigger }: Leased, leaseId: number, error: unknown): void {
    const { log, tell } = this.#parts;
    log.error({ err: error, delivery: id }, "a delivery could not be sent");
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
    const { db, log } = this.#parts;
    const ids = rows.map(({ id }) => id);
    await db
      .use((sql) => giveBack(sql, leaseId, ids, waitMs))
      .catch((error: unknown) => {
        log.warn({ err: error, deliveries: ids.length }, "leases could not be given back");
      });
    // To sleep no longer than until they are due.
    if (waitMs > 0) this.#bell.ring();
  }
}

/** Wakes one sleeper; a ring while nobody sleeps is kept. */
function makeBell() {
  let rung = false;
  let wake: (() => void) | null = null;
  return {
    ring() {
      if (wake === null) rung = true;
      else wake();
    },
    wait(ms: number): Promise<void> {
      if (rung) {
        rung = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => wake?.(), ms);
        wake = () => {
          clearTimeout(timer);
          wake = null;
          resolve();
        };
      });
    },
  };
}
