// The JSON of a task, and why it does not run.
import { expect, it } from "vitest";
import { blockersOf, listedTask, type TaskDetails, type TaskRecord, wholeTask } from "#domain/task";

const now = new Date("2026-11-23T12:00:00Z");
const later = new Date("2026-11-23T12:00:01Z");
const hook = { kind: "Webhook", params: { url: "http://h/", verb: "Post" } } as const;
const record: TaskRecord & TaskDetails = {
  ...{ id: "i", local_id: "l", name: "n", kind: "k", status: "Pending", timeout: 60, priority: 0, created_at: now },
  ...{ started_at: null, ended_at: null, last_updated: now, success: 0, failures: 0, expected_count: null },
  ...{
    failure_reason: null,
    batch_id: "b",
    dead_end_barrier: false,
    dead_end_keep: false,
    joins_any: false,
    attempt: 0,
    retry: null,
    next_retry_at: null,
    run_at: null,
  },
  ...{
    result: null,
    start_kind: "Webhook",
    max_duration_secs: null,
    expires_secs: 9,
    rules: [],
    metadata: { a: 1 },
    start_action: hook,
    actions: [
      { ...hook, trigger: "End", on: "success" },
      { ...hook, trigger: "Cancel" },
    ],
  },
};

/** Nothing is in its way. */
const clear = { parents: [], rules: [], circuits: [], unsent: null };

it("shows the whole task with its actions, and listings without", () => {
  const whole = wholeTask(record);
  expect(whole.actions).toEqual([
    { ...hook, trigger: "Start" },
    { ...hook, trigger: "End", on: "success" },
    { ...hook, trigger: "Cancel" },
  ]);
  expect(JSON.parse(JSON.stringify(whole))).toMatchObject({
    created_at: "2026-11-23T12:00:00.000Z",
    metadata: { a: 1 },
  });
  for (const key of ["actions", "rules", "metadata", "start_action"])
    expect(listedTask(record)).not.toHaveProperty(key);
});

it("shows how dependencies are joined and what becomes of a dead end in words", () => {
  expect(listedTask(record)).toMatchObject({ dead_end: "cancel", join: "all" });
  expect(listedTask({ ...record, dead_end_keep: true, joins_any: true })).toMatchObject({
    dead_end: "keep",
    join: "any",
  });
});

it.each<[string, Partial<TaskRecord>, string[], object[]]>([
  ["ready", {}, [], [{ type: "slots" }]],
  ["timed", { run_at: later }, [], [{ type: "run_at", until: later }]],
  ["past its time", { run_at: now }, [], [{ type: "slots" }]],
  [
    "waiting",
    { status: "Waiting", run_at: later },
    ["p"],
    [
      { type: "dependency", task_id: "p" },
      { type: "run_at", until: later },
    ],
  ],
  ["retrying", { status: "Retrying", next_retry_at: later, run_at: now }, [], [{ type: "backoff", until: later }]],
  ["paused", { status: "Paused" }, ["p"], [{ type: "dependency", task_id: "p" }, { type: "paused" }]],
  ["running", { status: "Running", run_at: later }, [], []],
])("says why a task that is %s does not run", (_what, more, parents, blockers) => {
  expect(blockersOf({ ...record, ...more }, { ...clear, parents }, now)).toEqual(blockers);
});

it("names the rules that are full or that it lacks something for, and those alone", () => {
  const state = (used: number, ...missing: string[]) => ({
    rule: { used },
    used,
    limit: 2,
    holders: ["h"],
    until: null,
    missing,
  });
  const of = (...rules: ReturnType<typeof state>[]) => blockersOf(record, { ...clear, rules }, now);
  expect(of(state(1), state(2), state(0, "tenant"))).toEqual([
    { type: "rule", rule: { used: 2 }, used: 2, limit: 2, holders: ["h"] },
    { type: "rule", rule: { used: 0 }, used: 0, limit: 2, holders: ["h"], missing: ["tenant"] },
  ]);
  expect(of(state(1))).toEqual([{ type: "slots" }]);
});

it("names the receiver that may not be called, with its port", () => {
  const circuit = { receiver: "https://ci.example.com", state: "open", failures: 5, until: later } as const;
  expect(blockersOf(record, { ...clear, circuits: [circuit] }, now)).toEqual([
    { type: "circuit", host: "ci.example.com:443", until: later },
  ]);
});

it("names the receiver that could not be reached instead of the time of the next try, and no more once another time was set", () => {
  const unsent = { host: "ci.example.com:443", error: "connect refused", until: later, since: now, tries: 3 };
  const at = (run_at: Date | null) => blockersOf({ ...record, run_at }, { ...clear, unsent }, now);
  expect(at(later)).toEqual([
    { type: "unreachable", host: "ci.example.com:443", error: "connect refused", until: later },
  ]);
  const tomorrow = new Date("2026-11-24T12:00:00Z");
  expect(at(tomorrow)).toEqual([{ type: "run_at", until: tomorrow }]);
  expect(at(now)).toEqual([{ type: "slots" }]);
});
