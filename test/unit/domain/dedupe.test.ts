// Which tasks of a call are left out, given what the database said.
import { expect, it } from "vitest";
import { kindsToLock, omittedOf, probesOf } from "#domain/dedupe";
import type { NewBatch } from "#domain/schema/batch";

type Sent = NewBatch["tasks"][number];
const batch = (...tasks: (Partial<Sent> & { id: string })[]): NewBatch => ({
  tasks: tasks.map((task) => ({ name: "N", kind: "k", ...task })),
  onComplete: [],
  scope: null,
  metadata: null,
});
const by = (fields: string[], status: "Pending" | "Waiting" = "Pending") => [{ kind: "k", status, fields }];
const nothing = new Set<string>();

it("leaves out what is there already, in the database or earlier in the call", () => {
  const same = batch(
    { id: "a", metadata: { x: { b: 1, a: [2] } } },
    { id: "b", metadata: { x: { a: [2], b: 1 } }, dedupe_strategy: by(["x"]) },
    { id: "c", metadata: { x: { a: [2], b: 2 } }, dedupe_strategy: by(["x"]) },
  );
  expect([...omittedOf(same, nothing)]).toEqual([1]);
  expect([...omittedOf(same, new Set(probesOf(same).map((probe) => probe.key)))]).toEqual([1, 2]);
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

it("locks the kinds asked about and those that ask, sorted", () => {
  expect(kindsToLock(batch({ id: "a", kind: "z", dedupe_strategy: by([]) }, { id: "b", kind: "y" }))).toEqual([
    "k",
    "z",
  ]);
});
