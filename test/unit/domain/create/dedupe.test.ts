// Which tasks of a call are left out, given what the database said.
import fc from "fast-check";
import { expect, it } from "vitest";
import { hasDedupe, locksOf, omittedOf, probesOf } from "#domain/create/dedupe";
import type { NewBatch } from "#domain/schema/batch";
import { seed } from "#test/seed";

type Sent = NewBatch["tasks"][number];
const batch = (...tasks: (Partial<Sent> & { id: string })[]): NewBatch => ({
  tasks: tasks.map((task) => ({ name: "N", kind: "k", ...task })),
  onComplete: [],
  paused: false,
  scope: null,
  metadata: null,
  deadEnd: null,
});
const by = (fields: string[], status: "Pending" | "Waiting" | "Paused" = "Pending") => [{ kind: "k", status, fields }];
const nothing = new Set<string>();

it("leaves out what is there already, in the database or earlier in the call", () => {
  const same = batch(
    { id: "a", metadata: { x: { b: 1, a: [2] } } },
    { id: "b", metadata: { x: { a: [2], b: 1 } }, dedupe_strategy: by(["x"]) },
    { id: "c", metadata: { x: { a: [2], b: 2 } }, dedupe_strategy: by(["x"]) },
  );
  expect([...omittedOf(same, nothing)]).toEqual([1]);
  expect([
    ...omittedOf(
      same,
      new Set(
        probesOf(same)
          .flat()
          .map((probe) => probe.key),
      ),
    ),
  ]).toEqual([1, 2]);
});

it("does not apply without the fields, and compares the kind alone without any", () => {
  expect([...omittedOf(batch({ id: "a", metadata: {} }, { id: "b", dedupe_strategy: by(["x"]) }), nothing)]).toEqual(
    [],
  );
  expect(probesOf(batch({ id: "a", metadata: { y: 1 }, dedupe_strategy: by(["x"]) }))).toEqual([]);
  expect([...omittedOf(batch({ id: "a" }, { id: "b", metadata: {}, dedupe_strategy: by([]) }), nothing)]).toEqual([1]);
});

it("compares null as a value", () => {
  const tasks = batch(
    { id: "a", metadata: {} },
    { id: "b", metadata: { x: null }, dedupe_strategy: by(["x"]) },
    { id: "c", metadata: { x: null }, dedupe_strategy: by(["x"]) },
  );
  expect([...omittedOf(tasks, nothing)]).toEqual([2]);
});

it("goes by the state an earlier task is created in", () => {
  const waits = { id: "b", metadata: { x: 1 }, dependencies: [{ id: "a" }] };
  expect([
    ...omittedOf(batch({ id: "a" }, waits, { id: "c", metadata: { x: 1 }, dedupe_strategy: by(["x"]) }), nothing),
  ]).toEqual([]);
  expect([
    ...omittedOf(
      batch({ id: "a" }, waits, { id: "c", metadata: { x: 1 }, dedupe_strategy: by(["x"], "Waiting") }),
      nothing,
    ),
  ]).toEqual([2]);
});

/** Whether two calls wait for each other. */
const conflict = (a: NewBatch, b: NewBatch) => {
  const other = new Map(locksOf(b).map(({ key, isExclusive }) => [key, isExclusive]));
  return locksOf(a).some(({ key, isExclusive }) => other.has(key) && (isExclusive || other.get(key) === true));
};

it("lets calls that look for different values go on side by side, whatever else their tasks share", () => {
  const order = (n: number) =>
    batch({ id: "a", metadata: { env: "production", order: n }, dedupe_strategy: by(["env", "order"]) });
  expect([conflict(order(1), order(2)), conflict(order(1), order(1))]).toEqual([false, true]);
});

it("locks nothing where no matcher looks, or for a state in which no task is created", () => {
  expect(locksOf(batch({ id: "a", metadata: { x: 1 } }))).toEqual([]);
  const done = [{ kind: "k", status: "Success" as const, fields: ["x"] }];
  const looks = batch({ id: "a", metadata: { x: 1 }, dedupe_strategy: done });
  expect(conflict(looks, looks)).toBe(false);
});

it("locks whole kinds where there would be too many keys, and then excludes every look at them", () => {
  const many = batch(
    ...Array.from({ length: 100 }, (_, x) => ({ id: `${x}`, metadata: { x }, dedupe_strategy: by(["x"]) })),
  );
  expect(locksOf(many)).toEqual([{ key: '["k"]', isExclusive: true }]);
  expect(conflict(many, batch({ id: "a", metadata: { y: 1 }, dedupe_strategy: by(["y"]) }))).toBe(true);
});

it("makes a call wait for every other one whose task it could find", () => {
  const value = fc.constantFrom(0, "long", null);
  const task = fc.record({
    kind: fc.constantFrom("k", "l"),
    metadata: fc.dictionary(fc.constantFrom("x", "y", "z"), value, { maxKeys: 3 }),
    dedupe_strategy: fc.array(
      fc.record({
        kind: fc.constantFrom("k", "l"),
        status: fc.constantFrom("Pending" as const, "Waiting" as const, "Success" as const),
        fields: fc.uniqueArray(fc.constantFrom("x", "y", "z")),
      }),
      { maxLength: 2 },
    ),
  });
  const call = fc
    .array(task, { minLength: 1, maxLength: 3 })
    .map((tasks) => batch(...tasks.map((one, i) => ({ id: `${i}`, ...one }))));
  fc.assert(
    fc.property(call, call, (a, b) => {
      fc.pre(hasDedupe(a) && hasDedupe(b));
      const couldFind = probesOf(a)
        .flat()
        .some(
          ({ kind, status, values }) =>
            status !== "Success" &&
            b.tasks.some(
              (other) =>
                other.kind === kind &&
                Object.entries(values).every(
                  ([name, v]) => other.metadata && Object.hasOwn(other.metadata, name) && other.metadata[name] === v,
                ),
            ),
        );
      if (couldFind) expect(conflict(a, b)).toBe(true);
    }),
    { seed, numRuns: 2_000 },
  );
});

it("knows an earlier task of the call by the state in which it is created", () => {
  const tasks = (status: "Pending" | "Paused", paused: boolean) =>
    batch({ id: "a", metadata: {}, paused }, { id: "b", metadata: {}, dedupe_strategy: by([], status) });
  const omitted = (status: "Pending" | "Paused", paused: boolean, batchPaused = false) => [
    ...omittedOf({ ...tasks(status, paused), paused: batchPaused }, nothing),
  ];
  expect([omitted("Paused", true), omitted("Pending", true), omitted("Paused", false)]).toEqual([[1], [], []]);
  expect([omitted("Paused", false, true), omitted("Pending", false, true)]).toEqual([[1], []]);
});

it("takes a task that any one parent starts for Pending where one of them was left out", () => {
  const dependencies = [{ id: "a" }, { id: "b" }];
  const first = { id: "a", metadata: { m: 1 }, dedupe_strategy: by(["m"]) };
  const twin = { id: "d", metadata: { n: 2 }, dedupe_strategy: by(["n"], "Pending") };
  const tasks = (join: "any" | "all") =>
    batch(first, { id: "b" }, { id: "c", dependencies, join, metadata: { n: 2 } }, twin);
  const hits = new Set(
    probesOf(batch(first))
      .flat()
      .map(({ key }) => key),
  );
  expect([...omittedOf(tasks("any"), hits)]).toEqual([0, 3]);
  expect([...omittedOf(tasks("all"), hits)]).toEqual([0]);
});

it("looks at a large call once, not once for each of its tasks", () => {
  const n = 20_000;
  const sent = Array.from({ length: n }, (_, i) => ({ id: `t${i}`, metadata: { i }, dedupe_strategy: by(["i"]) }));
  const began = performance.now();
  expect([...omittedOf(batch(...sent, { ...(sent[n - 1] as (typeof sent)[number]), id: "twin" }), nothing)]).toEqual([
    n,
  ]);
  expect(performance.now() - began).toBeLessThan(3_000);
});
