// Grouping the tasks of a graph.
import fc from "fast-check";
import { expect, it } from "vitest";
import { seed } from "#test/seed";
import { group, statesOf } from "#web/graph/group";

const chain = { kinds: ["a", "b", "b", "c"], from: [0, 0, 1, 2], to: [1, 2, 3, 3] };

it("groups by kind, with how many and one edge between two", () => {
  const { names, links, groupOf } = group(chain, "kind");
  expect(names).toEqual(["a · 1", "b · 2", "c · 1"]);
  expect(links).toEqual([
    [0, 1],
    [1, 2],
  ]);
  expect([...groupOf]).toEqual([0, 1, 1, 2]);
});

it("groups by level", () => {
  expect(group(chain, "level").names).toEqual(["level 1 · 1", "level 2 · 2", "level 3 · 1"]);
});

it("splits kinds that call each other in a circle by level, and no others", () => {
  const round = { kinds: ["start", "a", "b", "a"], from: [0, 1, 2], to: [1, 2, 3] };
  expect(group(round, "kind").names).toEqual(["start · 1", "a, level 2 · 1", "b, level 3 · 1", "a, level 4 · 1"]);
});

it("shows a group as its most urgent task", () => {
  const [success, failure, running, canceled, skipped, waiting] = [6, 7, 3, 8, 9, 0];
  const grouped = group(chain, "kind");
  const stateOfB = (one: number, other: number) => statesOf(grouped, [success, one, other, success])[1];
  expect(stateOfB(success, failure)).toBe(failure);
  expect(stateOfB(running, success)).toBe(running);
  expect(stateOfB(waiting, success)).toBe(waiting);
  expect(stateOfB(success, skipped)).toBe(success);
  expect(stateOfB(skipped, canceled)).toBe(canceled);
  expect(stateOfB(skipped, skipped)).toBe(skipped);
});

it("makes a DAG of any DAG, and loses no task", () => {
  const dags = fc.integer({ min: 1, max: 30 }).chain((n) =>
    fc.record({
      kinds: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: n, maxLength: n }),
      edges: fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 60 }),
    }),
  );
  const check = ({ kinds, edges }: { kinds: string[]; edges: [number, number][] }) => {
    const down = edges.filter(([a, b]) => a < b);
    const { groupOf, names, links } = group({ kinds, from: down.map(([a]) => a), to: down.map(([, b]) => b) }, "kind");
    expect(groupOf).toHaveLength(kinds.length);
    expect(Math.max(...groupOf)).toBe(names.length - 1);
    const open = new Map(names.map((_, i) => [i, new Set(links.filter(([, c]) => c === i).map(([p]) => p))]));
    for (let before = -1; before !== open.size; ) {
      before = open.size;
      for (const [i, parents] of open) if ([...parents].every((p) => !open.has(p))) open.delete(i);
    }
    expect(open.size).toBe(0);
  };
  fc.assert(fc.property(dags, check), { seed });
});
