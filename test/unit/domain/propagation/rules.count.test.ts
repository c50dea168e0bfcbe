// What counts when tasks end: in their batch, and who has to hear of it.
import { describe, expect, it } from "vitest";
import { completeBatches } from "#actor/turn/conclude";
import { countEnded } from "#domain/propagation/rules";
import type { BatchRow, TaskRow } from "#domain/row";
import { advance } from "#domain/turn/step";
import { batchId, later, stateOf, task } from "../../actor/rows.ts";

describe("the count of a batch", () => {
  const batchIn = (state: ReturnType<typeof stateOf>) => state.batches.get(batchId) as BatchRow;

  it("goes down by those that ended, once each", () => {
    const rows = [task({ id: "a" }), task({ id: "b" }), task({ id: "c" })];
    const state = stateOf(rows);
    for (const row of rows.slice(0, 2)) advance(state, row, { type: "cancel" });
    countEnded(state);
    expect(countEnded(state)).toEqual([]);
    expect(completeBatches(state)).toEqual([]);
    expect(batchIn(state)).toMatchObject({ total: 3, unfinished: 1, canceled: 2, completedAt: null });
    expect([state.changedBatches.size, state.finished.length]).toEqual([1, 2]);
  });

  it("says how they ended, and which one failed first by itself", () => {
    const rows = ["a", "b", "c", "d", "e"].map((id) => task({ id, status: "Running" }));
    const state = stateOf(rows);
    const [a, b, c, d, e] = rows as [TaskRow, TaskRow, TaskRow, TaskRow, TaskRow];
    advance(state, a, { type: "succeed" });
    state.followed.add("b");
    advance(state, b, { type: "fail" });
    advance(state, c, { type: "fail" });
    advance(state, d, { type: "fail" });
    state.deadEnds.add("e");
    advance(state, e, { type: "cancel" });
    countEnded(state);
    const counts = { succeeded: 1, failed: 3, canceled: 1, skipped: 0, deadEnds: 1, followed: 1, firstFailed: "c" };
    expect(batchIn(state)).toMatchObject(counts);
    expect(completeBatches(state)).toMatchObject([{ unfinished: 0, completedAt: later(10) }]);
  });

  it("is not touched where nothing ended", () => {
    const state = stateOf([task()]);
    expect(countEnded(state)).toEqual([]);
    expect([completeBatches(state), state.changedBatches.size]).toEqual([[], 0]);
  });

  it("cannot be changed by a turn that does not hold it", () => {
    const state = stateOf([task({ status: "Running" })]);
    state.batches.clear();
    advance(state, state.rows.get("a") as TaskRow, { type: "succeed" });
    expect(() => countEnded(state)).toThrow(/does not hold/);
  });
});

describe("who has to hear of an end", () => {
  const steps = (over: Partial<TaskRow>, isQuiet = false) => {
    const state = stateOf([task({ children: 3, ...over })]);
    const row = state.rows.get("a") as TaskRow;
    if (isQuiet) state.quiet.add("a");
    advance(state, row, { type: "cancel" });
    const asked = countEnded(state);
    return [state.steps.left().map(({ step }) => step), asked.length];
  };

  it("are its unfinished children, and its parents where some may be unfinished", () => {
    expect(steps({ openChildren: 3 })).toEqual([["down"], 0]);
    expect(steps({ openChildren: 0 })).toEqual([[], 0]);
    expect(steps({ status: "Waiting", waitFinished: 1 })).toEqual([[], 1]);
    expect(steps({ joinsAny: true })).toEqual([[], 1]);
  });

  it("is none, where a stop ended all of them", () => {
    expect(steps({ openChildren: 3, status: "Waiting", waitFinished: 1 }, true)).toEqual([[], 0]);
  });
});
