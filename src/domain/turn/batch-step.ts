// The only caller of the batch machine: restores a batch from its row, lets an event happen to it, and writes what the machine
// decided back into the row in memory.
import { transition } from "xstate";
import type { BatchRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { type BatchEvent, type BatchState, batchMachine } from "#machines/batch";

const stateOf = ({ completedAt, stopping, paused }: BatchRow): BatchState =>
  completedAt !== null ? "complete" : stopping ? "stopping" : paused ? "paused" : "running";

const restored = (row: BatchRow) =>
  batchMachine.resolveState({ value: stateOf(row), context: { unfinished: row.unfinished, open: row.open } });

export const acceptsOfBatch = (row: BatchRow, event: BatchEvent): boolean => restored(row).can(event);

/** Lets `event` happen to the batch if the machine accepts it. */
export function advanceBatch(state: TurnState, row: BatchRow, event: BatchEvent): void {
  const before = restored(row);
  if (!before.can(event)) return;
  const [after] = transition(batchMachine, before, event);
  row.unfinished = after.context.unfinished;
  row.open = after.context.open;
  row.paused = after.value === "paused";
  row.stopping = after.value === "stopping";
  state.changedBatches.add(row);
  if (after.value !== "complete") return;
  row.completedAt = state.now;
  state.completed.add(row);
}
