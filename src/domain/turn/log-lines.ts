// The log lines of a committed transaction: one for each task that failed, timed out or lost its worker, and for each batch that
// completed, with their ids. Pure: it returns the lines.
import type { TaskEventRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";

export interface LogLine {
  readonly level: "info" | "warn";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export function logLines(state: TurnState): LogLine[] {
  return [...state.events.flatMap((event) => taskLine(state, event)), ...followers(state), ...batchLines(state)];
}

const isFailure = (event: string): boolean =>
  event === "fail" || event === "timeout" || event === "start_failed" || event === "start_unanswered";

function taskLine(state: TurnState, event: TaskEventRow): LogLine[] {
  const { task_id: task, batch_id: batch, attempt, reason, from, to } = event;
  if (from === to || state.followed.has(task)) return [];
  const fields = { batch, task, kind: state.rows.get(task)?.kind, attempt, reason };
  const what = event.event === "timeout" ? "a task timed out" : "a task failed";
  if (to === "Failure") return [{ level: "warn", fields, text: what }];
  // To Paused: the attempt failed while a pause was requested. From Paused to Retrying: it failed before the pause, and has its line.
  if ((to === "Retrying" && from !== "Paused") || (to === "Paused" && isFailure(event.event)))
    return [{ level: "warn", fields, text: `${what} and will be tried again` }];
  if (event.event !== "lease_expired") return [];
  return [{ level: "warn", fields, text: "a task is put back: the lease of its worker has run out" }];
}

/** A cascade has one line, not one for each of thousands of tasks; the failure that caused it has its own. */
function followers(state: TurnState): LogLine[] {
  const counts = new Map<string, number>();
  for (const { task_id: task, batch_id: batch, to } of state.events)
    if (to === "Failure" && state.followed.has(task)) counts.set(batch, (counts.get(batch) ?? 0) + 1);
  return [...counts].map(([batch, tasks]) => ({
    level: "warn",
    fields: { batch, tasks },
    text: "tasks failed because a parent did",
  }));
}

function batchLines(state: TurnState): LogLine[] {
  return [...state.completed].map((batch) => {
    const { id, total, succeeded: success, failed: failure, canceled, skipped, deadEnds: dead_ends, followed } = batch;
    const fields = { batch: id, total, success, failure, canceled, skipped, dead_ends, followed };
    return { level: "info", fields, text: "a batch is complete" };
  });
}
