// How far a reader of the log may go, against a log whose transactions draw ids in one order and end in another: whatever it
// was shown, and however late, it must have passed every event exactly when it was there, and never one that came later.
import fc from "fast-check";
import { expect, it } from "vitest";
import { reach } from "#store/events/reader";
import { seed } from "#test/seed";

it("goes through ids without a gap, and stops before one", () => {
  expect(reach([4, 5, 6], 3, 0, false)).toBe(6);
  expect(reach([4, 6], 3, 0, false)).toBe(4);
  expect(reach([5, 6], 3, 0, false)).toBe(3);
  expect(reach([], 3, 0, false)).toBe(3);
});

it("goes over a gap that will not be filled any more, and no further", () => {
  expect(reach([5, 6], 3, 4, false)).toBe(6);
  expect(reach([5, 8], 3, 6, false)).toBe(6);
  expect(reach([5, 8], 3, 7, false)).toBe(8);
  expect(reach([], 3, 9, false)).toBe(9);
});

it("does not go beyond a full page, of which there may be more", () => {
  expect(reach([4, 5], 3, 9, true)).toBe(5);
  expect(reach([4, 6], 3, 5, true)).toBe(6);
  expect(reach([4, 7], 3, 5, true)).toBe(5);
});

/** The n-th draws some ids at time n, and commits or rolls back at some later moment. */
const history = fc.array(
  fc.record({ draws: fc.integer({ min: 1, max: 4 }), lasts: fc.integer({ min: 0, max: 6 }), commits: fc.boolean() }),
  { minLength: 1, maxLength: 25 },
);

it("hands on every committed event once and in order, whatever commits when", () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 6 }), (transactions, page) => {
      const log = transactions.flatMap(({ draws, lasts, commits }, start) =>
        Array.from({ length: draws }, () => ({ start, end: start + lasts, commits })),
      );
      const ids = log.map((_, i) => i + 1);
      const at = (id: number) => log[id - 1] as (typeof log)[number];
      const handed: number[] = [];
      let from = 0;
      let hole = null as { upTo: number; open: number[] } | null;
      for (let now = 0; now < transactions.length + 10 + 3 * log.length; now++) {
        if (hole !== null) hole = { upTo: hole.upTo, open: hole.open.filter((id) => at(id).end >= now) };
        const decided = hole?.open.length === 0 ? hole.upTo : 0;
        if (decided > 0) hole = null;
        const there = ids.filter((id) => at(id).commits && at(id).end < now && id > from).slice(0, page);
        const to = reach(there, from, decided, there.length === page);
        const ready = there.filter((id) => id <= to);
        handed.push(...ready);
        from = to;
        const drawn = ids.filter((id) => at(id).start <= now);
        if (ready.length === 0 && there.length > 0)
          hole ??= { upTo: Math.max(...drawn), open: drawn.filter((id) => at(id).end >= now) };
      }
      expect(handed).toEqual(ids.filter((id) => at(id).commits));
    }),
    { seed, numRuns: 500 },
  );
});
