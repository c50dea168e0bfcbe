// What the log says of a committed transaction: which lines, and that each names what it is about.
import { expect, it } from "vitest";
import type { BatchRow, TaskEventRow } from "#domain/row";
import { logLines } from "#domain/turn/log-lines";
import type { TurnState } from "#domain/turn/state";
import { batchId, start, task } from "../../actor/rows.ts";

const event = (over: Partial<TaskEventRow>): TaskEventRow => ({
  ...{ task_id: "a", batch_id: batchId, from: "Running", to: "Failure", event: "fail", at: start, attempt: 1 },
  ...{ reason: "broke", actor: "worker:1" },
  ...over,
});
const batch = (over: Partial<BatchRow>) => ({ id: batchId, ...over }) as BatchRow;
const state = (over: Partial<TurnState>) =>
  ({
    now: start,
    rows: new Map(["a", "b", "c"].map((id) => [id, task({ id, kind: "etl" })])),
    events: [],
    followed: new Set(),
    completed: new Set(),
    ...over,
  }) as unknown as TurnState;
const fields = { batch: batchId, task: "a", kind: "etl", attempt: 1, reason: "broke" };

it.each<[Partial<TaskEventRow>, string]>([
  [{}, "a task failed"],
  [{ event: "timeout" }, "a task timed out"],
  [{ to: "Retrying" }, "a task failed and will be tried again"],
  [{ to: "Retrying", event: "timeout" }, "a task timed out and will be tried again"],
  [{ to: "Paused", event: "timeout" }, "a task timed out and will be tried again"],
  [{ to: "Pending", event: "lease_expired" }, "a task is put back: the lease of its worker has run out"],
])("%o is: %s", (over, text) => {
  expect(logLines(state({ events: [event(over)] }))).toEqual([{ level: "warn", fields, text }]);
});

it.each<Partial<TaskEventRow>>([
  { to: "Success" },
  { to: "Canceled" },
  { from: "Failure" },
  { from: "Paused", to: "Retrying", event: "resume" },
  { from: "Pending", to: "Paused", event: "pause" },
  { to: "Pending", event: "put_back" },
])("%o is nothing to say", (over) => expect(logLines(state({ events: [event(over)] }))).toEqual([]));

it("has one line for all who follow a failed parent, beside that of the parent", () => {
  const events = [event({}), ...["b", "c"].map((task_id) => event({ task_id, from: "Waiting" }))];
  expect(logLines(state({ events, followed: new Set(["b", "c"]) }))).toEqual([
    { level: "warn", fields, text: "a task failed" },
    { level: "warn", fields: { batch: batchId, tasks: 2 }, text: "tasks failed because a parent did" },
  ]);
});

it("has a line for a batch that this transaction completed, with its counts", () => {
  const counts = { total: 9, succeeded: 3, failed: 2, canceled: 3, skipped: 1, deadEnds: 1, followed: 1 };
  const complete = batch({ ...counts, completedAt: start });
  expect(logLines(state({ completed: new Set([complete]) }))).toEqual([
    {
      level: "info",
      text: "a batch is complete",
      fields: {
        ...{ batch: batchId, total: 9, success: 3, failure: 2, canceled: 3, skipped: 1 },
        ...{ dead_ends: 1, followed: 1 },
      },
    },
  ]);
});
