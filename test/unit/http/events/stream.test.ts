// What waits for one client, against a connection that takes what the test lets it take and a log that is counted.
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, it } from "vitest";
import { limits } from "#config";
import { Stream } from "#http/events/stream";
import type { Line, Tail } from "#http/events/tail";
import { until } from "#test/until";

const since = new Date(0);
const line = (id: number, bytes: number, of = "x"): Line => ({ id, batch: "b", text: Buffer.alloc(bytes, of) });

/** A connection; `take` is the client reading so many bytes. */
class Out extends EventEmitter {
  writableLength = 0;
  said = "";
  destroyed = false;
  #taken = 0;
  readonly #open: { upTo: number; taken: () => void }[] = [];
  /** `taken` is called when all of it is taken. */
  write(text: Buffer, taken: () => void): boolean {
    this.writableLength += text.length;
    this.#open.push({ upTo: this.#taken + this.writableLength, taken });
    return true;
  }
  end(text: string): void {
    this.said = text;
  }
  destroy(): void {
    this.destroyed = true;
  }
  take(bytes = this.writableLength): void {
    this.writableLength -= bytes;
    this.#taken += bytes;
    while (this.#open[0] !== undefined && this.#open[0].upTo <= this.#taken) this.#open.shift()?.taken();
  }
}

/** A stream from the beginning of a log that has these events; its first words are taken. */
function open(log: readonly Line[]) {
  const out = new Out();
  const pages: number[] = [];
  const tail = {
    join: () => {},
    leave: () => {},
    page: async ({ id }: { id: number }, upTo: number) => {
      pages.push(id);
      if (pages.length > 50) throw new Error("reads for ever");
      return { lines: log.filter((one) => one.id > id && one.id <= upTo), place: { id: upTo, since } };
    },
  };
  const start = { place: { id: 0, since }, isNew: false, dropped: null, batch: undefined };
  const stream = new Stream(out as unknown as ServerResponse, tail as unknown as Tail, start);
  out.take();
  return { out, stream, pages };
}

/** Longer than all promises that are settled take to be seen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

it("does not read the log again and again for an event that does not fit, and drops who takes nothing", async () => {
  const large = line(2, limits.eventBufferBytesMax + 1);
  const { out, stream, pages } = open([large]);
  stream.take([line(1, 1_000)], 0, { id: 1, since });
  stream.take([large], 1, { id: 2, since });
  stream.take([], 2, { id: 2, since });
  await settle();
  expect(out.writableLength).toBe(1_000);
  expect(pages.length).toBeLessThan(2);
  const now = performance.now();
  stream.beat(now);
  stream.beat(now + limits.eventSlowMs + 1);
  expect(out.said).toContain("too slowly");
});

it("goes on with an event that did not fit when the client has taken what was before it", async () => {
  const large = line(2, limits.eventBufferBytesMax + 1);
  const { out, stream, pages } = open([large]);
  stream.take([line(1, 1_000)], 0, { id: 1, since });
  stream.take([large], 1, { id: 2, since });
  stream.take([], 2, { id: 2, since });
  await settle();
  out.take(400);
  await settle();
  const now = performance.now();
  stream.beat(now);
  stream.beat(now + limits.eventSlowMs - 1);
  out.take();
  await until(() => out.writableLength === large.text.length);
  stream.beat(now + limits.eventSlowMs + 1);
  expect(out.said).toBe("");
  expect(pages.length).toBeLessThan(3);
});

it("never lets more bytes wait than it may, whatever they say", async () => {
  const log = Array.from({ length: 40 }, (_, n) => line(n + 1, 20_000, "é"));
  const { out, stream } = open(log);
  stream.take(log, 0, { id: 40, since });
  expect(out.writableLength).toBeLessThanOrEqual(limits.eventBufferBytesMax);
  expect(out.writableLength).toBeGreaterThan(limits.eventBufferBytesMax - 20_000);
});
