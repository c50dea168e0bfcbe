// Whether tasks may be added now, to a batch or by a task that is at work. Pure: looks at the rows under their locks.
import { type AcceptedVerb, acceptedVerbs, staleness } from "#domain/command";
import { type BatchRow, holdsSlots, type TaskRow } from "#domain/row";
import type { TaskState } from "#domain/state";
import { acceptsOfBatch } from "#domain/turn/batch-step";
import { accepts } from "#domain/turn/step";

export interface NotNow {
  readonly code: "batch_complete" | "not_in_this_state" | "wrong_attempt";
  readonly error: string;
  /** Of the task that would add. */
  readonly task?: { readonly current_status: TaskState; readonly allowed: readonly AcceptedVerb[] };
}

/** Null: they may. `task`: that adds, if one does; `attempt`: that it names. `count`: of tasks. */
export function refusalToAdd(
  batch: BatchRow,
  task: TaskRow | null,
  attempt: number | undefined,
  count: number,
): NotNow | null {
  if (task !== null && attempt !== undefined && attempt !== task.attempt)
    return { code: "wrong_attempt", error: staleness(task.attempt, attempt), task: standOf(task) };
  // Claimed, Running or in doubt: somebody may be at work on it.
  if (task !== null && !holdsSlots(task))
    return {
      code: "not_in_this_state",
      error: `A task that is ${task.status} does not add tasks`,
      task: standOf(task),
    };
  if (acceptsOfBatch(batch, { type: "tasks_added", count })) return null;
  const error = batch.stopping ? "The batch was stopped" : "The batch is complete";
  return { code: "batch_complete", error, ...(task === null ? {} : { task: standOf(task) }) };
}

const standOf = (task: TaskRow): NonNullable<NotNow["task"]> => ({
  current_status: task.status,
  allowed: accepts(task, acceptedVerbs),
});
