// Follows the end of the log of events for all streams of this process: one read, handed to each. Nothing is handed on while
// an event with a smaller id may still appear. It looks only while a client listens, and goes on looking while Postgres is away.
// When nothing has happened for a while it hears from NATS that something has, so that a console that is left open costs nothing.
import type { NextEvent } from "#bus/events";
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import { eventsUpTo, type ListedEvent, type Place, placeAfter } from "#store/events/log";
import { LogReader } from "#store/events/reader";
import type { Db } from "#store/pg/pool";
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
  readonly #nextEvent: NextEvent;
  readonly #log: Logger;
  readonly #listeners = new Set<Listener>();
  #reader: LogReader | null = null;
  #beating: NodeJS.Timeout | undefined;
  #running = false;
  #closed = false;
  #reading: Promise<unknown> = Promise.resolve();
  /** Since when there has been no event. */
  #quietSince = performance.now();
  /** Ends the waiting for the next event on NATS, while there is some. */
  #unlisten: (() => void) | null = null;
  /** Ends the present pause between two looks. */
  #endPause = (): void => {};

  constructor(db: Db, nextEvent: NextEvent, log: Logger) {
    this.#db = db;
    this.#nextEvent = nextEvent;
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
    this.#endPause();
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

  /** Ends every stream; no stream may join any more. */
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
      if (more) await new Promise((resolve) => setImmediate(resolve));
      else if (this.#isQuiet()) await this.#rest();
      else await this.#pause(limits.eventPollMs);
    }
    this.#unlisten?.();
    this.#unlisten = null;
    clearInterval(this.#beating);
    this.#running = false;
    this.#reader = null;
  }

  /** True: there is more to read at once. */
  async #look(): Promise<boolean> {
    this.#reader ??= new LogReader(this.#db, null);
    const read = await this.#reader.read(limits.eventPageRows);
    if (read === null) return false;
    if (read.events.length > 0) this.#stir();
    const lines = read.events.map(lineOf);
    for (const listener of this.#listeners) listener.take(lines, read.from, read.to);
    return read.more;
  }

  #isQuiet(): boolean {
    return this.#reader?.isWaiting === false && performance.now() - this.#quietSince > limits.eventQuietMs;
  }

  /** Once it listens it looks again at once: an event may have been published just before. */
  async #rest(): Promise<void> {
    if (this.#unlisten !== null) return this.#pause(limits.eventRestMs);
    const since = this.#quietSince;
    const unlisten = await this.#nextEvent(() => this.#stir());
    if (unlisten === null) await this.#pause(limits.eventPollMs);
    else if (since === this.#quietSince) this.#unlisten = unlisten;
    else unlisten();
  }

  /** Something happens: it looks at short intervals for a while. */
  #stir(): void {
    this.#quietSince = performance.now();
    this.#unlisten?.();
    this.#unlisten = null;
    this.#endPause();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

export interface Page {
  readonly lines: readonly Line[];
  /** Everything up to here is in it, or was before. */
  readonly place: Place;
}

const lineOf = (event: ListedEvent): Line => ({
  id: event.id,
  batch: event.batch_id,
  text: Buffer.from(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`),
});
