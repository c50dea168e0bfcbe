// A start that could not be sent, as a turn decides it: put back, tried again, failed in the end; and what ends the tries.
import { describe, expect, it } from "vitest";
import type { TaskOutcome } from "#domain/commands/task-commands";
import { decideTask, settle } from "#domain/commands/task-commands";
import { always, ask, later, stage } from "../../actor/rows.ts";

const of = { task: "a", claimId: 7 };

describe("a start that could not be sent", () => {
  const refused = { type: "start_unsent", host: "h:80", error: "connect refused", counts: true, ...of } as const;
  const before = { since: later(0), tries: 3, host: "h:80", error: "connect refused", until: later(9) };

  it("puts the task back for a second, in the same attempt, as if it had not been claimed", () => {
    const { state, row } = stage({ status: "Claimed", attempt: 1, failureReason: "the attempt before" });
    expect(settle(state, refused)).toBe(true);
    expect(row).toMatchObject({ status: "Pending", attempt: 1, runAt: later(11), readyAt: later(11) });
    expect(row).toMatchObject({ startedAt: null, firstClaimedAt: null, failureReason: "the attempt before" });
    expect(state.events).toMatchObject([{ event: "start_unsent", reason: "connect refused" }]);
    const { host, error } = refused;
    expect([...state.changedUnsent]).toEqual([["a", { host, error, since: later(10), tries: 1, until: later(11) }]]);
    expect(state.earliestDue).toEqual(later(11));
  });

  it("goes on from the tries before", () => {
    const { state, row } = stage({ status: "Claimed" }, { unsent: { a: before } });
    settle(state, refused);
    expect(row).toMatchObject({ status: "Pending", runAt: later(18) });
    expect(state.changedUnsent.get("a")).toMatchObject({ since: later(0), tries: 4 });
  });

  it("fails the start when the tries have lasted long enough, or retries it in a new attempt", () => {
    const late = { now: later(60), unsent: { a: before } };
    const { state, row } = stage({ status: "Claimed" }, late);
    settle(state, refused);
    expect(row).toMatchObject({ status: "Failure", failureReason: "on_start failed: connect refused" });
    expect(state.events).toMatchObject([{ event: "start_failed", reason: "on_start failed: connect refused" }]);
    expect(state.pendingDeliveries.map(({ on }) => on)).toEqual(["failure"]);
    expect([...state.changedUnsent]).toEqual([["a", null]]);
    const again = stage({ status: "Claimed", retry: always }, late);
    settle(again.state, refused);
    expect(again.row.status).toBe("Retrying");
    expect([...again.state.changedUnsent]).toEqual([["a", null]]);
  });

  it("fails the first one where none may be tried again, and then changes no row of tries", () => {
    const { state, row } = stage({ status: "Claimed" }, { env: { startRetryMs: 0 } });
    settle(state, refused);
    expect([row.status, state.changedUnsent.size]).toEqual(["Failure", 0]);
  });

  it("tells the service where an earlier call of the attempt may have arrived", () => {
    const { state, row } = stage({ status: "Claimed", inDoubt: true }, { now: later(60), unsent: { a: before } });
    settle(state, refused);
    expect(row.status).toBe("Failure");
    expect(state.pendingDeliveries.map(({ on }) => on)).toEqual(["cancel", "failure"]);
  });

  it("leaves the doubt, and the claim that it began with", () => {
    const first = later(-50);
    const { state, row } = stage({ status: "Claimed", inDoubt: true, firstClaimedAt: first });
    settle(state, refused);
    expect(row).toMatchObject({ status: "Pending", inDoubt: true, firstClaimedAt: first });
  });

  it("is over where its batch was paused meanwhile", () => {
    const { state, row } = stage({ status: "Claimed", pauseRequested: true }, { unsent: { a: before } });
    settle(state, refused);
    expect(row).toMatchObject({ status: "Paused", runAt: null, dueAt: null });
    expect([...state.changedUnsent]).toEqual([["a", null]]);
  });

  it("keeps the tries over a claim that was given back, or whose worker died", () => {
    for (const type of ["released", "lease_expired"] as const) {
      const { state } = stage({ status: "Claimed" }, { unsent: { a: before } });
      settle(state, { type, ...of });
      expect(state.changedUnsent.size).toBe(0);
    }
  });

  it.each<[string, TaskOutcome]>([
    ["was taken", { type: "started", ...of }],
    ["was answered", { type: "answered", result: null, ...of }],
    ["was put off", { type: "start_deferred", waitMs: 1_000, ...of }],
    ["failed", { type: "start_failed", reason: "HTTP 500", ...of }],
    ["may have arrived", { type: "lease_expired", wasSent: true, ...of }],
  ])("forgets the tries when a call %s", (_, command) => {
    const { state } = stage({ status: "Claimed" }, { unsent: { a: before } });
    settle(state, command);
    expect([...state.changedUnsent]).toEqual([["a", null]]);
    const none = stage({ status: "Claimed" });
    settle(none.state, command);
    expect(none.state.changedUnsent.size).toBe(0);
  });

  it.each(["pause", "cancel"] as const)("forgets the tries with a %s, also of this very turn", (verb) => {
    const { state } = stage({ status: "Claimed" });
    settle(state, refused);
    decideTask(state, ask(verb));
    expect([...state.changedUnsent]).toEqual([["a", null]]);
  });
});
