// A time-out waits for the messages of its own task or batch, for services that could not report, and for nothing else.
import { expect, it, vi } from "vitest";
import type { Timer } from "#store/maintenance/due";
import { until } from "#test/until";
import { Timeouts, type Unsettled } from "#timers/due/timeouts";

const heardAt = 1_000_000;
const timer = (id: string, timeoutSecs = 5): Timer => ({
  ...{ id, batch: `batch of ${id}`, at: "then", kind: "silence", timeoutSecs },
  lastUpdated: new Date(heardAt),
});

function make(start: Record<string, number> | null = {}) {
  const streams = { newest: start, isPartial: false, asked: 0, upSinceMs: Number.NEGATIVE_INFINITY };
  const timeouts = new Timeouts({
    unsettled: async (): Promise<Unsettled | null> => {
      streams.asked++;
      const { newest, isPartial } = streams;
      return newest === null ? null : { newest: (id) => newest[id] ?? null, isPartial };
    },
    upSinceMs: () => streams.upSinceMs,
  });
  const ripe = async (...timers: Timer[]) => [...(await timeouts.ripe(timers))].map(({ id }) => id);
  return { streams, timeouts, ripe };
}

it("fires where no message names the task", async () => {
  const { ripe, streams } = make({ other: heardAt + 1, "batch of other": heardAt + 1 });
  expect(await ripe(timer("a"))).toEqual(["a"]);
  expect(streams.asked).toBe(1);
});

it("waits for a message that names its task or its batch, and was stored after the task was heard of", async () => {
  const { ripe } = make({ a: heardAt + 1, "batch of b": heardAt + 1, c: Number.POSITIVE_INFINITY });
  expect(await ripe(timer("a"), timer("b"), timer("c"), timer("d"))).toEqual(["d"]);
});

it("does not wait for one that was stored before: it is applied, and stays for others that it names", async () => {
  const { ripe } = make({ a: heardAt, "batch of a": heardAt - 1 });
  expect(await ripe(timer("a"))).toEqual(["a"]);
});

it("fires nothing while nothing is known of the streams", async () => {
  const { ripe, streams } = make(null);
  expect(await ripe(timer("a"))).toEqual([]);
  streams.newest = {};
  expect(await ripe(timer("a"))).toEqual(["a"]);
});

it("waits for all messages where there are too many to look at, but not for ever", async () => {
  const clock = vi.spyOn(performance, "now");
  try {
    clock.mockReturnValue(0);
    const { ripe, streams } = make();
    streams.isPartial = true;
    expect(await ripe(timer("a"))).toEqual([]);
    clock.mockReturnValue(9_999);
    expect(await ripe(timer("a"))).toEqual([]);
    clock.mockReturnValue(10_000);
    expect(await ripe(timer("a"), timer("b"))).toEqual(["a"]);
  } finally {
    clock.mockRestore();
  }
});

it("asks again soon for those that waited for a message only", async () => {
  const { ripe, streams, timeouts } = make({ a: heardAt + 1 });
  expect(timeouts.nextMs).toBe(Number.POSITIVE_INFINITY);
  expect(await ripe(timer("a"))).toEqual([]);
  streams.newest = {};
  await until(async () => (await timeouts.released()).some(({ id }) => id === "a"));
  expect(timeouts.nextMs).toBe(Number.POSITIVE_INFINITY);
});

it("gives that time also to those that waited for a message before the outage", async () => {
  const { ripe, streams, timeouts } = make({ a: heardAt + 1 });
  const clock = vi.spyOn(performance, "now");
  try {
    clock.mockReturnValue(1_000);
    expect(await ripe(timer("a", 60))).toEqual([]);
    Object.assign(streams, { newest: {}, upSinceMs: 5_000 });
    for (const [nowMs, fire] of [
      [5_000, []],
      [64_999, []],
      [66_000, ["a"]],
    ] as const) {
      clock.mockReturnValue(nowMs);
      expect(
        (await timeouts.released()).map(({ id }) => id),
        `${nowMs} ms`,
      ).toEqual(fire);
    }
  } finally {
    clock.mockRestore();
  }
});

it("gives services time to report after an outage: as long as the limit, a minute at most", async () => {
  const clock = vi.spyOn(performance, "now");
  try {
    const { ripe, streams } = make();
    streams.upSinceMs = 1_000;
    const [short, long] = [timer("short", 5), timer("long", 600)];
    for (const [nowMs, fire] of [
      [1_000, []],
      [5_999, []],
      [6_000, ["short"]],
      [60_999, ["short"]],
      [61_000, ["short", "long"]],
    ] as const) {
      clock.mockReturnValue(nowMs);
      expect(await ripe(short, long), `${nowMs} ms`).toEqual(fire);
    }
    streams.upSinceMs = Number.POSITIVE_INFINITY;
    expect(await ripe(short, long)).toEqual([]);
  } finally {
    clock.mockRestore();
  }
});
