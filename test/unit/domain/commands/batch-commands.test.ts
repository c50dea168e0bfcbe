// Commands for a whole batch: who is stopped, paused and resumed, the counts in the answer, and which of them are not done at
// once but written down as sweeps.
import { describe, expect, it } from "vitest";
import { limits } from "#config";
import type { BatchVerb, ClientCommand } from "#domain/command";
import { decideBatch, isAtOnce } from "#domain/commands/batch-commands";
import type { BatchRow, TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { always, ask, batchId, batchOf, later, nobody, stateOf, task, work } from "../../actor/rows.ts";

const retrying = { status: "Retrying", retry: always, nextRetryAt: later(60), dueAt: later(60) } as const;
/** One of each state; a turn over a batch holds only what has not ended. */
const open = (): TaskRow[] => [
  task({ id: "w", status: "Waiting", waitFinished: 1, waitSuccess: 1 }),
  task({ id: "p", status: "Pending", children: 1, openChildren: 1 }),
  task({ id: "c", status: "Claimed" }),
  task({ id: "r", status: "Running" }),
  task({ id: "y", ...retrying }),
  task({ id: "z", status: "Paused" }),
];
const stageOf = (rows: TaskRow[], total = rows.length, more: Partial<BatchRow> = {}) => {
  const state = stateOf(rows);
  state.batches.set(batchId, { ...batchOf(total, rows.length), ...more });
  return state;
};
const batchIn = (state: TurnState) => state.batches.get(batchId) as BatchRow;
const statuses = (rows: readonly TaskRow[]) => Object.fromEntries(rows.map(({ id, status }) => [id, status]));
const decide = (state: TurnState, verb: BatchVerb, more: Partial<ClientCommand> = {}) => {
  state.cause = ++batchIn(state).seq;
  return decideBatch(state, ask(verb, batchId, more), nobody);
};

describe("at once", () => {
  it("stops every unfinished task itself, counts them by where they were, and fails none", () => {
    const rows = open();
    const state = stageOf(rows, 10);
    expect(decide(state, "stop_batch")).toEqual({
      answer: {
        status: 200,
        id: batchId,
        counts: {
          canceled_waiting: 1,
          canceled_pending: 1,
          canceled_claimed: 1,
          canceled_running: 1,
          canceled_paused: 1,
          canceled_retrying: 1,
          already_terminal: 4,
        },
      },
      work: null,
    });
    for (const row of rows)
      expect(row).toMatchObject({ status: "Canceled", failureReason: "Batch stopped", dueAt: null });
    expect(state.pendingDeliveries.map(({ row, on, holdUntil }) => [row.id, on, holdUntil])).toEqual([
      ["c", "cancel", later(40)],
      ["r", "cancel", null],
    ]);
    expect([state.ended.length, state.steps.size, state.addedWorks.length, state.changedWorks.size]).toEqual([
      6, 0, 0, 0,
    ]);
    expect(batchIn(state)).toMatchObject({ stopping: true, open: false });
  });

  it("finds nothing to stop a second time", () => {
    const { answer } = decide(stageOf([], 3, { completedAt: later(1) }), "stop_batch");
    expect(answer.counts).toMatchObject({ canceled_pending: 0, already_terminal: 3 });
  });

  it("completes an open batch in which nothing is left, by a stop", () => {
    const state = stageOf([], 3, { open: true });
    decide(state, "stop_batch");
    expect(batchIn(state)).toMatchObject({ open: false, completedAt: later(10) });
  });

  it("pauses what waits; what is under way goes on and remembers", () => {
    const rows = open();
    const state = stageOf(rows);
    expect(decide(state, "pause_batch").answer).toEqual({ status: 200, id: batchId, counts: { paused: 3 } });
    expect(statuses(rows)).toEqual({ w: "Paused", p: "Paused", c: "Claimed", r: "Running", y: "Paused", z: "Paused" });
    expect(rows.filter((row) => row.pauseRequested).map(({ id }) => id)).toEqual(["c", "r"]);
    expect(state.events.map(({ task_id }) => task_id)).toEqual(["w", "p", "y"]);
    expect(batchIn(state).paused).toBe(true);
  });

  it("resumes each to where it belongs, withdraws what was remembered, and leaves what was paused by itself", () => {
    const rows = open();
    decide(stageOf(rows), "pause_batch");
    const state = stageOf(rows, rows.length, { paused: true });
    expect(decide(state, "resume_batch").answer).toEqual({ status: 200, id: batchId, counts: { resumed: 3 } });
    expect(statuses(rows)).toEqual({
      w: "Waiting",
      p: "Pending",
      c: "Claimed",
      r: "Running",
      y: "Retrying",
      z: "Paused",
    });
    expect(rows.filter((row) => row.pauseRequested)).toEqual([]);
    expect(rows.find(({ id }) => id === "y")).toMatchObject({ dueAt: later(60), nextRetryAt: later(60) });
    expect(batchIn(state).paused).toBe(false);
  });

  it("gives other rules to the unfinished tasks of exactly that kind", () => {
    const rows = [...open().map((row) => ({ ...row, kind: "mail" })), task({ id: "other", kind: "mailer" })];
    const state = stageOf(rows);
    const rules = { kind: "mail", rules: [{ type: "Concurrency" }] };
    expect(decide(state, "set_rules", { rules }).answer.counts).toEqual({ updated_count: 6 });
    expect([...state.ruled]).toEqual(rows.slice(0, 6).map(({ id }) => [id, rules.rules]));
    expect(rows.find(({ id }) => id === "r")?.lastUpdated).toEqual(later(10));
  });

  it("touches no other batch, and does not know one that is not there", () => {
    const stranger = task({ id: "s", batchId: "00000000-0000-7000-8000-0000000000b1" });
    const state = stageOf([...open(), stranger], 6);
    expect(decide(state, "stop_batch").answer.counts).toMatchObject({ already_terminal: 0 });
    expect(stranger.status).toBe("Pending");
    for (const verb of ["stop_batch", "pause_batch", "resume_batch"] as const)
      expect(decideBatch(state, ask(verb, "nobody"), nobody)).toEqual({
        answer: { status: 404, id: "nobody", error: "No such batch", code: "unknown_batch" },
        work: null,
      });
  });
});

describe("a sweep of a large batch", () => {
  const total = limits.portionTasksMax + 1;

  it.each([
    ["stop_batch", "stop", { stopping: true, open: false, paused: false }],
    ["pause_batch", "pause", { stopping: false, open: true, paused: true }],
    ["resume_batch", "resume", { stopping: false, open: true, paused: false }],
    ["set_rules", "rules", { stopping: false, open: true, paused: false }],
  ] as const)("%s changes the batch only, and is written down for the tasks that are there", (verb, kind, flags) => {
    const rows = open();
    const before = structuredClone(rows);
    const state = stageOf(rows, total, { open: true, seq: 4 });
    const rules = { kind: "k", rules: [] };
    const { work: written } = decide(state, verb, verb === "set_rules" ? { rules } : {});
    expect(written).toMatchObject({ batchId, kind, seq: 5, reached: -1, upto: total - 1, done: false });
    expect(written?.args).toEqual(verb === "set_rules" ? rules : null);
    expect(batchIn(state)).toMatchObject({ ...flags, works: 1, seq: 5 });
    expect(rows).toEqual(before);
    expect([state.addedWorks, state.worksOf(batchId)]).toEqual([[written], [written]]);
  });

  it("answers with the counts so far: none", () => {
    const { answer } = decide(stageOf(open(), total), "stop_batch");
    expect(answer.counts).toMatchObject({ canceled_waiting: 0, already_terminal: total });
    expect(decide(stageOf(open(), total), "pause_batch").answer.counts).toEqual({ paused: 0 });
  });

  it("is done at once where nothing is left", () => {
    const state = stageOf([], total);
    expect(decide(state, "pause_batch")).toEqual({
      answer: { status: 200, id: batchId, counts: { paused: 0 } },
      work: null,
    });
    expect([state.addedWorks, batchIn(state).works]).toEqual([[], 0]);
  });

  it("remembers who asked", () => {
    const state = stageOf(open(), total);
    const asker = { commandId: "b:c1", replies: ["in"], actor: "token:ops", reason: "no use" };
    expect(decideBatch(state, ask("stop_batch", batchId), asker).work).toMatchObject(asker);
  });
});

it("a small batch waits with its sweep for an earlier one, but not for propagation", () => {
  const state = stageOf(open());
  expect(isAtOnce(state, batchIn(state))).toBe(true);
  state.works.set(batchId, [work({ kind: "propagation" })]);
  expect(isAtOnce(state, batchIn(state))).toBe(true);
  state.works.set(batchId, [work({ kind: "pause" })]);
  expect(isAtOnce(state, batchIn(state))).toBe(false);
  state.works.set(batchId, [work({ kind: "pause", done: true })]);
  expect(isAtOnce(state, batchIn(state))).toBe(true);
});

describe("a close", () => {
  it("closes an open batch, and asks nothing of its tasks", () => {
    const rows = open();
    const before = structuredClone(rows);
    const state = stageOf(rows, 10, { open: true });
    expect(decide(state, "close_batch")).toEqual({ answer: { status: 200, id: batchId }, work: null });
    expect(batchIn(state)).toMatchObject({ open: false, completedAt: null });
    expect([rows, state.changedBatches.size, state.closed.get(batchId)]).toEqual([before, 1, state.cause]);
  });

  it("completes a batch in which all has ended, and changes nothing in one that is complete", () => {
    const state = stageOf([], 10, { open: true });
    decide(state, "close_batch");
    expect(batchIn(state)).toMatchObject({ open: false, completedAt: later(10) });
    const over = stageOf([], 10, { completedAt: later(1) });
    expect(decide(over, "close_batch").answer).toEqual({ status: 200, id: batchId });
    expect([batchIn(over).completedAt, over.changedBatches.size, over.closed.size]).toEqual([later(1), 0, 0]);
  });
});
