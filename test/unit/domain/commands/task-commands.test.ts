// What each kind of command means for one task: answers as section 3 of the contract gives them, fields, refusals.
import { describe, expect, it } from "vitest";
import { limits } from "#config";
import type { ClientCommand, Fields } from "#domain/command";
import { decideTask, overflow } from "#domain/commands/task-commands";
import type { TaskRow } from "#domain/row";
import { always, ask, later, nothing, open, stage, task, traces, verbs } from "../../actor/rows.ts";

const finals = ["Success", "Failure", "Canceled", "Skipped"] as const;

function played(over: Partial<TaskRow>, command: ClientCommand) {
  const { state, row } = stage(over);
  const before = { ...row };
  const answer = decideTask(state, command);
  return { state, row, before, answer };
}

describe("a report", () => {
  it.each(["Claimed", "Running"] as const)("ends a task that is %s", (status) => {
    const good = played({ status, failureReason: "an earlier attempt" }, ask("succeed"));
    expect(good.answer).toEqual({ status: 200, id: "a", state: "Success", attempt: 0 });
    expect(good.row).toMatchObject({ status: "Success", endedAt: later(10), failureReason: null });
    const bad = played({ status }, ask("fail", "a", { fields: { failure_reason: "why" } }));
    expect(bad.answer).toEqual({ status: 200, id: "a", state: "Failure", attempt: 0 });
    expect(bad.row).toMatchObject({ status: "Failure", failureReason: "why" });
    expect(bad.state.events).toMatchObject([{ from: status, to: "Failure", event: "fail", reason: "why" }]);
  });

  it.each(["Claimed", "Running"] as const)("skips a task that is %s, with a reason or without", (status) => {
    const why = played({ status, retry: always }, ask("skip", "a", { fields: { failure_reason: "nothing new" } }));
    expect(why.answer).toEqual({ status: 200, id: "a", state: "Skipped", attempt: 0 });
    expect(why.row).toMatchObject({ status: "Skipped", endedAt: later(10), failureReason: "nothing new" });
    expect(why.state.events).toMatchObject([{ from: status, to: "Skipped", event: "skip", reason: "nothing new" }]);
    expect(why.state.pendingDeliveries).toEqual([]);
    expect(played({ status, failureReason: "an earlier attempt" }, ask("skip")).row.failureReason).toBeNull();
  });

  it("retries where the policy allows, and only there", () => {
    const again = played({ status: "Running", retry: always }, ask("fail"));
    expect(again.answer).toMatchObject({ status: 200, state: "Retrying", attempt: 0 });
    expect(again.row).toMatchObject({ nextRetryAt: later(15), dueAt: later(15), endedAt: null });
    const spent = { ...always, max_retries: 1 };
    for (const over of [{ retry: spent, attempt: 1 }, { retry: { ...always, retry_on: ["timeout"] as const } }])
      expect(played({ status: "Running", ...over }, ask("fail")).row.status).toBe("Failure");
  });

  it.each([
    ["succeed", "Success"],
    ["fail", "Failure"],
    ["skip", "Skipped"],
  ] as const)("%s changes nothing where it is so already", (verb, status) => {
    const fields: Fields = { new_success: 3, priority: 5, result: { a: 1 }, failure_reason: "again" };
    const it = played({ status, failureReason: "first" }, ask(verb, "a", { fields }));
    expect(it.answer).toEqual({ status: 200, id: "a", state: status, attempt: 0 });
    expect(it.row).toEqual(it.before);
    expect(traces(it)).toEqual(nothing);
  });

  it.each([
    ["Waiting", "succeed", ["cancel", "pause", "update"]],
    ["Pending", "fail", ["cancel", "pause", "update"]],
    ["Retrying", "succeed", ["cancel", "pause", "update"]],
    ["Paused", "succeed", ["cancel", "resume", "update"]],
    ["Success", "fail", []],
    ["Failure", "succeed", []],
    ["Canceled", "succeed", []],
    ["Pending", "skip", ["cancel", "pause", "update"]],
    ["Failure", "skip", []],
    ["Skipped", "fail", []],
  ] as const)(
    "that comes while it is %s (%s) is 409, names what is allowed, and leaves one event",
    (status, verb, allowed) => {
      const waits = status === "Waiting" ? { waitFinished: 1 } : {};
      const it = played({ status, ...waits }, ask(verb, "a", { fields: { new_success: 1, priority: 3 } }));
      expect(it.answer).toMatchObject({ status: 409, id: "a", state: status, attempt: 0, allowed });
      expect(it.answer.error).toContain(status);
      expect(it.answer.error).toContain(verb);
      expect(it.row).toEqual({ ...it.before, rejected: 1 });
      expect(it.state.events).toMatchObject([{ from: status, to: status, event: verb, at: later(10), attempt: 0 }]);
      expect([it.state.pendingDeliveries.length, it.state.ended.length, it.state.specs.size]).toEqual([0, 0, 0]);
    },
  );

  it("is kept as an event 20 times, then no more", () => {
    const { state, row } = stage({ status: "Success" });
    for (let i = 0; i < 25; i++) expect(decideTask(state, ask("fail")).status).toBe(409);
    expect(state.events).toHaveLength(20);
    expect([row.rejected, limits.rejectedEventsMax]).toEqual([20, 20]);
  });

  it("of another attempt is 409, whatever the state, and kept", () => {
    for (const [status, verb] of [
      ["Running", "succeed"],
      ["Claimed", "fail"],
      ["Success", "succeed"],
      ["Failure", "fail"],
    ] as const) {
      const it = played({ status, attempt: 2 }, ask(verb, "a", { attempt: 1 }));
      expect(it.answer).toMatchObject({ status: 409, state: status, attempt: 2 });
      expect(it.row).toEqual({ ...it.before, rejected: 1 });
      expect(it.state.events).toMatchObject([{ from: status, to: status, reason: it.answer.error }]);
      expect(it.answer.error).toBe("attempt 1 is not the present one, which is 2");
    }
    expect(played({ status: "Running", attempt: 2 }, ask("succeed", "a", { attempt: 2 })).row.status).toBe("Success");
    expect(played({ status: "Running", attempt: 2 }, ask("succeed")).row.status).toBe("Success");
  });

  it.each(["Pending", "Paused"] as const)("counts while it is %s and the call may have been made", (status) => {
    const over = { status, inDoubt: true, claimId: 7 };
    expect(played(over, ask("succeed")).row).toMatchObject({ status: "Success" });
    expect(played(over, ask("fail")).row).toMatchObject({ status: "Failure" });
    expect(played(over, ask("skip")).row).toMatchObject({ status: "Skipped" });
    const retried = played({ ...over, retry: always }, ask("fail"));
    expect(retried.row).toMatchObject({
      status: status === "Pending" ? "Retrying" : "Paused",
      nextRetryAt: later(15),
      inDoubt: false,
    });
  });
});

describe("a change", () => {
  it.each(open)("of fields is taken while it is %s", (status) => {
    const fields: Fields = { new_success: 2, new_failures: 3, expected_count: 9, priority: -5, result: [1] };
    const waits = status === "Waiting" ? { waitFinished: 1 } : {};
    const it = played(
      { status, success: 1, ...waits },
      ask("update", "a", { fields: { ...fields, metadata: { m: 1 } } }),
    );
    expect(it.answer).toEqual({ status: 200, id: "a", state: status, attempt: 0 });
    const changed = { success: 3, failures: 3, expectedCount: 9, priority: -5, lastUpdated: later(10) };
    expect(it.row).toEqual({ ...it.before, ...changed });
    expect([...it.state.specs.values()]).toEqual([{ id: "a", metadata: { m: 1 }, result: [1] }]);
    expect(it.state.events).toEqual([]);
  });

  it("of run_at holds back what has not started, or lets it go at once", () => {
    const to = (at: Date | null) => ask("update", "a", { fields: { run_at: at?.toISOString() ?? null, priority: 2 } });
    const held = played({ status: "Pending" }, to(later(70)));
    expect(held.answer).toMatchObject({ status: 200, state: "Pending" });
    expect(held.row).toMatchObject({ runAt: later(70), readyAt: later(70), dueAt: later(70), priority: 2 });
    expect([held.state.earliestDue, held.state.events]).toEqual([later(70), []]);
    for (const at of [null, later(9)]) {
      const over = { runAt: later(70), readyAt: later(70), dueAt: later(70) };
      const freed = played({ status: "Pending", ...over }, to(at));
      expect(freed.row).toMatchObject({ runAt: later(10), readyAt: null, dueAt: null });
      expect(played({ status: "Waiting", waitFinished: 1, ...over }, to(at)).row.runAt).toEqual(later(10));
    }
    const paused = played({ status: "Paused" }, to(later(70)));
    expect(paused.row).toMatchObject({ status: "Paused", runAt: later(70), dueAt: null });
  });

  it("of run_at is the next try of a task in back-off, paused or not", () => {
    const to = (secs: number) => ask("update", "a", { fields: { run_at: later(secs).toISOString() } });
    const over = { retry: always, nextRetryAt: later(30) };
    const retrying = played({ status: "Retrying", dueAt: later(30), readyAt: later(30), ...over }, to(70));
    expect(retrying.row).toMatchObject({ status: "Retrying", nextRetryAt: later(70), dueAt: later(70), runAt: null });
    const soon = played({ status: "Retrying", dueAt: later(30), readyAt: later(30), ...over }, to(0));
    expect(soon.row).toMatchObject({ nextRetryAt: later(10), dueAt: later(10) });
    const paused = played({ status: "Paused", ...over }, to(70));
    expect(paused.row).toMatchObject({ nextRetryAt: later(70), dueAt: null, runAt: null });
  });

  it("of run_at is refused for what is started or has ended, and too far ahead", () => {
    const far = ask("update", "a", { fields: { run_at: later(366 * 86_400).toISOString() } });
    const beyond = played({ status: "Pending" }, far);
    expect(beyond.answer).toMatchObject({ status: 400, details: [expect.stringMatching(/^run_at: .*one year/)] });
    expect(traces(beyond)).toEqual(nothing);
    for (const status of ["Claimed", "Running", ...finals] as const) {
      const it = played({ status }, ask("update", "a", { fields: { run_at: null, priority: 5 } }));
      expect(it.answer).toMatchObject({ status: 409, code: "not_in_this_state", state: status });
      expect([it.row, traces(it)]).toEqual([it.before, nothing]);
    }
  });

  it("by another attempt is 409, and nothing is kept", () => {
    const fields: Fields = { expected_count: 9 };
    const stale = played({ status: "Running", attempt: 2 }, ask("update", "a", { fields, attempt: 1 }));
    expect(stale.answer).toMatchObject({ status: 409, state: "Running", attempt: 2 });
    expect([stale.row, stale.state.events]).toEqual([stale.before, []]);
    const present = played({ status: "Running", attempt: 2 }, ask("update", "a", { fields, attempt: 2 }));
    expect(present.row.expectedCount).toBe(9);
  });

  it.each(["cancel", "pause", "resume"] as const)("%s by another attempt is 409, and nothing is kept", (verb) => {
    const stale = played({ status: "Running", attempt: 2 }, ask(verb, "a", { attempt: 1 }));
    expect(stale.answer).toMatchObject({ status: 409, state: "Running", attempt: 2 });
    expect([stale.row, stale.state.events]).toEqual([stale.before, []]);
  });

  it("may null the result, and leaves out what it does not name", () => {
    const it = played(
      { status: "Running", priority: 3, expectedCount: 4 },
      ask("update", "a", { fields: { result: null } }),
    );
    expect([...it.state.specs.values()]).toEqual([{ id: "a", result: null }]);
    expect(it.row).toMatchObject({ priority: 3, expectedCount: 4 });
  });

  it("of a sum that JSON could not carry is 400, with a report as well, and changes nothing", () => {
    const max = Number.MAX_SAFE_INTEGER;
    for (const [verb, fields, field] of [
      ["update", { new_success: 1 }, "new_success"],
      ["succeed", { new_success: 2 ** 31 - 1 }, "new_success"],
      ["fail", { new_failures: 1 }, "new_failures"],
    ] as const) {
      const it = played({ status: "Running", success: max, failures: max }, ask(verb, "a", { fields }));
      expect(it.answer).toMatchObject({ status: 400, error: "Validation failed" });
      expect(it.answer.details?.join()).toMatch(new RegExp(`^${field}: `));
      expect(it.row).toEqual(it.before);
      expect(traces(it)).toEqual(nothing);
    }
    expect(overflow(task({ success: max - 1 }), { new_success: 1 }).none).toBe(true);
  });
});

describe("what is refused", () => {
  it.each(finals)("leaves a task that is %s as it is, whatever is asked", (status) => {
    for (const verb of ["cancel", "pause", "resume", "update"] as const) {
      const it = played({ status }, ask(verb, "a", { fields: { priority: 1 } }));
      expect(it.answer).toMatchObject({ status: verb === "update" ? 409 : 400, state: status, allowed: [] });
      expect(it.answer.error).toContain(status);
      expect(it.row).toEqual(it.before);
      expect(traces(it)).toEqual(nothing);
    }
  });

  it.each([
    ["pause", ["Claimed", "Running", "Paused"]],
    ["resume", ["Waiting", "Pending", "Claimed", "Running", "Retrying"]],
  ] as const)("%s names the state and writes nothing", (verb, states) => {
    for (const status of states) {
      const it = played({ status }, ask(verb));
      expect(it.answer).toMatchObject({ status: 400, state: status });
      expect(traces(it)).toEqual(nothing);
    }
  });

  it("is 404 for a task that is not there", () => {
    for (const verb of verbs)
      expect(played({}, ask(verb, "b")).answer).toEqual({
        status: 404,
        id: "b",
        error: "No such task",
        code: "unknown_task",
      });
  });
});

it("cancels with the reason given, or says that it was asked to", () => {
  const plain = played({ status: "Running" }, ask("cancel"));
  expect(plain.row).toMatchObject({ status: "Canceled", failureReason: "Canceled by request" });
  expect(plain.state.pendingDeliveries).toMatchObject([{ on: "cancel", holdUntil: null }]);
  const claimed = played({ status: "Claimed" }, ask("cancel", "a", { reason: "stop" }));
  expect(claimed.row.failureReason).toBe("stop");
  expect(claimed.state.pendingDeliveries).toMatchObject([{ on: "cancel", holdUntil: later(40) }]);
  for (const status of ["Waiting", "Pending", "Retrying", "Paused"] as const)
    expect(played({ status }, ask("cancel")).state.pendingDeliveries).toEqual([]);
});
