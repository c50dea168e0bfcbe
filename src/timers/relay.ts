// Publishes the log of events, one process at a time: it holds the row of the relay for a lease, reads the log in order, and writes down
// how far it has come once JetStream has stored the events. If it dies, another goes on from there; if NATS dies and has lost some, they
// are published again. So an event may come twice and none is missing. No transition waits for this. The relay reads every start and
// end of the cluster, in order, once.
import type { EventStream } from "#bus/events";
import { limits } from "#config";
import { type Tally, talliesOf } from "#domain/tally";
import { LogReader } from "#store/events/reader";
import { advanceRelay, leaveRelay, placeOfRelay, takeRelay } from "#store/events/relay";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

interface Parts {
  readonly db: Db;
  readonly stream: EventStream;
  /** This process's id; null until it is registered. */
  readonly self: () => number | null;
  readonly log: Logger;
}

/** The lease on the row, by the steady clock of this process. */
interface Held {
  readonly self: number;
  readonly reader: LogReader;
  /** The stream held the events up to this one when the reading began. */
  readonly kept: number;
  /** Published, and written down as published. */
  upto: number;
  /** Of the last message in the stream. */
  sequence: number;
  /** The lease was granted after this moment. */
  grantedAt: number;
}

export class EventRelay {
  readonly #parts: Parts;
  readonly #loop: Loop;
  #held: Held | null = null;
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#loop = loop("events", parts.log, () => this.#tick(), limits.eventRelayIdleMs);
  }

  /** Ends after what is on its way, and lets another process go on at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop.stop();
    // Also after a pass that failed, which may have left the row with this process.
    const self = this.#parts.self();
    if (self !== null) await leaveRelay(this.#parts.db, self).catch(() => {});
    this.#held = null;
  }

  async #tick(): Promise<number> {
    // Without NATS the lease is not prolonged: another process may still reach it.
    if (!this.#parts.stream.up) return limits.eventRelayIdleMs;
    try {
      if (!this.#parts.stream.knowsEnd) this.#held = null;
      this.#held ??= await this.#take();
      return this.#held === null ? limits.eventRelayIdleMs : await this.#publish(this.#held);
    } catch (error) {
      // What was read and not written down is read again.
      this.#held = null;
      throw error;
    }
  }

  async #take(): Promise<Held | null> {
    const self = this.#parts.self();
    if (self === null) return null;
    const { db, stream, log } = this.#parts;
    const grantedAt = performance.now();
    const noted = await takeRelay(db, self, limits.eventRelayLeaseMs);
    if (noted === null) return null;
    const end = await stream.end();
    const { place, kept } = await placeOfRelay(db, noted, end);
    log.info({ after: Math.max(place.id, kept), noted: noted.upto }, "this process publishes the events");
    return { self, grantedAt, kept, upto: noted.upto, sequence: end.sequence, reader: new LogReader(db, place) };
  }

  /** Publishes what there is; gives how long to wait for more. */
  async #publish(held: Held): Promise<number> {
    for (let more = true; more && !this.#stopped; ) {
      const read = await held.reader.read(limits.eventPageRows);
      if (read === null) break;
      // A process that stood still may have lost its lease, and must not publish beside another one.
      if (ageOf(held) > limits.eventRelayLeaseMs / 2 && !(await this.#note(held, held.upto))) return this.#lose();
      const moves = read.events.filter(({ from, to }) => from !== to);
      const unpublished = moves.filter(({ id }) => id > held.kept);
      held.sequence = await this.#parts.stream.publish(unpublished);
      metrics.eventsPublished.add(unpublished.length);
      // What is published again was counted before.
      const uncounted = moves.filter(({ id }) => id > held.upto);
      if (read.to.id > held.upto && !(await this.#note(held, read.to.id, talliesOf(uncounted)))) return this.#lose();
      more = read.more;
    }
    return limits.eventPollMs;
  }

  /** Prolongs the lease as well. */
  async #note(held: Held, upto: number, tallies: readonly Tally[] = []): Promise<boolean> {
    const grantedAt = performance.now();
    const noted = { upto, sequence: held.sequence };
    if (!(await advanceRelay(this.#parts.db, held.self, limits.eventRelayLeaseMs, noted, tallies))) return false;
    Object.assign(held, { upto, grantedAt });
    return true;
  }

  #lose(): number {
    this.#held = null;
    this.#parts.log.info("another process publishes the events");
    return limits.eventRelayIdleMs;
  }
}

const ageOf = ({ grantedAt }: Held): number => performance.now() - grantedAt;
