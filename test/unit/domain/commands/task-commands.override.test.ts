// An operator says how a task ends: in every state that is not final, for good, with the cancel action where somebody may be
// at work on it.
import { describe, expect, it } from "vitest";
import { acts } from "#domain/action";
import { decideTask, settle } from "#domain/commands/task-commands";
import type { TaskRow } from "#domain/row";
import { type Outcome, outcomes } from "#domain/state";
import { always, ask, later, stage } from "../../actor/rows.ts";

const open = ["Waiting", "Pending", "Claimed", "Running", "Retrying", "Paused"] as const;
const end = { Success: "success", Failure: "failure", Skipped: null } as const;

function overridden(over: Partial<TaskRow>, status: Outcome, result?: unknown) {
  const { state, row } = stage({ acts: acts.success | acts.failure | acts.cancel, ...over });
  const override = { status, reason: "by hand", ...(result === undefined ? {} : { result }) };
  return { state, row, answer: decideTask(state, ask("override", "a", { override })) };
}

describe.each(outcomes)("an override to %s", (as) => {
  it.each(open)("ends a task that is %s, for good", (status) => {
    const waits = status === "Waiting" ? { waitFinished: 1 } : {};
    const backoff = status === "Retrying" ? { nextRetryAt: later(30) } : {};
    const { state, row, answer } = overridden(
      { status, retry: always, failureReason: "before", ...waits, ...backoff },
      as,
      { n: 1 },
    );
    expect(answer).toEqual({ status: 200, id: "a", state: as, attempt: 0 });
    const kept = { status: as, endedAt: later(10), nextRetryAt: null, dueAt: null };
    expect(row).toMatchObject({ ...kept, failureReason: as === "Success" ? null : "by hand" });
    expect(state.events).toMatchObject([{ from: status, to: as, event: "override", reason: "by hand" }]);
    expect([...state.specs.values()]).toEqual([{ id: "a", result: { n: 1 } }]);
    expect(state.ended.map(({ row }) => row.id)).toEqual(["a"]);
    const active = status === "Claimed" || status === "Running";
    const fired = [...(active ? ["cancel"] : []), end[as]].filter((on) => on !== null);
    expect(state.pendingDeliveries.map(({ on }) => on)).toEqual(fired);
  });

  it.each(["Pending", "Paused"] as const)("tells the service where a call may have been made (%s)", (status) => {
    const { state } = overridden({ status, inDoubt: true, claimId: 7 }, as);
    expect(state.pendingDeliveries.map(({ on }) => on)).toContain("cancel");
  });

  it("delivers at once the cancel action that a late answer of its open call brings", () => {
    const { state, row } = overridden({ status: "Claimed", claimId: 7, acts: 0 }, as);
    expect(state.pendingDeliveries).toEqual([]);
    const cancelAction = { kind: "Webhook", params: { url: "http://a/", verb: "Post" } } as const;
    settle(state, { type: "started", task: "a", claimId: 7, cancelAction });
    expect(row.status).toBe(as);
    expect(state.pendingDeliveries).toMatchObject([{ on: "cancel", holdUntil: null, only: cancelAction }]);
  });
});

it.each(["Success", "Failure", "Canceled", "Skipped"] as const)(
  "is 409 for a task that is %s, and changes nothing",
  (status) => {
    const { state, answer } = overridden({ status }, "Success");
    expect(answer).toMatchObject({ status: 409, code: "not_in_this_state", state: status, allowed: [] });
    expect(answer.error).toBe(`A task that is ${status} does not accept override`);
    expect([state.changed.size, state.events.length]).toEqual([0, 0]);
  },
);

it("is 409 where it names another attempt", () => {
  const { state } = stage({ status: "Running", attempt: 2 });
  const override = { status: "Success", reason: "by hand" } as const;
  expect(decideTask(state, ask("override", "a", { override, attempt: 1 }))).toMatchObject({
    ...{ status: 409, code: "wrong_attempt", state: "Running" },
  });
});

it("an action in the answer of a call whose task has ended by a report is dropped", () => {
  const { state } = stage({ status: "Claimed", claimId: 7, acts: 0 });
  decideTask(state, ask("succeed"));
  const cancelAction = { kind: "Webhook", params: { url: "http://a/", verb: "Post" } } as const;
  settle(state, { type: "started", task: "a", claimId: 7, cancelAction });
  expect(state.pendingDeliveries).toEqual([]);
});
