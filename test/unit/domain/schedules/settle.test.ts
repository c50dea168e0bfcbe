// What has become of a schedule: random histories of workers that were alive or not, against rules that look at each time by
// itself; and the moments at which a schedule is looked at again.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dueAt, type Facts, type Span, settle } from "#domain/schedules/settle";
import { bounded, timesOf } from "#domain/schedules/times";
import { seed } from "#test/seed";

const sec = 1_000;
const every = (secs: number) => timesOf({ cron: null, every_secs: secs, timezone: "UTC", anchor: 0 });
const facts = (more: Partial<Facts> = {}): Facts => ({
  ...{ overlap: "allow", catchUp: "all", paused: false, waiting: [], unfinished: 0, done: new Set(), nextAt: sec },
  ...more,
});
const waitingOf = (settled: ReturnType<typeof settle>) => settled.snapshot.context.waiting.map(({ at }) => at);
const skippedOf = (settled: ReturnType<typeof settle>) =>
  settled.snapshot.context.skipped.map(({ at, reason }) => `${at / sec} ${reason}`);

describe("a time is missed", () => {
  const now = 20 * sec;
  const late = (...spans: readonly Span[]) => settle(facts({ catchUp: "none" }), every(1), spans, now);
  it("if no worker was alive at it and for a second after it", () => {
    const settled = late({ since: 0, upto: 5 * sec }, { since: 9 * sec + 1, upto: now });
    expect(skippedOf(settled)).toEqual(["6 missed", "7 missed", "8 missed"]);
    expect(settled.nextAt).toBe(21 * sec);
  });

  it("not if one was alive a second after it to the millisecond, or said so since", () => {
    expect(skippedOf(late({ since: 2 * sec, upto: now }))).toEqual([]);
    expect(skippedOf(late({ since: 2 * sec + 1, upto: now }))).toEqual(["1 missed"]);
    expect(skippedOf(late({ since: 15 * sec, upto: now }, { since: 0, upto: 15 * sec }))).toEqual([]);
  });
});

it("the newest missed times are made up, oldest first, however long nobody was alive", () => {
  const now = 40 * 86_400 * sec;
  const alive = [{ since: now - 500, upto: now }];
  const all = settle(facts(), every(1), alive, now);
  // Two that are not missed: a worker is there a second after them.
  expect(waitingOf(all)).toHaveLength(102);
  expect(waitingOf(all).at(-1)).toBe(now);
  expect(skippedOf(all)).toHaveLength(10);
  expect(waitingOf(settle(facts({ catchUp: "last" }), every(1), alive, now))).toHaveLength(3);
  expect(waitingOf(settle(facts({ catchUp: "none" }), every(1), alive, now))).toHaveLength(2);
});

it(`each time comes once or is missed, as each by itself says (seed ${seed})`, () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 15_000 }));
  fc.assert(
    fc.property(fc.array(span, { maxLength: 6 }), fc.integer({ min: 1, max: 5 }), fc.boolean(), (drawn, secs, ends) => {
      const now = 95_000;
      const spans = drawn.map(([since, long]) => ({ since, upto: Math.min(now, since + long) }));
      const until = ends ? 60_000 : null;
      const times = bounded(every(secs), until);
      const all = times.newest(1_000, now);
      const isMissed = (at: number) => !spans.some(({ since, upto }) => at <= upto && since <= at + sec);
      const settled = settle(facts({ catchUp: "none", nextAt: times.next(0) }), times, spans, now);
      expect(waitingOf(settled)).toEqual(all.filter((at) => !isMissed(at)));
      expect(settled.snapshot.context.skipped.map(({ at }) => at)).toEqual(all.filter(isMissed));
      expect(settled.nextAt).toBe(times.next(now));
    }),
    { seed, numRuns: 300 },
  );
});

it("many times are settled in several turns, each once", () => {
  const now = 350 * sec;
  const alive = [{ since: 0, upto: now }];
  const seen: number[] = [];
  let nextAt: number | null = sec;
  for (let n = 0; nextAt !== null && nextAt <= now && n < 10; n++) {
    const settled = settle(facts({ nextAt }), every(1), alive, now);
    expect(dueAt(settled, now)).toBeLessThanOrEqual(now);
    seen.push(...waitingOf(settled));
    nextAt = settled.nextAt;
  }
  expect(seen).toEqual(Array.from({ length: 350 }, (_, n) => (n + 1) * sec));
});

it("a time that was settled before does not come again where a clock was set back", () => {
  const settled = settle(facts({ done: new Set([2 * sec, 3 * sec]) }), every(1), [{ since: 0, upto: 9e9 }], 4 * sec);
  expect(waitingOf(settled)).toEqual([sec, 4 * sec]);
});

describe("it is looked at again", () => {
  const now = 10 * sec;
  const alive = [{ since: 0, upto: now }];
  const due = (more: Partial<Facts>) => dueAt(settle(facts(more), every(60), alive, now), now);
  it("at its next time, and never while it is paused or has none", () => {
    expect(due({ nextAt: 60 * sec })).toBe(60 * sec);
    expect(due({ nextAt: 60 * sec, paused: true })).toBeNull();
    expect(due({ nextAt: null })).toBeNull();
  });

  it("at once where something may be made, soon where that waits", () => {
    const waiting = [{ at: 5 * sec, refused: false }];
    expect(due({ nextAt: null, waiting })).toBe(now);
    expect(due({ nextAt: null, waiting, overlap: "skip" })).toBe(now);
    expect(due({ nextAt: null, waiting, overlap: "skip", unfinished: 1 })).toBe(now + 500);
    expect(due({ nextAt: null, waiting: [{ at: 5 * sec, refused: true }] })).toBe(now + 500);
  });
});
