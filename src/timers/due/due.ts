// Sends a command for each timer that went off. Two loops read the same table. `due` follows the clock: it goes on from where it was
// and sleeps until the next timer, so it reads only what has just become due. `overdue` is the sweep: it reads everything that is
// due, page by page, and rests in proportion to the time that took. Both pass over what waits in the mailbox already, so a locked
// batch delays no timer of another.
import { limits } from "#config";
import type { LocalCommand } from "#domain/turn/items";
import { type DuePlace, dueFrom, firstDue, lookDue, type Timer } from "#store/maintenance/due";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { PendingTimers } from "#timers/due/pending";
import { Timeouts, type Unsettled } from "#timers/due/timeouts";
import { type Loop, loop } from "#timers/loop";

interface Parts {
  readonly db: Db;
  readonly sweepMs: number;
  readonly tell: (command: LocalCommand) => void;
  /** A command of a timer or a sweep for this task or batch still waits for a turn of this process. */
  readonly isWaiting: (id: string) => boolean;
  /** What the streams hold; null: not known now. */
  readonly unsettled: () => Promise<Unsettled | null>;
  /** When Postgres and NATS came back last, by the monotonic clock; infinite while one of them is away. */
  readonly upSinceMs: () => number;
  readonly log: Logger;
}

/** A turn that is under way may commit a timer that was due a moment ago. */
const overlapMs = 200;
/** The turns get this time to decide some. */
const settleMs = 50;
/** The sweep rests this many times as long as it took. */
const restFactor = 3;

/** Only a time-out may be prevented by a message that is on its way. */
const isSilence = ({ kind }: Timer): boolean => kind === "silence";

/** The result of one page. */
interface Page {
  /** Null: there is nothing more after it. */
  readonly next: DuePlace | null;
  /** Timers from here on were left out while the mailbox was full, and should be looked at again soon. */
  readonly again: DuePlace | null;
  readonly now: Date;
  readonly nextMs: number | null;
}

export class DueTimers {
  readonly #parts: Parts;
  readonly #pending: PendingTimers;
  readonly #timeouts: Timeouts;
  readonly #due: Loop;
  readonly #overdue: Loop;
  /** How far `due` has come, and from where it looks again, at the latest when it has come to the end. */
  #place = firstDue;
  #again: DuePlace | null = null;
  /** The earliest that was armed since `due` went on from a time. */
  #armedAt = Number.POSITIVE_INFINITY;
  /** How far `overdue` has come, and how long its pages took since the beginning. */
  #swept = firstDue;
  #tookMs = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#pending = new PendingTimers(parts.isWaiting);
    this.#timeouts = new Timeouts(parts);
    this.#due = loop("due", parts.log, () => this.#follow());
    this.#overdue = loop("overdue", parts.log, () => this.#sweep());
  }

  /** Looks in `ms` at the latest. */
  within(ms: number): void {
    this.#due.within(ms);
  }

  /** A timer was armed in this process, and its row is committed: it fires even if the loop has passed its time. */
  armed(at: Date): void {
    this.#armedAt = Math.min(this.#armedAt, at.getTime());
    this.#due.within(Math.max(0, at.getTime() - Date.now()));
  }

  async stop(): Promise<void> {
    await Promise.all([this.#due.stop(), this.#overdue.stop()]);
  }

  /** Goes on from where it was; returns after how many ms it goes on again. */
  async #follow(): Promise<number> {
    await this.#tellReleased();
    const found = await this.#page(this.#place);
    this.#again ??= found.again;
    if (found.next !== null) {
      this.#place = found.next;
      return this.#pending.isFull ? settleMs : 0;
    }
    const { sweepMs } = this.#parts;
    const fromMs = found.now.getTime() - overlapMs;
    const isPast = this.#armedAt < fromMs;
    this.#place = this.#again ?? dueFrom(new Date(Math.min(fromMs, this.#armedAt)));
    const restMs = this.#again === null && !isPast ? Math.max(found.nextMs ?? sweepMs, 1) : settleMs;
    if (this.#again === null) this.#armedAt = Number.POSITIVE_INFINITY;
    this.#again = null;
    return Math.min(sweepMs, restMs, this.#timeouts.nextMs);
  }

  /** The next page of everything that is due; returns after how many ms it goes on. */
  async #sweep(): Promise<number> {
    const began = performance.now();
    const { next } = await this.#page(this.#swept);
    this.#due.within(this.#timeouts.nextMs);
    const pageMs = performance.now() - began;
    this.#tookMs += pageMs;
    this.#swept = next ?? firstDue;
    if (next !== null) return this.#pending.isFull ? settleMs : pageMs;
    const restMs = Math.max(this.#parts.sweepMs, this.#tookMs * restFactor);
    this.#tookMs = 0;
    return restMs;
  }

  /** Sends commands for what is due after a place, as far as the mailbox takes it. */
  async #page(after: DuePlace): Promise<Page> {
    const { timers, now, nextMs } = await lookDue(this.#parts.db, after, limits.sweepRowsMax);
    const mayFire = await this.#timeouts.ripe(timers.filter(isSilence));
    const at = performance.now();
    this.#pending.refresh(at);
    let last = after;
    let again: DuePlace | null = null;
    for (const timer of timers) {
      const choice = isSilence(timer) && !mayFire.has(timer) ? "known" : this.#pending.choose(timer, at);
      if (choice === "full") return { next: last, again, now, nextMs };
      if (choice === "later") again ??= last;
      if (choice === "tell") this.#tell(timer);
      last = timer;
    }
    return { next: timers.length < limits.sweepRowsMax ? null : last, again, now, nextMs };
  }

  /** Time-outs whose message is settled by now. */
  async #tellReleased(): Promise<void> {
    const ripe = await this.#timeouts.released();
    const at = performance.now();
    for (const timer of ripe) if (this.#pending.choose(timer, at) === "tell") this.#tell(timer);
  }

  #tell({ id, kind }: Timer): void {
    const { tell } = this.#parts;
    tell(kind === "deadline" ? { type: "deadline", batch: id } : { type: "due", task: id, ends: kind !== "ready" });
  }
}
