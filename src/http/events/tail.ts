// Follows the end of the log of events for all streams of this process: one read, handed to each. Nothing is handed on while
// an event with a smaller id may still appear. Looks only while somebody listens; while Postgres is away it looks in vain.
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import type { Db } from "#store/client";
import {
  type Drawn,
  drawn,
  endOfLog,
  eventsAfter,
  eventsUpTo,
  type ListedEvent,
  type Place,
  placeAfter,
  stillOpen,
} from "#store/events";
import type { Logger } from "#telemetry/log";

/** An event as it goes out. */
export interface Line {
  readonly id: number;
  readonly batch: string;
  /** UTF-8: encoded once for all clients, and what waits for one is counted in bytes. */
  readonly text: Buffer;
}

export interface Listener {
  /** All events after `from`, up to and including `to.id`. */
  take(lines: readonly Line[], from: number, to: Place): void;
  /** Once a second. */
  beat(now: number): void;
  end(why: string): void;
}

export class Tail {
  readonly #db: Db;
  readonly #log: Logger;
  readonly #listeners = new Set<Listener>();
  /** Everything up to here is decided, and has been handed on. */
  #place: Place | null = null;
  /** Ids below this may be missing: they are waited for until those who drew them have ended. */
  #hole: Drawn | null = null;
  #beating: NodeJS.Timeout | undefined;
  #running = false;
  #closed = false;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(db: Db, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  get size(): number {
    return this.#listeners.size;
  }
  get closed(): boolean {
    return this.#closed;
  }

  join(listener: Listener): void {
    this.#listeners.add(listener);
    if (this.#running) return;
    this.#running = true;
    this.#beating = setInterval(() => {
      const now = performance.now();
      for (const one of this.#listeners) one.beat(now);
    }, 1_000);
    void this.#run();
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Ends every stream; nobody may join any more. */
  close(): void {
    this.#closed = true;
    for (const listener of [...this.#listeners]) listener.end("closing");
  }

  /** The next page for a listener that is behind `upTo`; one at a time, so that others find a connection. */
  page(place: Place, upTo: number, batch?: string): Promise<Page> {
    const read = this.#reading.then(async () => {
      const { events, upTo: end } = await eventsUpTo(this.#db, place, upTo, limits.eventPageRows, batch);
      return { lines: events.map(lineOf), place: placeAfter(place, events, end) };
    });
    this.#reading = read.catch(() => {});
    return read;
  }

  async #run(): Promise<void> {
    while (this.#listeners.size > 0) {
      let more = false;
      try {
        more = await this.#look();
      } catch (error) {
        if (!(error instanceof Unavailable)) this.#log.warn({ err: error }, "the log of events could not be read");
      }
      await new Promise((resolve) => (more ? setImmediate(resolve) : setTimeout(resolve, limits.eventPollMs)));
    }
    clearInterval(this.#beating);
    this.#running = false;
    this.#place = this.#hole = null;
  }

  /** True: there is more to read at once. */
  async #look(): Promise<boolean> {
    let decided: number | null = null;
    if (this.#hole !== null) {
      this.#hole = await stillOpen(this.#db, this.#hole);
      if (this.#hole.open.size === 0) {
        decided = this.#hole.upTo;
        this.#hole = null;
      }
    }
    if (this.#place === null) return this.#begin(decided);
    const from = this.#place;
    const events = await eventsAfter(this.#db, from, limits.eventPageRows);
    const full = events.length === limits.eventPageRows;
    const ids = events.map(({ id }) => id);
    const to = reach(ids, from.id, decided ?? 0, full);
    const ready = events.filter(({ id }) => id <= to);
    const lines = ready.map(lineOf);
    this.#place = placeAfter(from, ready, to);
    for (const listener of this.#listeners) listener.take(lines, from.id, this.#place);
    // Most holes are gone by the next look; one that stays is asked about.
    if (ready.length === 0 && events.length > 0) this.#hole ??= await drawn(this.#db);
    return full && ready.length > 0;
  }

  /** The first place is one that everything before is decided of. */
  async #begin(decided: number | null): Promise<boolean> {
    if (decided === null) {
      this.#hole ??= await drawn(this.#db);
      return this.#hole.open.size === 0;
    }
    this.#place = { ...(await endOfLog(this.#db)), id: decided };
    return true;
  }
}

export interface Page {
  readonly lines: readonly Line[];
  /** Everything up to here is in it, or was before. */
  readonly place: Place;
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

const lineOf = (event: ListedEvent): Line => ({
  id: event.id,
  batch: event.batch_id,
  text: Buffer.from(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`),
});
