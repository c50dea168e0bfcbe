// The names of the states of a task as values: spelled in the machine, checked here by the compiler, in its order.
import type { TaskState } from "#machines/task";

export type { Outcome, TaskState } from "#machines/task";
export { outcomes } from "#machines/task-words";

const named = {
  Waiting: true,
  Pending: true,
  Claimed: true,
  Running: true,
  Retrying: true,
  Paused: true,
  Success: true,
  Failure: true,
  Canceled: true,
  Skipped: true,
} as const satisfies Record<TaskState, true>;

export const taskStates = Object.keys(named) as readonly TaskState[];

/** Of every state none; keys in lower case, as counts are shown. */
export const noCounts = (): Record<string, number> =>
  Object.fromEntries(taskStates.map((state) => [state.toLowerCase(), 0]));
