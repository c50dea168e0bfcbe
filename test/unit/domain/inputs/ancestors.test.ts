// Whether inputs name tasks above: small cases by name, and random graphs against a walk over all paths.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { ancestorFaults, distantOf, orphansOf } from "#domain/inputs/ancestors";
import { computingMs, seed } from "#test/seed";

const task = (id: string, needs: readonly string[], reads: readonly string[] = []) => ({
  id,
  dependencies: needs.map((one) => ({ id: one })),
  on_start: { params: { inputs: Object.fromEntries(reads.map((one) => [`of ${one}`, { task: one }])) } },
});

function judge(tasks: readonly object[], batch?: Parameters<typeof ancestorFaults>[3]) {
  const faults = new Faults();
  ancestorFaults(tasks, "no task of this call", faults, batch);
  return faults.list.map((line) => line.replace(/^tasks\[(\d+)\].*inputs\["of (.*)"\]\.task: .*$/, "$1 $2"));
}

describe("an input", () => {
  it("may name a parent, a grandparent, and one reached by another way", () => {
    const tasks = [task("a", []), task("b", ["a"]), task("c", ["b"], ["a", "b"]), task("d", ["c"], ["a"])];
    expect(judge(tasks)).toEqual([]);
    expect(judge(tasks.toReversed())).toEqual([]);
  });

  it("must not name itself, a sibling, a child or nobody", () => {
    const tasks = [task("a", [], ["a", "c"]), task("b", ["a"], ["ghost"]), task("c", ["a"], ["b"])];
    expect(judge(tasks)).toEqual(["1 ghost", "0 a", "0 c", "2 b"]);
  });

  it("says what is wrong, and where", () => {
    const faults = new Faults();
    ancestorFaults([task("a", [], ["b", "ghost"]), task("b", [])], "no task of this call", faults);
    expect(faults.faults).toEqual([
      {
        path: "/tasks/0/on_start/params/inputs/of ghost/task",
        code: "dependency_unknown",
        message: 'no task of this call has the id "ghost"',
      },
      {
        path: "/tasks/0/on_start/params/inputs/of b/task",
        code: "input_no_ancestor",
        message: 'must name a task that this one depends on, directly or through others, not "b"',
      },
    ]);
  });

  it("is not judged where tasks depend on each other in a circle, which is a fault of its own", () => {
    expect(judge([task("a", ["b"]), task("b", ["a"], ["c"]), task("c", [])])).toEqual([]);
  });

  it("looks at values of any shape without a word", () => {
    const odd = [
      null,
      7,
      { on_start: 7 },
      { on_start: { params: { inputs: [] } } },
      { on_start: { params: { inputs: { a: 1 } } } },
    ];
    expect(judge(odd as object[])).toEqual([]);
  });
});

describe("an input of a task that is added", () => {
  // In the batch: low (0) → mid (1) → top (2), and aside (3).
  const above = {
    ranks: new Map([
      ["low", 0],
      ["mid", 1],
      ["top", 2],
      ["aside", 3],
    ]),
    links: [
      [2, 1],
      [1, 0],
    ] as const,
  };
  const batch = { nameable: new Set(["low", "mid", "top", "aside", "left out"]), above };

  it("may name what lies above its parents in the batch", () => {
    expect(judge([task("x", ["top"], ["low", "mid", "top"]), task("y", ["x"], ["low"])], batch)).toEqual([]);
    expect(judge([task("x", ["mid"], ["top"]), task("y", ["x"], ["aside"])], batch)).toEqual(["0 top", "1 aside"]);
  });

  it("may name a task that was deduplicated only where it depends on it", () => {
    expect(judge([task("x", ["left out"], ["left out"])], batch)).toEqual([]);
    expect(judge([task("x", ["top"], ["left out"])], batch)).toEqual(["0 left out"]);
  });

  it("needs a look into the batch only for what is not in the call and no parent", () => {
    expect(distantOf([task("x", ["top"], ["top"]), task("y", ["x"], ["x"])])).toBeNull();
    expect(distantOf([task("x", ["top"], ["low"]), task("y", ["x", "aside"], ["x"])])).toEqual({
      from: ["top", "aside"],
      to: ["low"],
    });
  });

  it("is an orphan where its batch lacks the way", () => {
    expect(orphansOf([task("mid", ["low"], ["low"]), task("top", ["mid"], ["aside", "low"])], above)).toEqual([
      [1, "of aside"],
    ]);
  });
});

const graphs = fc.record({
  tasks: fc.array(
    fc.record({ needs: fc.array(fc.nat(), { maxLength: 4 }), reads: fc.array(fc.nat(), { maxLength: 4 }) }),
    {
      minLength: 2,
      maxLength: 60,
    },
  ),
  there: fc.nat(),
});

it(`agrees with a walk over all paths, also where a part of the graph is in the batch (seed ${seed})`, {
  timeout: computingMs,
}, () => {
  fc.assert(
    fc.property(graphs, ({ tasks: drawn, there: some }) => {
      const there = some % drawn.length;
      const needs = drawn.map(({ needs }, i) => (i === 0 ? [] : [...new Set(needs.map((n) => n % i))]));
      const isAbove: ReadonlySet<number>[] = [];
      for (const parents of needs) isAbove.push(new Set(parents.flatMap((one) => [one, ...(isAbove[one] ?? [])])));
      const reads = drawn.map(({ reads }) => [...new Set(reads.map((n) => n % drawn.length))]);
      const name = (n: number) => `t${n}`;
      const tasks = needs.map((parents, i) => task(name(i), parents.map(name), reads[i]?.map(name))).slice(there);
      const ranks = new Map(needs.map((_, i) => [name(i), i] as const).slice(0, there));
      const links = needs.slice(0, there).flatMap((parents, i) => parents.map((parent) => [i, parent] as const));
      const wrong = reads.flatMap((all, i) =>
        all.filter((one) => i >= there && !isAbove[i]?.has(one)).map((one) => `${i - there} ${name(one)}`),
      );
      const found = judge(tasks, { nameable: new Set(ranks.keys()), above: { ranks, links } });
      expect(found.toSorted()).toEqual(wrong.toSorted());
    }),
    { seed, numRuns: 500 },
  );
});
