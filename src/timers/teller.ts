// Sees to it that every transition this worker commits is told on NATS at least once. A turn's events go out right after its
// commit; `told` is the id up to which NATS has confirmed them all, and is kept in the worker's row. Where something may be
// missing (NATS was away, too much was on the way, nobody knows whether a turn committed) it is read from the log again, from
// `told` on. What a dead worker owes is told by whoever outlives it. Nothing waits for this, and nothing is kept in memory.
import type { EventWire, ToldEvent } from "#bus/events";
import { limits } from "#config";
import type { TaskEventRow } from "#domain/row";
import type { Db } from "#store/client";
import * as log from "#store/events";
import { inherit } from "#store/inherit";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

interface Parts {
  readonly db: Db;
  readonly wire: EventWire;
  /** This worker's name in events; null until it is registered. */
  readonly actor: () => string | null;
  readonly log: Logger;
}

/** What becomes of the events of one turn. Exactly one of these is called. */
export interface Telling {
  /** They are committed under these ids. */
  done(events: readonly TaskEventRow[], ids: readonly number[]): void;
  /** None was written. */
  nothing(): void;
  /** Nobody knows. */
  unknown(): void;
}

/** What has not drawn its ids, as far as is known; `above`: an id below all of them. */
interface Turn {
  above: number;
}

export class Teller {
  readonly #parts: Parts;
  readonly #loop: Loop;
  /** Turns under way. */
  readonly #open = new Set<Turn>();
  /** Turns of unknown outcome, oldest first: Postgres may begin to write their events only now, and nobody sees them until then. */
  readonly #doubts: (Turn & { answers: number })[] = [];
  #begun = 0;
  /** The largest id that is known to be drawn. */
  #seen: number | null = null;
  /** Confirmed by NATS now, and a while ago: a server that dies may not have passed on what it had confirmed just then. */
  #confirmed = 0;
  #told = 0;
  #behind = false;
  /** Those who listen may have lost the same server: they come back first. */
  #resting = false;
  #inheriting: Promise<void> | null = null;
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.wire.onLost(() => this.#fallBehind());
    this.#loop = loop("teller", parts.log, () => this.#tick(), limits.eventTellMs);
  }

  /** Everything up to this id has been told. */
  get told(): number {
    return this.#told;
  }

  /** The worker is registered, and this is the end of the log: before it nothing is its own. */
  registered(drawn: number): void {
    if (this.#seen !== null) return;
    this.#seen = this.#confirmed = this.#told = drawn;
  }

  /** Tells one quiet time from another; null: a turn is under way. */
  quiet(): number | null {
    return this.#isSure ? this.#begun : null;
  }

  /** The log ended at `drawn`, asked in that quiet time: if it still lasts, none of it is untold. */
  endsAt(drawn: number, quiet: number | null): void {
    if (quiet !== null && quiet === this.quiet()) this.#see(drawn);
  }

  begin(): Telling {
    const turn = { above: this.#seen ?? 0 };
    this.#open.add(turn);
    this.#begun++;
    const end = () => void this.#open.delete(turn);
    return {
      nothing: end,
      unknown: () => {
        end();
        this.#doubt(turn);
        this.#fallBehind();
      },
      done: (events, ids) => {
        end();
        for (let i = 0; i < events.length; i++) this.#tell(events[i] as TaskEventRow, ids[i] as number);
      },
    };
  }

  /** True: everything has been told. */
  async stop(): Promise<boolean> {
    this.#stopped = true;
    await Promise.all([this.#loop.stop(), this.#inheriting]);
    if (this.#seen === null) return true;
    return this.#isSure && !this.#behind && (await this.#parts.wire.flush()) && !this.#behind;
  }

  /** Tells what workers that have died still owe. For those who may say who is dead. */
  inherit(): void {
    if (this.#stopped || this.#inheriting !== null) return;
    this.#inheriting = this.#inherit()
      .catch((error) => this.#parts.log.debug({ err: error }, "what dead workers owe is told later"))
      .finally(() => {
        this.#inheriting = null;
      });
  }

  async #inherit(): Promise<void> {
    const { db, wire } = this.#parts;
    const heir = { settled: () => this.#settled(), tell: (events: readonly ToldEvent[]) => this.#tellPage(events) };
    while (wire.up && !this.#stopped && (await inherit(db, limits.eventPageRows, heir)));
  }

  get #isSure(): boolean {
    return this.#open.size === 0 && this.#doubts.length === 0;
  }

  /** Those that come while Postgres does not answer are one: there may be many. */
  #doubt({ above }: Turn): void {
    const last = this.#doubts.at(-1);
    if (last?.answers === 0) last.above = Math.min(last.above, above);
    else this.#doubts.push({ above, answers: 0 });
  }

  /** A doubt is over when Postgres has answered for so long that it must have got to that turn; whatever it wrote is in the log. */
  async #settleDoubts(): Promise<void> {
    if (this.#doubts.length === 0) return;
    const asked = [...this.#doubts];
    await log.endOfLog(this.#parts.db);
    for (const doubt of asked) doubt.answers++;
    const over = asked.filter(({ answers }) => answers * limits.eventTellMs > limits.eventDoubtMs).length;
    if (over === 0) return;
    this.#doubts.splice(0, over);
    this.#fallBehind();
  }

  #see(id: number): void {
    if (id > (this.#seen ?? 0)) this.#seen = id;
  }

  #tell(event: TaskEventRow, id: number): void {
    this.#see(id);
    if (this.#behind || event.from === event.to) return;
    if (!this.#parts.wire.publish({ id, ...event })) this.#fallBehind();
  }

  /** The rest is told from the log. */
  #fallBehind(): void {
    if (!this.#behind) this.#resting = true;
    this.#behind = true;
  }

  async #tick(): Promise<number> {
    const { wire, actor } = this.#parts;
    if (this.#seen === null) return limits.eventTellMs;
    await this.#settleDoubts();
    if (!wire.up) return limits.eventTellMs;
    if (this.#resting) this.#resting = false;
    else if (this.#behind) {
      await this.#catchUp(actor() as string);
    } else await this.#confirm(this.#seen);
    return limits.eventTellMs;
  }

  async #confirm(seen: number): Promise<void> {
    const mark = Math.min(seen, ...[...this.#open, ...this.#doubts].map(({ above }) => above));
    if (!(await this.#parts.wire.flush()) || this.#behind) return;
    this.#told = this.#confirmed;
    this.#confirmed = mark;
  }

  async #catchUp(actor: string): Promise<void> {
    const { db } = this.#parts;
    // From here on turns tell their own again; those that did not are in the log before its end is asked for.
    this.#behind = false;
    try {
      const upTo = await this.#settled();
      if (upTo === null) return this.#fallBehind();
      let place = await db.use((sql) => log.placeOf(sql, this.#told));
      while (place.id < upTo && !this.#stopped) {
        const from = place;
        const page = await db.use((sql) => log.eventsBy(sql, actor, from, upTo, limits.eventPageRows));
        if (this.#behind || !(await this.#tellPage(page.events))) return this.#fallBehind();
        place = log.placeAfter(place, page.events, page.upTo);
        this.#told = place.id;
      }
      if (this.#stopped) return this.#fallBehind();
      this.#confirmed = this.#told = upTo;
      // Whoever had drawn up to there was waited for.
      for (const turn of [...this.#open, ...this.#doubts]) turn.above = Math.max(turn.above, upTo);
    } catch (error) {
      this.#fallBehind();
      throw error;
    }
  }

  async #tellPage(events: readonly ToldEvent[]): Promise<boolean> {
    const { wire } = this.#parts;
    return events.every((event) => wire.publish(event)) && (events.length === 0 || (await wire.flush()));
  }

  /** The end of the log, once everything before it is committed or will never be; null: this teller stops. */
  #settled(): Promise<number | null> {
    return log.settled(this.#parts.db, () => !this.#stopped);
  }
}
