// Names that a body does not know: the one that was surely meant is named, whatever the call.
import { expect, it } from "vitest";
import { Faults } from "#domain/faults";
import { readBatch } from "#domain/schema/batch";
import { readPatch } from "#domain/schema/report";
import { readRules } from "#domain/schema/rules";
import { readSchedule } from "#domain/schema/schedule";
import { strict } from "#test/policy";

const limits = { tasksMax: 500, dependenciesMax: 2, linksMax: 9, actionsMax: 9, policy: strict };
const task = { id: "a", name: "A", kind: "k" };
const reads = {
  batch: (body: unknown, faults: Faults) => readBatch(body, 100, limits, 0, faults),
  report: (body: unknown, faults: Faults) => readPatch(body, faults),
  rules: (body: unknown, faults: Faults) => readRules(body, faults),
  schedule: (body: unknown, faults: Faults) => readSchedule(body, 100, limits, 0, faults),
};
const rate = { type: "Rate", max_starts: 1, per_secs: 1, matcher: { kind: "k", fields: [] } };
const old = { type: "Concurency", max_concurency: 1, matcher: { kind: "k", status: "Running", fields: [] } };

it.each<[keyof typeof reads, unknown, string[]]>([
  [
    "batch",
    [{ ...task, maxDurationSecs: 1 }],
    ['tasks[0].maxDurationSecs: is not a known field; did you mean "max_duration_secs"?'],
  ],
  [
    "batch",
    { tasks: [], on_batch_completed: [] },
    ['on_batch_completed: is not a known field; did you mean "on_batch_complete"?'],
  ],
  [
    "batch",
    [
      { ...task, dependencies: [{ id: "b", conditon: "always" }] },
      { ...task, id: "b", retry: { max_retry: 1 } },
    ],
    [
      'tasks[0].dependencies[0].conditon: is not a known field; did you mean "condition"?',
      "tasks[1].retry.max_retries: is required",
      "tasks[1].retry.max_retry: is not a known field",
    ],
  ],
  [
    "batch",
    [
      {
        ...task,
        dependencies: [{ id: "b" }],
        on_start: { kind: "Nats", params: { subject: "baton.work.a", inputs: { x: { task: "bb" } } } },
      },
      { ...task, id: "b" },
    ],
    ['tasks[0].on_start.params.inputs.x.task: no task of this call has the id "bb"; did you mean "b"?'],
  ],
  ["report", { status: "Success", results: 1 }, ['results: is not a known field; did you mean "result"?']],
  [
    "rules",
    { kind: "k", rules: [{ ...rate, persecs: 1 }] },
    ['rules[0].persecs: is not a known field; did you mean "per_secs"?'],
  ],
  ["rules", { kind: "k", rules: [{ ...old, max_concurrency: 1 }] }, ["rules[0].max_concurrency: is not a known field"]],
  [
    "schedule",
    { cron: "@daily", timeZone: "UTC", batch: [{ ...task, priorty: 1 }] },
    [
      'batch.tasks[0].priorty: is not a known field; did you mean "priority"?',
      'timeZone: is not a known field; did you mean "timezone"?',
    ],
  ],
])("a %s %j says what was meant", (what, body, says) => {
  const faults = new Faults();
  reads[what](body, faults);
  expect(faults.list.toSorted()).toEqual(says);
});

it("the first hundred unknown names of a body are looked for, so that no body costs much", () => {
  const faults = new Faults();
  readBatch(
    Array.from({ length: 120 }, (_, n) => ({ ...task, id: `t${n}`, timeouts: 1 })),
    100,
    limits,
    0,
    faults,
  );
  expect(faults.list.filter((fault) => fault.endsWith('did you mean "timeout"?'))).toHaveLength(100);
  expect(faults.list).toHaveLength(120);
});

it.each<[unknown, string]>([
  [task, "body: must be an array of tasks, or an object with tasks; a single task goes into an array"],
  [
    [{ ...task, dependencies: ["b"] }],
    'tasks[0].dependencies[0]: must be an object with the id of a task, such as {"id": "extract"}, not "b"',
  ],
])("%j says how it is sent", (body, says) => {
  const faults = new Faults();
  readBatch(body, 100, limits, 0, faults);
  expect(faults.list).toEqual([says]);
});
