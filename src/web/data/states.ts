// The ten states of a task and the five of a batch, as the console orders and groups them.
import type { BatchStatus, StatusCounts, TaskStatus } from "../../sdk/client.ts";

/** By number, as the columns of a batch and the graph have them. */
export const states = [
  ...(["Waiting", "Pending", "Claimed", "Running", "Retrying", "Paused"] as const),
  ...(["Success", "Failure", "Canceled", "Skipped"] as const),
] satisfies readonly TaskStatus[];

export const stateIndex = (state: TaskStatus): number => states.indexOf(state);
export const isFinal = (index: number): boolean => index >= 6;
export const isFinalState = (state: TaskStatus): boolean => isFinal(stateIndex(state));

/** In bars and legends: what a person must see first comes first. */
export const barOrder = [
  ...(["Failure", "Running", "Claimed", "Retrying", "Paused", "Pending", "Waiting"] as const),
  ...(["Success", "Canceled", "Skipped"] as const),
] satisfies readonly TaskStatus[];

export const countsOf = (counts: StatusCounts): Partial<Record<TaskStatus, number>> =>
  Object.fromEntries(states.map((state) => [state, counts[state.toLowerCase() as keyof StatusCounts] ?? 0]));

/** The state of a batch, as the shape of a task's state that says the same. */
export const shapeOfBatch: Readonly<Record<BatchStatus, TaskStatus>> = {
  ...{ running: "Running", paused: "Paused", success: "Success", failure: "Failure", canceled: "Canceled" },
};

export const wordOfBatch: Readonly<Record<BatchStatus, string>> = {
  ...{ running: "Running", paused: "Paused", success: "Success", failure: "Failure", canceled: "Canceled" },
};
