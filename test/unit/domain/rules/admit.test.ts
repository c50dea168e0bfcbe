// What the rules let start, over counts that are given: the table of limits, and a whole round of candidates.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admitted, blockOf, type Candidate, loadOf, slackOf, type Term, type Usage } from "#domain/rules/admit";
import { seed } from "#test/seed";

const slots = (key: string | null, limit: number): Term => ({ type: "Concurrency", limit, key });
const work = (key: string | null, limit: number): Term => ({ type: "Capacity", limit, key });
const starts = (key: string | null, limit: number): Term => ({ type: "Rate", limit, key, of: "k", per: 1 });
const usage = (of: Record<string, [count: number, load: number]>) =>
  new Map(Object.entries(of).map(([key, [count, load]]): [string, Usage] => [key, { count, load }]));

describe("the work that a task has left", () => {
  it.each([
    [null, 0, 0, 0],
    [null, 5, 5, 0],
    [10, 0, 0, 10],
    [10, 3, 2, 5],
    [10, 10, 0, 0],
    [10, 8, 8, 0],
    [0, 0, 0, 0],
  ])("of %s expected, %i done and %i failed is %i", (expectedCount, success, failures, left) => {
    expect(loadOf({ expectedCount, success, failures })).toBe(left);
  });
});

describe("a condition", () => {
  it.each<[string, Term[], Record<string, [number, number]>, number | null, number]>([
    ["none at all", [], {}, null, Number.POSITIVE_INFINITY],
    ["nobody there", [slots("a", 1)], {}, null, 1],
    ["others there", [slots("a", 1)], { b: [9, 9] }, null, 1],
    ["one place left", [slots("a", 3)], { a: [2, 0] }, null, 1],
    ["the last place taken", [slots("a", 3)], { a: [3, 0] }, 0, 0],
    ["more there than the limit, which was lowered", [slots("a", 1)], { a: [4, 0] }, 0, 0],
    ["the work does not count", [slots("a", 2)], { a: [1, 1000] }, null, 1],
    ["work below the limit", [work("a", 10)], { a: [50, 9] }, null, Number.POSITIVE_INFINITY],
    ["work at the limit", [work("a", 10)], { a: [1, 10] }, 0, 0],
    ["no work, however many", [work("a", 1)], { a: [1000, 0] }, null, Number.POSITIVE_INFINITY],
    ["a field is missing", [slots(null, 5)], {}, 0, 0],
    ["a count is missing", [work(null, 5)], {}, 0, 0],
    ["the second does not hold", [slots("a", 2), slots("b", 2)], { a: [1, 0], b: [2, 0] }, 1, 0],
    ["the first of two that do not hold", [slots("a", 1), slots("b", 1)], { a: [1, 0], b: [1, 0] }, 0, 0],
    ["the strictest of one key", [slots("a", 4), slots("a", 2)], { a: [1, 0] }, null, 1],
    ["a place and work", [work("a", 5), slots("a", 4)], { a: [1, 4] }, null, 3],
    ["a window with places left", [starts("a", 3)], { a: [1, 0] }, null, 2],
    ["a window that is full", [starts("a", 3)], { a: [3, 0] }, 0, 0],
    ["a window without the field", [starts(null, 3)], {}, 0, 0],
    ["a window, slots and work", [starts("w", 3), slots("a", 9), work("a", 5)], { w: [1, 0], a: [2, 4] }, null, 2],
    ["both types on one key, the work too much", [slots("a", 4), work("a", 5)], { a: [1, 5] }, 1, 0],
  ])("%s", (_, terms, used, block, slack) => {
    expect(blockOf(terms, usage(used))).toBe(block === null ? null : terms[block]);
    expect(slackOf(terms, usage(used))).toBe(slack);
  });

  it("is used by count or by work", () => {
    const held = usage({ a: [2, 7] });
    expect([slots("a", 2), slots("a", 3), work("a", 7), work("a", 8)].map((term) => blockOf([term], held))).toEqual([
      slots("a", 2),
      null,
      work("a", 7),
      null,
    ]);
  });
});

describe("a round", () => {
  const one = (queue: number, keys: string[] = [], load = 0) => ({ queue, receiver: null, keys, load });
  const upTo = (limit: number) => ({ limit, freeFor: () => 1_000 });
  const queues = (of: Record<number, Term[]>) =>
    new Map(Object.entries(of).map(([queue, terms]): [number, Term[]] => [Number(queue), terms]));

  it.each<[string, Candidate[], Record<number, Term[]>, Record<string, [number, number]>, number, number[]]>([
    ["takes whoever has no rules", [one(0), one(0)], {}, {}, 9, [0, 1]],
    ["takes no more than there are free slots", [one(0), one(0), one(0)], {}, {}, 2, [0, 1]],
    ["takes nobody where no slot is free", [one(0)], {}, {}, 0, []],
    ["counts what it has taken", [one(1, ["a"]), one(1, ["a"]), one(1, ["a"])], { 1: [slots("a", 2)] }, {}, 9, [0, 1]],
    ["counts who is there", [one(1, ["a"]), one(1, ["a"])], { 1: [slots("a", 2)] }, { a: [1, 0] }, 9, [0]],
    [
      "counts those without rules",
      [one(0, ["a"]), one(1, ["a"]), one(0, ["a"])],
      { 1: [slots("a", 1)] },
      {},
      9,
      [0, 2],
    ],
    [
      "counts nobody for a key that he does not hold",
      [one(0, ["b"]), one(1, ["a"])],
      { 1: [slots("a", 1)] },
      {},
      9,
      [0, 1],
    ],
    [
      "goes on behind one that is blocked",
      [one(1, ["a"]), one(2, ["b"])],
      { 1: [slots("a", 1)], 2: [slots("b", 1)] },
      { a: [1, 0] },
      9,
      [1],
    ],
    [
      "lets a wider limit pass a narrower one",
      [one(1, ["a"]), one(2, ["a"]), one(1, ["a"])],
      { 1: [slots("a", 1)], 2: [slots("a", 3)] },
      { a: [1, 0] },
      9,
      [1],
    ],
    [
      "adds up work until the limit is reached",
      [one(1, ["a"], 6), one(1, ["a"], 6), one(1, ["a"], 1)],
      { 1: [work("a", 10)] },
      {},
      9,
      [0, 1],
    ],
    ["lets him with no work count none", [one(1, ["a"], 0), one(1, ["a"], 0)], { 1: [work("a", 1)] }, {}, 9, [0, 1]],
    ["asks a key that is not his own", [one(1, ["a"]), one(1, ["a"])], { 1: [slots("b", 1)] }, {}, 9, [0, 1]],
    ["never takes one that lacks a field", [one(1), one(0)], { 1: [slots(null, 5)] }, {}, 9, [1]],
  ])("%s", (_, candidates, of, used, limit, chosen) => {
    const result = admitted(candidates, queues(of), usage(used), upTo(limit));
    expect(result.chosen.map((candidate) => candidates.indexOf(candidate))).toEqual(chosen);
  });

  it("takes of each receiver what it may get, and counts no task that it passes over", () => {
    const to = (receiver: string | null, queue = 1) => ({ ...one(queue, ["a"]), receiver });
    const candidates = [to("x"), to("x"), to("y", 0), to("x", 0), to(null), to("y")];
    const freeFor = (receiver: string) => (receiver === "x" ? 1 : 0);
    const { chosen } = admitted(candidates, queues({ 1: [slots("a", 2)] }), new Map(), { limit: 9, freeFor });
    expect(chosen.map((candidate) => candidates.indexOf(candidate))).toEqual([0, 4]);
  });

  it("says who holds what afterwards, and leaves what it was given", () => {
    const before = usage({ a: [1, 2] });
    const { usage: after } = admitted([one(0, ["a", "b"], 5), one(0, ["b"])], new Map(), before, upTo(9));
    expect(after).toEqual(usage({ a: [2, 7], b: [2, 5] }));
    expect(before).toEqual(usage({ a: [1, 2] }));
  });

  it("is what taking one after the other gives", () => {
    const key = fc.constantFrom("a", "b", "c");
    const term = fc.record<Term>({
      type: fc.constantFrom("Concurrency", "Capacity"),
      limit: fc.integer({ min: 1, max: 4 }),
      key: fc.option(key, { freq: 9 }),
    });
    const candidate = fc.record<Candidate>({
      queue: fc.nat(3),
      receiver: fc.constant(null),
      keys: fc.uniqueArray(key),
      load: fc.nat(3),
    });
    const some = fc.tuple(
      fc.array(candidate),
      fc.array(fc.array(term, { maxLength: 3 }), { minLength: 3, maxLength: 3 }),
      fc.nat(12),
    );
    fc.assert(
      fc.property(some, ([candidates, terms, limit]) => {
        const of = new Map(terms.map((list, n): [number, Term[]] => [n + 1, list]));
        const { chosen } = admitted(candidates, of, new Map(), upTo(limit));
        const taken: Candidate[] = [];
        for (const candidate of candidates) {
          const others = (key: string | null) => taken.filter(({ keys }) => key !== null && keys.includes(key));
          const used = ({ type, key }: Term) =>
            type === "Capacity" ? others(key).reduce((sum, { load }) => sum + load, 0) : others(key).length;
          const open = (of.get(candidate.queue) ?? []).every((term) => term.key !== null && used(term) < term.limit);
          if (open && taken.length < limit) taken.push(candidate);
        }
        expect(chosen).toEqual(taken);
      }),
      { seed },
    );
  });
});
