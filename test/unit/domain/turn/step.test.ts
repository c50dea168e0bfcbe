// What a transition does to the row in hand: columns, timers, events and deliveries, and that a refused event leaves
// no trace. Which event moves which state is the machine's business (test/machines); here every pair is only replayed.
import { describe, expect, it } from "vitest";
import { isFinal, type TaskRow } from "#domain/row";
import { accepts, advance, arm } from "#domain/turn/step";
import type { TaskContext, TaskState } from "#machines/task";
import { eventKey, events, expected, states } from "#test/table";
import { allActs, always, later, stage, start, stateOf, task, verbs } from "../../actor/rows.ts";

const flags = [false, true];
const whose = [
  { pausedByBatch: false, joinsAny: false },
  { pausedByBatch: true, joinsAny: false },
  { pausedByBatch: false, joinsAny: true },
];
const variants: Partial<TaskRow>[] = flags.flatMap((inDoubt) =>
  flags.flatMap((pauseRequested) =>
    [null, later(100)].flatMap((nextRetryAt) =>
      [0, 1, 2].flatMap((waitFinished) =>
        [0, 1].flatMap((waitSuccess) =>
          [null, later(-50)].flatMap((firstClaimedAt) =>
            whose.map((one) => ({
              ...{ ...one, inDoubt, pauseRequested, nextRetryAt, waitFinished, waitSuccess, firstClaimedAt },
            })),
          ),
        ),
      ),
    ),
  ),
);
const policies = [null, always, { ...always, max_retries: 0 }, { ...always, retry_on: ["timeout"] as const }];
const contextOf = (row: TaskRow): TaskContext => ({
  waitFinished: row.waitFinished,
  waitSuccess: row.waitSuccess,
  attempt: row.attempt,
  maxRetries: row.retry?.max_retries ?? 0,
  retryOn: row.retry?.retry_on ?? [],
  inDoubt: row.inDoubt,
  pauseRequested: row.pauseRequested,
  pausedByBatch: row.pausedByBatch,
  joinsAny: row.joinsAny,
  backoff: row.nextRetryAt !== null,
  // A first claim counts once it has led to something.
  wasClaimed: row.firstClaimedAt !== null && !(row.status === "Claimed" && row.firstClaimedAt === row.startedAt),
});

describe.each(states)("a row that is %s", (status) => {
  it.each(events.map((event) => [eventKey(event), event] as const))("follows the table on %s", (_, event) => {
    for (const over of variants)
      for (const retry of policies) {
        const firstClaimedAt = over.firstClaimedAt ?? (status === "Claimed" ? start : null);
        const { state, row } = stage({ status, retry, ...over, firstClaimedAt });
        const before = { ...row };
        const says = expected(status, contextOf(row), event);
        const where = JSON.stringify({ status, event, ...over, retry });
        const accepted = advance(state, row, event, { name: "n" });
        if (accepted !== (says !== null)) expect.fail(`${where}: accepted is ${accepted}`);
        if (says === null) {
          expect(row, where).toEqual(before);
          expect([state.changed.size, state.events.length, state.pendingDeliveries.length, state.ended.length]).toEqual(
            [0, 0, 0, 0],
          );
          continue;
        }
        checkRow(row, before, says.to, where);
        expect(contextOf(row), where).toEqual({ ...says.context, ...(isFinal(says.to) ? { backoff: false } : {}) });
        expect(state.changed.has(row), where).toBe(true);
        expect(
          state.events.map(({ from, to, event }) => [from, to, event]),
          where,
        ).toEqual(says.to === status ? [] : [[status, says.to, "n"]]);
        expect(
          state.pendingDeliveries.map(({ on }) => on),
          where,
        ).toEqual(says.does.filter((does) => does.startsWith("deliver")).map((does) => does.slice(7).toLowerCase()));
      }
  });
});

/** What the table of the database would check, and what holds for any row. */
function checkRow(row: TaskRow, before: TaskRow, to: TaskState, where: string): void {
  expect(row.status, where).toBe(to);
  expect(row.endedAt !== null, where).toBe(isFinal(to));
  expect(row.lastUpdated, where).toEqual(later(10));
  if (to !== "Claimed") expect(row.owner, where).toBeNull();
  if (isFinal(to)) expect([row.dueAt, row.nextRetryAt], where).toEqual([null, null]);
  if (to === "Pending" && before.status !== "Pending") expect(row.startedAt, where).toBeNull();
  if (to === "Retrying" && before.status !== to) expect(row.dueAt, where).toEqual(row.nextRetryAt);
  if (to === "Running" && before.status !== "Running") expect(row.dueAt, where).toEqual(later(70));
  if (to === "Waiting" || to === "Paused") {
    if (before.status !== to) expect(row.dueAt, where).toBeNull();
  }
}

it("says what a row accepts, out of the commands a client has", () => {
  const allowed = (over: Partial<TaskRow>) => accepts(task(over), verbs).join(" ");
  expect(allowed({ status: "Waiting", waitFinished: 1 })).toBe("cancel pause update");
  expect(allowed({ status: "Pending" })).toBe("cancel pause update");
  expect(allowed({ status: "Pending", inDoubt: true })).toBe("succeed fail skip cancel pause update");
  expect(allowed({ status: "Claimed" })).toBe("succeed fail skip cancel update");
  expect(allowed({ status: "Running" })).toBe("succeed fail skip cancel update");
  expect(allowed({ status: "Retrying", nextRetryAt: later(5) })).toBe("cancel pause update");
  expect(allowed({ status: "Paused" })).toBe("cancel resume update");
  expect(allowed({ status: "Paused", inDoubt: true })).toBe("succeed fail skip cancel resume update");
  for (const status of ["Success", "Failure", "Canceled", "Skipped"] as const) expect(allowed({ status })).toBe("");
});

describe("timers", () => {
  it("wait for run_at, unless it has passed", () => {
    const waiting = stage({ status: "Waiting", waitFinished: 1, runAt: later(99) });
    advance(waiting.state, waiting.row, { type: "parent_met", required: false });
    expect(waiting.row).toMatchObject({ status: "Pending", dueAt: later(99) });
    expect(waiting.state.earliestDue).toEqual(later(99));
    const past = stage({ status: "Waiting", waitFinished: 1, runAt: later(9) });
    advance(past.state, past.row, { type: "parent_met", required: false });
    expect(past.row).toMatchObject({ status: "Pending", dueAt: null });
    expect(past.state.earliestDue).toBeNull();
  });

  it("back off as the policy says, by the attempt, with at most a tenth more", () => {
    const waits = [0, 1].map((attempt) => {
      const { state, row } = stage({ status: "Running", retry: always, attempt }, { env: { random: () => 1 } });
      advance(state, row, { type: "fail" });
      return (row.nextRetryAt as Date).getTime() - later(10).getTime();
    });
    expect(waits).toEqual([5_500, 11_000]);
  });

  it("keep the backoff through a pause, and forget it with the next attempt", () => {
    const { state, row } = stage({ status: "Retrying", retry: always, nextRetryAt: later(15), dueAt: later(15) });
    advance(state, row, { type: "pause" });
    expect(row).toMatchObject({ status: "Paused", dueAt: null, nextRetryAt: later(15) });
    advance(state, row, { type: "resume" });
    expect(row).toMatchObject({ status: "Retrying", dueAt: later(15), nextRetryAt: later(15) });
    advance(state, row, { type: "backoff_elapsed" });
    expect(row).toMatchObject({ status: "Pending", attempt: 1, dueAt: null, nextRetryAt: null });
  });

  it("go off at once where the backoff ended during a pause", () => {
    const { state, row } = stage({ status: "Paused", retry: always, nextRetryAt: later(-15), dueAt: null });
    advance(state, row, { type: "resume" });
    expect(row).toMatchObject({ status: "Retrying", dueAt: state.now, readyAt: state.now, nextRetryAt: later(-15) });
    expect(state.earliestDue).toEqual(state.now);
  });

  it("remember the earliest that a turn armed", () => {
    const rows = [task({ id: "a" }), task({ id: "b" })];
    const state = stateOf(rows);
    arm(state, rows[0] as TaskRow, later(50));
    arm(state, rows[1] as TaskRow, later(20));
    arm(state, rows[0] as TaskRow, later(30));
    expect(state.earliestDue).toEqual(later(20));
  });
});

describe("deliveries", () => {
  it("is only what the task has actions for", () => {
    for (const acts of [0, 1]) {
      const { state, row } = stage({ status: "Running", acts });
      advance(state, row, { type: "cancel" });
      expect(state.pendingDeliveries).toEqual([]);
    }
    const { state, row } = stage({ status: "Running", acts: allActs, attempt: 2 });
    advance(state, row, { type: "cancel" });
    expect(state.pendingDeliveries).toMatchObject([{ row, on: "cancel", attempt: 2, holdUntil: null }]);
  });

  it("waits for the answer of a call that is still open, one lease at most", () => {
    const { state, row } = stage({ status: "Claimed" });
    advance(state, row, { type: "succeed" });
    expect(state.pendingDeliveries).toMatchObject([{ on: "success", holdUntil: later(40) }]);
  });

  it("names the attempt that timed out", () => {
    const { state, row } = stage({ status: "Running", retry: always, attempt: 1 });
    advance(state, row, { type: "timeout" }, { reason: "Timeout" });
    expect(state.pendingDeliveries).toMatchObject([{ on: "cancel", attempt: 1 }]);
    expect(row).toMatchObject({ status: "Retrying", failureReason: "Timeout" });
  });
});

it("records each transition with its reason, its time and who made it", () => {
  const { state, row } = stage({ status: "Running", attempt: 3 });
  advance(state, row, { type: "fail" }, { reason: "broken" });
  expect(state.events).toEqual([
    {
      task_id: "a",
      batch_id: row.batchId,
      from: "Running",
      to: "Failure",
      event: "fail",
      at: later(10),
      attempt: 3,
      reason: "broken",
      actor: "worker:1",
    },
  ]);
  expect(row.startedAt).toEqual(start);
});
