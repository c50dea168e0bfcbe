// One client's stream of events (Server-Sent Events). What waits for the client is bounded: while that is much, nothing is added,
// and it is read from the log again when there is space; a client that takes nothing for some seconds is dropped, and may resume
// after the last event that it got. Every event comes once and in the order of ids.
import type { ServerResponse } from "node:http";
import { limits } from "#config";
import type { Line, Listener, Tail } from "#http/events/tail";
import type { Place } from "#store/events/log";

export interface StreamStart {
  readonly place: Place;
  /** The client named no event to go on from, so the stream says where it begins. */
  readonly isNew: boolean;
  /** Events that it may have missed were dropped, up to this id. */
  readonly dropped: number | null;
  readonly batch: string | undefined;
}

const reconnectMs = 1_000;
const resumeBytes = limits.eventBufferBytesMax / 2;
const ping = Buffer.from(": ping\n\n");
/** The farewell to a client that does not read is given up after this. */
const goodbyeMs = 1_000;

export class Stream implements Listener {
  readonly #out: ServerResponse;
  readonly #tail: Tail;
  readonly #batch: string | undefined;
  /** Every event up to here was written, or is of another batch. */
  #sent: Place;
  #upTo = 0;
  #reading = false;
  /** So many bytes has the next event that did not fit. */
  #next = 0;
  #resume = (): void => {};
  #ended = false;
  #written = 0;
  #taken = 0;
  #movedAt = performance.now();
  #beatAt = performance.now();

  /** Writes the opening lines; the head has been written. */
  constructor(out: ServerResponse, tail: Tail, { place, isNew, dropped, batch }: StreamStart) {
    this.#out = out;
    this.#tail = tail;
    this.#batch = batch;
    this.#sent = place;
    out.on("error", () => {});
    out.once("close", () => {
      this.#ended = true;
      tail.leave(this);
      this.#resume();
    });
    const gap = dropped === null ? "" : `event: gap\ndata: ${JSON.stringify({ dropped_to: dropped })}\n\n`;
    this.#write(Buffer.from(`retry: ${reconnectMs}\n${isNew ? `id: ${place.id}\n` : ""}\n${gap}`));
    tail.join(this);
  }

  take(lines: readonly Line[], from: number, to: Place): void {
    this.#upTo = to.id;
    if (this.#ended || this.#reading) return;
    if (this.#sent.id < from) void this.#catchUp();
    else if (this.#add(lines)) this.#advance(to);
  }

  beat(now: number): void {
    if (this.#ended) return;
    const taken = this.#written - this.#out.writableLength;
    if (taken > this.#taken || this.#hasCapacity()) this.#movedAt = now;
    this.#taken = Math.max(taken, this.#taken);
    if (now - this.#movedAt > limits.eventSlowMs) this.end("dropped: the client reads too slowly");
    else if (now - this.#beatAt >= limits.eventBeatMs) {
      this.#beatAt = now;
      this.#write(ping);
    }
  }

  end(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#tail.leave(this);
    this.#out.end(`: ${why}\n\n`);
    setTimeout(() => this.#out.destroy(), goodbyeMs).unref();
  }

  /** From the log, as fast as the client takes it, until it has what the tail has. */
  async #catchUp(): Promise<void> {
    this.#reading = true;
    try {
      while (!this.#ended && this.#sent.id < this.#upTo) {
        while (!this.#ended && !this.#hasCapacity()) await this.#moved();
        if (this.#ended) return;
        const { lines, place } = await this.#tail.page(this.#sent, this.#upTo, this.#batch);
        if (!this.#ended && this.#add(lines)) this.#advance(place);
      }
    } catch {
      // Postgres is away: comes again with the next look that succeeds.
    } finally {
      this.#reading = false;
    }
  }

  /** Whether reading on is worth it: at least one event will fit. */
  #hasCapacity(): boolean {
    const waiting = this.#out.writableLength;
    return waiting === 0 || (waiting < resumeBytes && waiting + this.#next <= limits.eventBufferBytesMax);
  }

  /** Something was taken, or the stream is over. (`drain` comes only after more has waited than suits here.) */
  #moved(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** False: they are not all written, since they did not fit. */
  #add(lines: readonly Line[]): boolean {
    const mine = lines.filter(({ id, batch }) => id > this.#sent.id && (this.#batch ?? batch) === batch);
    const waiting = this.#out.writableLength;
    let [n, bytes] = [0, 0];
    for (const { text } of mine) {
      // One that is larger than the whole buffer goes alone.
      if (waiting + bytes + text.length > limits.eventBufferBytesMax && waiting + bytes > 0) break;
      bytes += text.length;
      n++;
    }
    this.#next = mine[n]?.text.length ?? 0;
    const last = mine[n - 1];
    if (last === undefined) return mine.length === 0;
    const texts = mine.slice(0, n).map(({ text }) => text);
    this.#write(Buffer.concat(texts, bytes));
    if (n === mine.length) return true;
    this.#advance({ ...this.#sent, id: last.id });
    return false;
  }

  #advance(to: Place): void {
    if (to.id > this.#sent.id) this.#sent = to;
  }

  /** Bytes, never text: what waits of a text would be counted in characters. */
  #write(text: Buffer): void {
    this.#written += text.length;
    this.#out.write(text, () => this.#resume());
  }
}
