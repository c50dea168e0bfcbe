// Planning: ids wired, what each task waits for counted, actions and timers in their columns.
import { expect, it } from "vitest";
import { levelsOf, planBatch } from "#domain/batch";
import { readBatch } from "#domain/schema/batch";
import { Faults } from "#domain/schema/decode";
import { strict } from "#test/policy";

const now = Date.parse("2026-11-23T12:00:00Z");
const batchId = "019b0000-0000-7000-8000-000000000000";
const hook = (url = "http://h:81/x") => ({ kind: "Webhook", params: { url, verb: "Post" } });

function plan(tasks: object[], omitted?: ReadonlySet<number>) {
  const faults = new Faults();
  const batch = readBatch(
    tasks.map((task) => ({ name: "N", kind: "k", ...task })),
    100_000,
    { tasksMax: 100, dependenciesMax: 9, actionsMax: 9, policy: strict },
    now,
    faults,
  );
  if (!batch) throw new Error(faults.list.join());
  return planBatch(batch, batchId, now, omitted);
}

const diamond = [
  { id: "a" },
  { id: "b", dependencies: [{ id: "a", requires_success: true }] },
  { id: "c", dependencies: [{ id: "a", condition: "on_failure" }] },
  { id: "d", dependencies: [{ id: "b", condition: "on_success" }, { id: "c" }, { id: "a", requires_success: false }] },
];

it("counts what every task waits for, and its children", () => {
  const { tasks } = plan(diamond);
  expect(tasks.map((t) => [t.status, t.wait_finished, t.wait_success, t.kids])).toEqual([
    ["Pending", 0, 0, 3],
    ["Waiting", 1, 1, 1],
    ["Waiting", 1, 0, 1],
    ["Waiting", 3, 1, 0],
  ]);
  expect(new Set(tasks.map((t) => t.id)).size).toBe(4);
  expect(tasks.map((t) => t.pos)).toEqual([0, 1, 2, 3]);
});

it("keeps every edge as it was sent", () => {
  const { links, tasks } = plan(diamond);
  const names = new Map(tasks.map((task, i) => [task.id, diamond[i]?.id]));
  expect(links.map((l) => [names.get(l.parent_id), names.get(l.child_id), l.requires_success, l.condition])).toEqual([
    ["a", "b", true, null],
    ["a", "c", null, "on_failure"],
    ["b", "d", null, "on_success"],
    ["c", "d", null, null],
    ["a", "d", false, null],
  ]);
});

it("counts a dependency on an omitted task as met", () => {
  const { tasks, specs, links } = plan(diamond, new Set([0]));
  expect(specs.map((s) => s.local_id)).toEqual(["b", "c", "d"]);
  expect(tasks.map((t) => [t.status, t.wait_finished, t.wait_success, t.kids])).toEqual([
    ["Pending", 0, 0, 1],
    ["Pending", 0, 0, 1],
    ["Waiting", 2, 1, 0],
  ]);
  expect(links).toHaveLength(2);
});

it("puts actions where they are looked for", () => {
  const { tasks, specs } = plan([
    {
      id: "a",
      on_start: hook(),
      on_success: [hook("http://s/")],
      on_failure: [hook("http://f/")],
      on_cancel: [hook("http://c/")],
    },
    { id: "b", on_start: { kind: "Nats", params: { subject: "baton.work.x", body: null } } },
    { id: "c" },
  ]);
  expect(tasks.map((t) => [t.acts, t.receiver])).toEqual([
    [15, "http://h:81"],
    [1, null],
    [0, null],
  ]);
  expect(specs[0]?.actions.map((a) => [a.trigger, "on" in a ? a.on : null])).toEqual([
    ["End", "success"],
    ["End", "failure"],
    ["Cancel", null],
  ]);
  expect(specs[1]?.start_action).toEqual({ kind: "Nats", params: { subject: "baton.work.x" } });
  expect(specs[2]?.start_action).toBeNull();
});

it("fills in what was left out", () => {
  const { tasks, specs } = plan([
    { id: "a", retry: { max_retries: 2, max_delay_secs: null }, run_at: "2026-11-23T14:00:00.5+02:00" },
    { id: "b", delay_secs: 7, metadata: null },
  ]);
  expect(tasks[0]).toMatchObject({
    timeout: 60,
    priority: 0,
    expected_count: null,
    dead_end_barrier: false,
    run_at: "2026-11-23T12:00:00.500Z",
    delay_secs: null,
  });
  expect(tasks[0]?.retry).toEqual({
    max_retries: 2,
    initial_delay_secs: 5,
    backoff_multiplier: 2,
    max_delay_secs: 300,
    retry_on: ["timeout", "start_failure", "explicit"],
  });
  expect(tasks[1]).toMatchObject({ retry: null, run_at: null, delay_secs: 7 });
  expect(specs[1]).toMatchObject({ metadata: null, rules: [], dedupe: [] });
});

it("orders a dry run by levels", () => {
  expect(levelsOf(plan(diamond))).toEqual([["a"], ["b", "c"], ["d"]]);
  expect(levelsOf(plan([]))).toEqual([]);
});
