// Batches that are built as values: what they are sent as, and what does not compile or does not build.
import { expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { decoder } from "#domain/schema/decode";
import { NewBatch } from "#domain/schema/task";
import { BuildError, batch, from, message, needs, task, wait, webhook } from "../../../../src/sdk/index.ts";
import type { BatchInput, TaskInput } from "../../../../src/sdk/types.ts";

const extract = task("extract", { kind: "etl", on_start: webhook("https://etl.example.com/extract") });
const load = task("load", { name: "Load the orders", kind: "etl", after: [extract], timeout: 30 });

it("makes the body that creates the batch", () => {
  const gate = task("gate", { kind: "ops", on_start: wait("Deploy?"), after: [needs(load, "always")] });
  const alarm = task("alarm", {
    kind: "ops",
    on_start: message("baton.work.alarm", { body: { level: 2 } }),
    on_success: [webhook("https://ops.example.com/quiet", { verb: "Put" })],
    after: [needs(load, "on_failure"), gate],
  });
  const body = batch([extract, load, gate, alarm], { scope: "nightly" });
  expect(body).toEqual({
    scope: "nightly",
    tasks: [
      {
        ...{ id: "extract", name: "extract", kind: "etl" },
        on_start: { kind: "Webhook", params: { url: "https://etl.example.com/extract", verb: "Post" } },
      },
      {
        ...{ id: "load", name: "Load the orders", kind: "etl", timeout: 30 },
        dependencies: [{ id: "extract", requires_success: true }],
      },
      {
        ...{ id: "gate", name: "gate", kind: "ops", on_start: { kind: "Wait", params: { prompt: "Deploy?" } } },
        dependencies: [{ id: "load", condition: "always" }],
      },
      {
        ...{ id: "alarm", name: "alarm", kind: "ops" },
        on_start: { kind: "Nats", params: { subject: "baton.work.alarm", body: { level: 2 } } },
        on_success: [{ kind: "Webhook", params: { url: "https://ops.example.com/quiet", verb: "Put" } }],
        dependencies: [
          { id: "load", condition: "on_failure" },
          { id: "gate", requires_success: true },
        ],
      },
    ],
  });
  const faults = new Faults();
  decoder(NewBatch)(JSON.parse(JSON.stringify(body)), [], faults);
  expect(faults.none).toBe(true);
});

it("reads inputs from tasks that run before, and from no other", () => {
  const inputs = { rows: from(extract, "/rows", 0), all: from(extract) };
  const count = task("count", { kind: "etl", on_start: webhook("https://e.example.com", { inputs }), after: [load] });
  const [, , sent] = batch([extract, load, count]).tasks;
  expect(sent?.on_start?.params).toMatchObject({
    inputs: { rows: { task: "extract", pointer: "/rows", default: 0 }, all: { task: "extract" } },
  });
  const stray = task("stray", { kind: "etl", on_start: webhook("https://e.example.com", { inputs }) });
  expect(faultsOf(extract, stray)).toEqual([
    'the input "rows" of "stray" is of "extract", which does not run before it',
    'the input "all" of "stray" is of "extract", which does not run before it',
  ]);
});

it("does not compile with a dependency that is no task, a need that does not exist, or a field that is unknown", () => {
  // @ts-expect-error a name is no task
  expect(() => task("a", { kind: "k", after: ["extract"] })).toThrow();
  // @ts-expect-error a task written by hand is none that was built
  task("a", { kind: "k", after: [{ id: "extract", name: "e", kind: "k" }] });
  // @ts-expect-error there is no such need
  needs(load, "on_sucess");
  // @ts-expect-error there is no such field
  task("a", { kind: "k", time_out: 3 });
  // @ts-expect-error a rule is misspelt
  task("a", { kind: "k", rules: [{ type: "Concurrency", max: 3 }] });
});

const byHand = (id: string, ...parents: string[]): TaskInput => ({
  ...{ id, name: id, kind: "k" },
  dependencies: parents.map((parent) => ({ id: parent })),
});

function faultsOf(...tasks: TaskInput[]): readonly string[] {
  try {
    batch(tasks);
    return [];
  } catch (error) {
    return (error as BuildError).faults;
  }
}

it("does not build with a circle, which it names", () => {
  expect(faultsOf(byHand("a", "c"), byHand("b", "a"), byHand("c", "b"), byHand("d", "c"))).toEqual([
    "a circle: a → b → c → a",
  ]);
  expect(faultsOf(byHand("a", "a"))).toEqual(['"a" depends on itself']);
  expect(() => batch([byHand("a", "b"), byHand("b", "a")])).toThrow(BuildError);
});

it("does not build with names that are not there, or there twice, and names all faults at once", () => {
  expect(faultsOf(byHand("a", "ghost", "b", "b"), byHand("a"), byHand("b"))).toEqual([
    'two tasks have the id "a"',
    '"a" depends on "ghost", which is not in the batch',
    '"a" names its dependency "b" twice',
  ]);
  expect(faultsOf(load)).toEqual(['"load" depends on "extract", which is not in the batch']);
});

it("builds a chain of 50,000 tasks, and diamonds", () => {
  const chain: TaskInput[] = [byHand("0")];
  for (let i = 1; i < 50_000; i += 1) chain.push(byHand(`${i}`, `${i - 1}`));
  const body: BatchInput = batch(chain.toReversed());
  expect(body.tasks).toHaveLength(50_000);
  expect(faultsOf(byHand("a"), byHand("b", "a"), byHand("c", "a"), byHand("d", "b", "c"))).toEqual([]);
});
