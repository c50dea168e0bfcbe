// What this worker learned of its own calls and timers: fenced by the token of the claim, stale where the world moved on.
import { describe, expect, it } from "vitest";
import { acts } from "#domain/action";
import { decideTask, settle } from "#domain/commands/task-commands";
import { allActs, always, ask, later, nothing, open, stage, traces } from "../../actor/rows.ts";

describe("what the worker learned", () => {
  const of = { task: "a", claimId: 7 };

  it("is stale for a task that is gone, and under the token of an earlier claim", () => {
    for (const type of [
      "started",
      "start_failed",
      "start_unanswered",
      "start_deferred",
      "start_unsent",
      "released",
      "lease_expired",
      "joined",
      "answered",
    ] as const) {
      const more = { reason: "r", waitMs: 50_000, result: null, host: "h:80", error: "e", counts: true };
      for (const [claimId, id] of [
        [6, "a"],
        [7, "b"],
      ] as const) {
        const it = stage({ status: "Claimed" });
        const before = { ...it.row };
        expect(settle(it.state, { type, task: id, claimId, ...more })).toBe(false);
        expect(it.row).toEqual(before);
        expect(traces(it)).toEqual(nothing);
        expect(it.state.releasedDeliveries.size).toBe(0);
      }
    }
  });

  it("lets a claim that was not carried out go back without doubt, one of a dead worker with", () => {
    const released = stage({ status: "Claimed" });
    expect(settle(released.state, { type: "released", ...of })).toBe(true);
    expect(released.row).toMatchObject({ status: "Pending", inDoubt: false, owner: null, startedAt: null });
    const dead = stage({ status: "Claimed" });
    expect(settle(dead.state, { type: "lease_expired", ...of })).toBe(true);
    expect(dead.row).toMatchObject({ status: "Pending", inDoubt: true, owner: null, startedAt: null, attempt: 0 });
    for (const status of ["Running", "Pending"] as const)
      expect(settle(stage({ status, claimId: 7 }).state, { type: "lease_expired", ...of })).toBe(false);
  });

  it("hears the late answer of a dead worker's call, also through a pause", () => {
    const pending = stage({ status: "Pending", inDoubt: true, claimId: 7 });
    expect(settle(pending.state, { type: "started", ...of })).toBe(true);
    expect(pending.row).toMatchObject({ status: "Running", inDoubt: false, dueAt: later(70) });
    const paused = stage({ status: "Paused", inDoubt: true, claimId: 7 });
    expect(settle(paused.state, { type: "started", ...of })).toBe(true);
    expect(paused.row).toMatchObject({ status: "Running", inDoubt: false, pauseRequested: true });
  });

  it("defers to the time the receiver named, in the same attempt", () => {
    const it = stage({ status: "Claimed", attempt: 1 });
    expect(settle(it.state, { type: "start_deferred", waitMs: 89_000, ...of })).toBe(true);
    expect(it.row).toMatchObject({
      status: "Pending",
      attempt: 1,
      runAt: later(99),
      dueAt: later(99),
      startedAt: null,
    });
    expect(it.state.earliestDue).toEqual(later(99));
  });

  it("keeps the time the receiver named when the task comes back paused", () => {
    const { state, row } = stage({ status: "Claimed", pauseRequested: true });
    settle(state, { type: "start_deferred", waitMs: 89_000, ...of });
    expect(row).toMatchObject({ status: "Paused", runAt: later(99), dueAt: null });
    decideTask(state, ask("resume"));
    expect(row).toMatchObject({ status: "Pending", dueAt: later(99) });
  });

  it("takes a claim that was put off for none", () => {
    const { state, row } = stage({ status: "Claimed" });
    settle(state, { type: "start_deferred", waitMs: 1_000, ...of });
    expect(row.firstClaimedAt).toBeNull();
    const retried = stage({ status: "Claimed", firstClaimedAt: later(-90) });
    settle(retried.state, { type: "start_deferred", waitMs: 1_000, ...of });
    expect(retried.row.firstClaimedAt).toEqual(later(-90));
  });

  it("fails a start for its reason, or retries it", () => {
    const it = stage({ status: "Claimed" });
    settle(it.state, { type: "start_failed", reason: "Start failed: 500", ...of });
    expect(it.row).toMatchObject({ status: "Failure", failureReason: "Start failed: 500" });
    const again = stage({ status: "Claimed", retry: always });
    settle(again.state, { type: "start_failed", reason: "no", ...of });
    expect(again.row).toMatchObject({ status: "Retrying", failureReason: "no" });
  });

  it("tells the service of a start whose call it may have got, though no answer came", () => {
    const refused = stage({ status: "Claimed" });
    settle(refused.state, { type: "start_failed", reason: "HTTP 500", ...of });
    expect(refused.state.pendingDeliveries.map(({ on }) => on)).toEqual(["failure"]);
    const silent = stage({ status: "Claimed" });
    settle(silent.state, { type: "start_unanswered", reason: "no answer within 10 s", ...of });
    expect(silent.row).toMatchObject({ status: "Failure", failureReason: "no answer within 10 s" });
    // At once: no call is open any more.
    expect(silent.state.pendingDeliveries).toMatchObject([
      { on: "cancel", attempt: 0, holdUntil: null },
      { on: "failure", attempt: 0, holdUntil: null },
    ]);
    const again = stage({ status: "Claimed", retry: always, attempt: 1 });
    settle(again.state, { type: "start_unanswered", reason: "no answer within 10 s", ...of });
    expect(again.row.status).toBe("Retrying");
    expect(again.state.pendingDeliveries).toMatchObject([{ on: "cancel", attempt: 1 }]);
  });

  it("takes the answer as the report, with its result", () => {
    const it = stage({ status: "Claimed", failureReason: "old" });
    expect(settle(it.state, { type: "answered", result: { x: 1 }, ...of })).toBe(true);
    expect(it.row).toMatchObject({ status: "Success", failureReason: null });
    expect([...it.state.specs.values()]).toEqual([{ id: "a", result: { x: 1 } }]);
    const without = stage({ status: "Claimed" });
    settle(without.state, { type: "answered", result: null, ...of });
    expect(without.state.specs.size).toBe(0);
    const joined = stage({ status: "Claimed" });
    settle(joined.state, { type: "joined", ...of });
    expect(joined.state.events).toMatchObject([{ from: "Claimed", to: "Success", event: "join" }]);
  });

  it("lets deliveries go that waited for the answer, once the task is final", () => {
    for (const type of ["started", "start_failed", "answered"] as const) {
      const it = stage({ status: "Canceled", claimId: 7 });
      expect(settle(it.state, { type, reason: "r", result: null, ...of })).toBe(false);
      expect([...it.state.releasedDeliveries]).toEqual(["a"]);
      expect(it.state.changed.size).toBe(0);
    }
    const none = stage({ status: "Canceled", claimId: 7, acts: 1 });
    settle(none.state, { type: "started", ...of });
    expect(none.state.releasedDeliveries.size).toBe(0);
  });

  it("adds the cancel action that the answer brought, or delivers it where it comes too late", () => {
    const cancelAction = { kind: "Nats", params: { subject: "baton.work.x" } } as const;
    const running = stage({ status: "Claimed", acts: 1 });
    settle(running.state, { type: "started", cancelAction, ...of });
    expect(running.row).toMatchObject({ status: "Running", acts: 9 });
    expect([...running.state.specs.values()]).toEqual([
      { id: "a", addActions: [{ ...cancelAction, trigger: "Cancel", answered: true }] },
    ]);

    // The same again, after a commit of unknown outcome: it has been added already.
    const again = stage({ status: "Running", acts: 9, claimId: 7 });
    expect(settle(again.state, { type: "started", cancelAction, ignored: "x", ...of })).toBe(false);
    expect(traces(again)).toEqual(nothing);
    expect(again.state.specs.size).toBe(0);

    const canceled = stage({ status: "Canceled", acts: acts.start | acts.stopped, claimId: 7, attempt: 1 });
    settle(canceled.state, { type: "started", cancelAction, ...of });
    expect(canceled.state.pendingDeliveries).toMatchObject([
      { on: "cancel", attempt: 1, holdUntil: null, only: { trigger: "Cancel" } },
    ]);

    for (const status of ["Success", "Failure"] as const) {
      const ended = stage({ status, acts: allActs, claimId: 7 });
      settle(ended.state, { type: "started", cancelAction, ...of });
      expect([ended.state.pendingDeliveries.length, ended.state.specs.size]).toEqual([0, 0]);
    }
  });
});

describe("a timer", () => {
  const due = { type: "due", task: "a", ends: true } as const;

  it.each(open)("that has not gone off, or is none, does nothing while it is %s", (status) => {
    for (const dueAt of [null, later(11)]) {
      const it = stage({ status, dueAt });
      expect(settle(it.state, due)).toBe(false);
      expect(traces(it)).toEqual(nothing);
    }
  });

  it("makes a task ready at run_at and after its backoff", () => {
    const runAt = stage({ status: "Pending", dueAt: later(9), runAt: later(9) });
    expect(settle(runAt.state, due)).toBe(true);
    expect(runAt.row).toMatchObject({ status: "Pending", dueAt: null });
    expect(runAt.state.events).toEqual([]);
    const counted = { success: 4, failures: 2 };
    const backoff = stage({ status: "Retrying", dueAt: later(9), nextRetryAt: later(9), retry: always, ...counted });
    expect(settle(backoff.state, due)).toBe(true);
    expect(backoff.row).toMatchObject({ status: "Pending", attempt: 1, dueAt: null, nextRetryAt: null });
    // What an attempt counted is its own.
    expect(backoff.row).toMatchObject({ success: 0, failures: 0 });
  });

  it("ends a silent task, in a turn that holds its batch, counting from its last change", () => {
    const over = { status: "Running", timeout: 5, dueAt: later(5) } as const;
    const silent = stage(over);
    expect(settle(silent.state, due)).toBe(true);
    expect(silent.row).toMatchObject({ status: "Failure", failureReason: "Timeout after 5 s" });
    expect(silent.state.pendingDeliveries.map(({ on }) => on).sort()).toEqual(["cancel", "failure"]);
    const spoke = stage({ ...over, lastUpdated: later(7) });
    expect(settle(spoke.state, due)).toBe(true);
    expect(spoke.row).toMatchObject({ status: "Running", dueAt: later(12), lastUpdated: later(7) });
    const row = stage(over);
    row.state.batches.clear();
    expect(settle(row.state, due)).toBe(false);
    expect(row.row.status).toBe("Running");
    const retried = stage({ ...over, retry: always });
    settle(retried.state, due);
    expect(retried.row).toMatchObject({ status: "Retrying", failureReason: "Timeout after 5 s" });
    expect(retried.state.pendingDeliveries).toMatchObject([{ on: "cancel", attempt: 0 }]);
  });
});
