// Reads the log of events on, in the order of ids, so that nothing is passed over that commits late. At a gap the reader waits
// until those who may have drawn the missing ids have ended (docs/decisions/0011).
import {
  type Drawn,
  drawn,
  endOfLog,
  eventsAfter,
  type ListedEvent,
  type Place,
  placeAfter,
  stillOpen,
} from "#store/events/log";
import type { Db } from "#store/pg/pool";

export interface Read {
  readonly events: readonly ListedEvent[];
  /** They are all there is, and ever will be, after `from` and up to `to.id`. */
  readonly from: number;
  readonly to: Place;
  /** There is more to read at once. */
  readonly more: boolean;
}

export class LogReader {
  readonly #db: Db;
  /** Everything up to here is decided, and has been handed on. */
  #place: Place | null;
  /** Ids below this may be missing: they are waited for until those who drew them have ended. */
  #hole: Drawn | null = null;

  /** Without a place it begins at the end of the log, as soon as everything before that is decided. */
  constructor(db: Db, place: Place | null) {
    this.#db = db;
    this.#place = place;
  }

  /** Events were seen that may not be handed on yet, or it has not begun. */
  get isWaiting(): boolean {
    return this.#hole !== null || this.#place === null;
  }

  /** The next events, `limit` at most; null: it has not begun yet. */
  async read(limit: number): Promise<Read | null> {
    const decided = await this.#decided();
    const from = this.#place ?? (await this.#begin(decided));
    if (from === null) return null;
    const events = await eventsAfter(this.#db, from, limit);
    const full = events.length === limit;
    const to = reach(
      events.map(({ id }) => id),
      from.id,
      decided ?? 0,
      full,
    );
    const ready = events.filter(({ id }) => id <= to);
    this.#place = placeAfter(from, ready, to);
    // Most holes are gone by the next look; one that stays is asked about.
    if (ready.length === 0 && events.length > 0) this.#hole ??= await drawn(this.#db);
    return { events: ready, from: from.id, to: this.#place, more: full && ready.length > 0 };
  }

  /** Up to where everything is decided now, if that was asked for and has come true. */
  async #decided(): Promise<number | null> {
    if (this.#hole === null) return null;
    this.#hole = await stillOpen(this.#db, this.#hole);
    if (this.#hole.open.size > 0) return null;
    const { upTo } = this.#hole;
    this.#hole = null;
    return upTo;
  }

  async #begin(decided: number | null): Promise<Place | null> {
    if (decided !== null) return { ...(await endOfLog(this.#db)), id: decided };
    const seen = await drawn(this.#db);
    if (seen.open.size === 0) return { ...(await endOfLog(this.#db)), id: seen.upTo };
    this.#hole ??= seen;
    return null;
  }
}

/**
 * How far a reader at `from` may go who sees these ids, ascending: through ids without a gap, and to `decided`, up to which
 * all that will ever be is there. `full`: there may be more than these.
 */
export function reach(ids: readonly number[], from: number, decided: number, full: boolean): number {
  let at = from;
  for (const id of ids) {
    if (id > Math.max(at, decided) + 1) return Math.max(at, decided);
    at = id;
  }
  return full ? at : Math.max(at, decided);
}
