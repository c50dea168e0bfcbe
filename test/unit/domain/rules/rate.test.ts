// How long a start keeps its place, and that calls which hold places one after the other are a window apart however late each began.
import fc from "fast-check";
import { expect, it } from "vitest";
import { beginWithinMs, callWithinMs, holdMs, marginMs, windowsOf } from "#domain/rules/rate";
import { seed } from "#test/seed";

it.each([
  [1, 40],
  [2, 80],
  [3, 100],
  [86_400, 100],
])("of a window of %i s the margin is %i ms", (perSecs, ms) => {
  expect(marginMs(perSecs)).toBe(ms);
  expect(holdMs(perSecs)).toBe(perSecs * 1_000 + ms);
});

it("begins a call within 85 % of the margin of the shortest window that counts it", () => {
  const of = (...secs: number[]) => beginWithinMs(secs.map((shortest) => ({ template: 1, key: "k", shortest })));
  expect([of(), of(60), of(60, 1)]).toEqual([null, 85, 34]);
});

it(`lets no window hold more calls than places, whenever each begins, and though the process stands still before it leaves (SEED=${seed})`, () => {
  const ms = fc.integer({ min: 0, max: 3_000 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(1, 2),
      fc.array(fc.tuple(ms, share, share)),
      (limit, per, wishes) => {
        const claims: { at: number; left: number }[] = [];
        const stillMs = marginMs(per) - callWithinMs(per);
        let now = 0;
        for (const [wait, late, still] of wishes) {
          now += wait;
          const held = claims.filter(({ at }) => at + holdMs(per) > now);
          if (held.length < limit) claims.push({ at: now, left: now + late * callWithinMs(per) + still * stillMs });
        }
        const left = claims.map((claim) => claim.left).sort((a, b) => a - b);
        for (let n = limit; n < left.length; n++)
          expect((left[n] as number) - (left[n - limit] as number)).toBeGreaterThanOrEqual(per * 1_000);
      },
    ),
    { seed },
  );
});

it("finds the windows over the same starts, and passes over slots and what lacks a field", () => {
  const rate = (key: string | null, of: string | null) => ({ type: "Rate", limit: 1, per: 1, key, of }) as const;
  const lists = [
    [rate("a", "x"), rate("b", "x")],
    [rate("a", "x"), rate("c", "y"), rate(null, null)],
    [{ type: "Concurrency", limit: 1, key: "k" } as const],
  ];
  expect([...windowsOf(lists)]).toEqual([
    ["x", ["a", "b"]],
    ["y", ["c"]],
  ]);
});
