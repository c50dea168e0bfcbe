// The reference is the judge of what runs again and how it begins. Ends are random, also such as no batch comes to.
import fc from "fast-check";
import { expect, it } from "vitest";
import type { TaskSpec } from "#test/reference";
import { rerunOf } from "#test/reference-rerun";
import { computingMs, seed } from "#test/seed";
import { ended, type Needs, needs, plan, type Sketch } from "../sketch.ts";

const ends = ["Success", "Success", "Failure", "Canceled", "Skipped"] as const;
const kinds = Object.keys(needs) as Needs[];
const sketches = fc
  .array(
    fc.record({
      end: fc.constantFrom(...ends),
      isAny: fc.nat(3).map((n) => n === 0),
      edges: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...kinds)), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((all) =>
    Object.fromEntries(
      all.map(({ end, isAny, edges }, n): [string, Sketch[string]] => {
        const parents = Object.fromEntries(n === 0 ? [] : edges.map(([parent, what]) => [`t${parent % n}`, what]));
        return [`t${n}`, isAny ? [end, parents, "any"] : [end, parents]];
      }),
    ),
  );
const asks = fc.record({
  only: fc.constantFrom("failed", "failed", "failed", "all"),
  dependents: fc.boolean(),
  from: fc.option(fc.array(fc.nat(), { maxLength: 3 }), { nil: null }),
});

it("agrees with the reference about random batches", { timeout: computingMs }, () => {
  fc.assert(
    fc.property(sketches, asks, (sketch, { only, dependents, from }) => {
      const names = Object.keys(sketch);
      const ask = { only, dependents, from: from?.map((n) => names[n % names.length] as string) ?? null } as const;
      const specs = Object.entries(sketch).map(
        ([id, [, parents = {}, join = "all" as const]]): TaskSpec => ({
          ...{ id, join },
          dependencies: Object.entries(parents).map(([parent, what]) => ({ id: parent, ...needs[what] })),
        }),
      );
      const expected = rerunOf(specs, new Map(Object.entries(sketch).map(([id, [end]]) => [id, end])), ask);
      const { tasks, specs: made, copied } = plan(ended(sketch), ask);
      const seen = tasks.map(({ status, wait_finished, wait_success, lost }, n) =>
        lost
          ? { id: made[n]?.local_id, status: lost.as }
          : { id: made[n]?.local_id, status, wait_finished, wait_success },
      );
      expect(seen).toEqual(expected);
      const inside = new Set(expected.map(({ id }) => id));
      const edges = specs.filter(({ id }) => inside.has(id)).flatMap(({ dependencies = [] }) => dependencies);
      expect(copied?.links).toBe(edges.filter(({ id }) => inside.has(id)).length);
      expect(tasks.reduce((sum, { children }) => sum + children, 0)).toBe(copied?.links);
    }),
    { seed, numRuns: 2_000 },
  );
});
