// Planning: ids wired, what each task waits for counted, actions and timers in their columns.
import fc from "fast-check";
import { expect, it } from "vitest";
import { firstDelayMs, levelsOf, planBatch } from "#domain/create/batch";
import { Faults } from "#domain/faults";
import { readBatch } from "#domain/schema/batch";
import { strict } from "#test/policy";
import { Reference } from "#test/reference";
import { seed } from "#test/seed";

const now = Date.parse("2026-11-23T12:00:00Z");
const batchId = "019b0000-0000-7000-8000-000000000000";
const hook = (url = "http://h:81/x") => ({ kind: "Webhook", params: { url, verb: "Post" } });

function plan(tasks: object[], omitted?: ReadonlySet<number>, more: object = {}) {
  const faults = new Faults();
  const batch = readBatch(
    { tasks: tasks.map((task) => ({ name: "N", kind: "k", ...task })), ...more },
    100_000,
    { tasksMax: 100, dependenciesMax: 9, linksMax: 100, actionsMax: 9, policy: strict },
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
  expect(tasks.map((t) => [t.status, t.wait_finished, t.wait_success, t.children])).toEqual([
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
  expect(tasks.map((t) => [t.status, t.wait_finished, t.wait_success, t.children])).toEqual([
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

it("begins Paused where the task or its batch is, and says whose pause it is", () => {
  const tasks = [{ id: "a" }, { id: "b", paused: true, dependencies: [{ id: "a" }] }, { id: "c", paused: false }];
  const begun = (more: object) => {
    const planned = plan(tasks, undefined, more);
    return planned.tasks.map((t, i) => [t.status, t.wait_finished, t.paused_by_batch, planned.specs[i]?.paused]);
  };
  expect(begun({})).toEqual([
    ["Pending", 0, false, false],
    ["Paused", 1, false, true],
    ["Pending", 0, false, false],
  ]);
  expect(begun({ paused: true })).toEqual([
    ["Paused", 0, true, false],
    ["Paused", 1, false, true],
    ["Paused", 0, true, false],
  ]);
  expect([plan(tasks).paused, plan([], undefined, { paused: true }).paused]).toEqual([false, true]);
});

it("gives a gate a year, unless it says otherwise", () => {
  const on_start = { kind: "Wait" };
  const { tasks, specs } = plan([{ id: "a", on_start }, { id: "b", on_start, timeout: 5 }, { id: "c" }]);
  expect(tasks.map(({ timeout, receiver, acts }) => [timeout, receiver, acts])).toEqual([
    [31_536_000, null, 1],
    [5, null, 1],
    [60, null, 0],
  ]);
  expect(specs[0]?.start_action).toEqual({ kind: "Wait", params: {} });
});

it("keeps the limits on a task's time; a message may lie in its queue for a day unless its action says otherwise", () => {
  const message = (params: object = {}) => ({ kind: "Nats", params: { subject: "baton.work.x", ...params } });
  const { tasks } = plan([
    { id: "a", max_duration_secs: 100, expires_secs: 10, on_start: message() },
    { id: "b", on_start: message({ queue_timeout_secs: 5 }) },
    { id: "c", on_start: message({ queue_timeout_secs: null }) },
    { id: "d", on_start: hook() },
    { id: "e" },
  ]);
  expect(tasks.map((t) => [t.max_duration_secs, t.expires_secs, t.queue_timeout_secs])).toEqual([
    [100, 10, 86_400],
    [null, null, 5],
    [null, null, 86_400],
    [null, null, null],
    [null, null, null],
  ]);
});

it("says when its first timer goes off: a start, an expiry, or its deadline", () => {
  const first = (tasks: object[], deadlineSecs: number | null = null) =>
    firstDelayMs({ ...plan(tasks), deadlineSecs }, now);
  expect(first([{ id: "a" }, { id: "b", dependencies: [{ id: "a" }], delay_secs: 1 }])).toBeUndefined();
  expect(
    first([
      { id: "a", delay_secs: 5 },
      { id: "b", expires_secs: 9 },
    ]),
  ).toBe(5_000);
  expect(
    first([
      { id: "a", expires_secs: 3, delay_secs: 3 },
      { id: "b", delay_secs: 5 },
    ]),
  ).toBe(3_000);
  expect(first([{ id: "a" }, { id: "b", dependencies: [{ id: "a" }], expires_secs: 4 }])).toBe(4_000);
  expect(first([{ id: "a", delay_secs: 5 }], 2)).toBe(2_000);
});

it("begins every task as the reference does, whatever was left out", () => {
  const kinds = [
    ...[{}, { requires_success: true }, { requires_success: false }],
    ...["always", "on_success", "on_failure", "none_failed"].map((condition) => ({ condition })),
  ];
  const batch = fc.array(
    fc.record({
      isOmitted: fc.nat(3).map((n) => n === 0),
      join: fc.constantFrom("all", "any"),
      edges: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...kinds)), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 9 },
  );
  fc.assert(
    fc.property(batch, (all) => {
      const specs = all.map(({ join, edges }, n) => {
        const parents = new Map(n === 0 ? [] : edges.map(([parent, kind]) => [`t${parent % n}`, kind]));
        return { id: `t${n}`, join, dependencies: [...parents].map(([id, kind]) => ({ id, ...kind })) };
      });
      const omitted = all.flatMap(({ isOmitted }, n) => (isOmitted ? [n] : []));
      const names = new Set(omitted.map((n) => `t${n}`));
      const { tasks, specs: made } = plan(specs, new Set(omitted));
      const seen = tasks.map((t, n) => [made[n]?.local_id, t.status, t.wait_finished, t.wait_success]);
      const expected = new Reference(specs as never, { omitted: names }).tasks;
      expect(seen).toEqual([...expected.values()].map((t) => [t.id, t.status, t.wait_finished, t.wait_success]));
    }),
    { seed, numRuns: 500 },
  );
});

it("takes the dead end of the batch where a task says nothing", () => {
  const tasks = [
    { id: "a" },
    { id: "b", dead_end: "cancel", join: "any" },
    { id: "c", dead_end: "keep" },
    { id: "d", dead_end: null },
  ];
  const keeps = (more: object) => plan(tasks, undefined, more).tasks.map((task) => task.dead_end_keep);
  expect(keeps({ dead_end: "keep" })).toEqual([true, false, true, true]);
  expect(keeps({ dead_end: "cancel" })).toEqual([false, false, true, false]);
  expect(keeps({})).toEqual([false, false, true, false]);
  expect(plan(tasks, undefined, { dead_end: "keep" }).deadEnd).toBe("keep");
  expect(plan(tasks).tasks.map((task) => task.joins_any)).toEqual([false, true, false, false]);
});
