// The deadline of a batch: a stop that nobody asked for.
import { describe, expect, it } from "vitest";
import { limits as sizes } from "#config";
import { passDeadline } from "#domain/commands/batch-commands";
import type { BatchRow, TaskRow } from "#domain/row";
import { batchId, batchOf, start, stateOf, task } from "../../actor/rows.ts";

describe("the deadline of a batch", () => {
  const passed = (rows: TaskRow[], more: Partial<BatchRow> = {}) => {
    const state = stateOf(rows);
    state.batches.set(batchId, { ...batchOf(rows.length, rows.length), ...more });
    state.cause = 1;
    return { state, done: passDeadline(state, batchId), batch: state.batches.get(batchId) as BatchRow };
  };
  const some = () => [
    task({ id: "w", status: "Waiting", waitFinished: 1 }),
    task({ id: "r", status: "Running" }),
    task({ id: "z", status: "Paused" }),
  ];

  it("stops it as a client would, for another reason", () => {
    const rows = some();
    const { state, done, batch } = passed(rows, { open: true, paused: true });
    expect(done).toBe(true);
    for (const row of rows) expect(row).toMatchObject({ status: "Canceled", failureReason: "Batch deadline passed" });
    expect(new Set(state.events.map(({ event, reason }) => `${event}: ${reason}`))).toEqual(
      new Set(["stop_batch: Batch deadline passed"]),
    );
    expect(state.pendingDeliveries.map(({ row, on }) => [row.id, on])).toEqual([["r", "cancel"]]);
    expect(batch).toMatchObject({ stopping: true, open: false });
    // Nothing of it counts as a failed parent.
    expect(state.quiet.size).toBe(3);
  });

  it("completes an open batch that has no unfinished task", () => {
    const { done, batch, state } = passed([], { open: true });
    expect([done, batch.completedAt]).toEqual([true, state.now]);
  });

  it("means nothing any more once the batch is being stopped, is complete, or is gone", () => {
    expect(passed(some(), { stopping: true }).done).toBe(false);
    expect(passed([], { completedAt: start }).done).toBe(false);
    expect(passDeadline(stateOf([]), "another")).toBe(false);
  });

  it("of a large batch is written down as a stop with its reason, for portions to do", () => {
    const total = sizes.portionTasksMax + 1;
    const rows = some();
    const state = stateOf(rows);
    state.batches.set(batchId, batchOf(total, total));
    expect(passDeadline(state, batchId)).toBe(true);
    expect(state.addedWorks).toMatchObject([
      { kind: "stop", args: { reason: "Batch deadline passed" }, commandId: null, answer: null },
    ]);
    expect(rows.map(({ status }) => status)).toEqual(["Waiting", "Running", "Paused"]);
  });
});
