// Whether a time-out that is due may fire. It waits for the messages that name its own task or batch, and for nothing else: what
// JetStream stored before the end may be the heartbeat or the report that would have prevented it. And it gives services time to
// report after an outage, during which no report could arrive.
import type { Timer } from "#store/maintenance/due";

/** What the streams hold that is not settled. */
export interface Unsettled {
  /** When the newest message that names this task or batch was stored, in ms by the clock of Postgres; null: none names it. */
  readonly newest: (id: string) => number | null;
  /** There are more messages than were looked at: each may name any task. */
  readonly isPartial: boolean;
}

interface Parts {
  readonly unsettled: () => Promise<Unsettled | null>;
  readonly upSinceMs: () => number;
}

/** After an outage a time-out waits as long as its own limit, but no longer than this. */
const graceMaxSecs = 60;
/** Where there are more messages than can be looked at, a time-out waits this long. A message that a dead process held comes again after 8 s. */
const partialMs = 10_000;
const heldMax = 5_000;
const lookAgainMs = 100;
const lookAgainMaxMs = 1_000;

export class Timeouts {
  readonly #parts: Parts;
  /** Those that wait for a message, and since when they are known to be due. */
  readonly #held = new Map<string, { readonly timer: Timer; readonly sinceMs: number }>();
  #pauseMs = lookAgainMs;
  #lookAtMs = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Those of these that may fire now. Of the others a sweep asks again, and `released` gives those that only wait for a message. */
  async ripe(timers: readonly Timer[]): Promise<ReadonlySet<Timer>> {
    const late = this.#afterGrace(timers);
    const unsettled = late.length === 0 ? null : await this.#parts.unsettled();
    const ripe = new Set<Timer>();
    if (unsettled === null) return ripe;
    for (const timer of late) if (this.#isRipe(timer, unsettled)) ripe.add(timer);
    return ripe;
  }

  /** Those that waited for a message that is settled by now. */
  async released(): Promise<readonly Timer[]> {
    if (this.nextMs > 0) return [];
    const unsettled = await this.#parts.unsettled();
    const held = this.#afterGrace([...this.#held.values()].map(({ timer }) => timer));
    const ripe = unsettled === null ? [] : held.filter((timer) => this.#isRipe(timer, unsettled));
    this.#pauseMs = ripe.length > 0 ? lookAgainMs : Math.min(2 * this.#pauseMs, lookAgainMaxMs);
    this.#lookAtMs = performance.now() + this.#pauseMs;
    return ripe;
  }

  /** In how many ms to ask for them again. */
  get nextMs(): number {
    return this.#held.size === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#lookAtMs - performance.now());
  }

  /** The time-outs whose services could report for long enough since the last outage. */
  #afterGrace(timers: readonly Timer[]): readonly Timer[] {
    const upMs = performance.now() - this.#parts.upSinceMs();
    return timers.filter(({ timeoutSecs }) => upMs >= Math.min(timeoutSecs, graceMaxSecs) * 1_000);
  }

  #isRipe(timer: Timer, unsettled: Unsettled): boolean {
    const key = `${timer.id} ${timer.at}`;
    const since = this.#held.get(key)?.sinceMs ?? performance.now();
    if (!isPrevented(timer, unsettled, performance.now() - since)) {
      this.#held.delete(key);
      return true;
    }
    if (this.#held.size < heldMax && !this.#held.has(key)) {
      if (this.#held.size === 0) {
        this.#pauseMs = lookAgainMs;
        this.#lookAtMs = performance.now() + lookAgainMs;
      }
      this.#held.set(key, { timer, sinceMs: since });
    }
    return false;
  }
}

/**
 * Whether a message may still prevent it. One that was stored before the task was last heard of has been applied, or could not
 * move the time-out any more: it stays in the stream only for others that it names.
 */
function isPrevented({ id, batch, lastUpdated }: Timer, { newest, isPartial }: Unsettled, waitedMs: number): boolean {
  const stored = Math.max(newest(id) ?? Number.NEGATIVE_INFINITY, newest(batch) ?? Number.NEGATIVE_INFINITY);
  return stored > lastUpdated.getTime() || (isPartial && waitedMs < partialMs);
}
