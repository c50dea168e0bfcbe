// What is heard of a task: from when a heartbeat counts, and whose word puts `timeout` in the place of the time that a message may
// lie in its queue.
import { describe, expect, it } from "vitest";
import type { Fields } from "#domain/command";
import { decideTask, settle } from "#domain/commands/task-commands";
import type { TaskRow } from "#domain/row";
import { advance } from "#domain/turn/step";
import { always, ask, later, stage, start } from "../../actor/rows.ts";

const due = { type: "due", task: "a", ends: true } as const;

describe("a message in its queue", () => {
  const running = { status: "Running", timeout: 60, queueTimeoutSecs: 500 } as const;
  const update = (over: Partial<TaskRow>, fields: Fields = {}, acceptedMs?: number) => {
    const it = stage({ ...running, dueAt: later(500), ...over });
    const { status } = decideTask(it.state, ask("update", "a", { fields }), acceptedMs);
    expect(status).toBe(200);
    return it;
  };

  it("may lie there as long as its action says, from when the task runs", () => {
    const it = stage({ ...running, status: "Claimed" });
    advance(it.state, it.row, { type: "started" });
    expect(it.row).toMatchObject({ status: "Running", dueAt: later(510), heard: false });
    const late = stage({ ...running, dueAt: later(10) });
    settle(late.state, due);
    expect(late.row).toMatchObject({ status: "Failure", failureReason: "Timeout after 500 s" });
    const retried = stage({ ...running, dueAt: later(10), retry: { ...always, retry_on: ["timeout"] } });
    settle(retried.state, due);
    expect(retried.row).toMatchObject({ status: "Retrying", failureReason: "Timeout after 500 s" });
    expect(retried.state.events).toMatchObject([{ event: "timeout" }]);
  });

  it.each<[string, Fields]>([
    ["nothing", {}],
    ["zeros", { new_success: 0 }],
    ["counters", { new_failures: 2 }],
    ["counters and a priority", { new_success: 1, priority: 3 }],
  ])("is taken by whoever sends %s: from then on the task's timeout holds", (_, fields) => {
    const it = update({}, fields);
    expect(it.row).toMatchObject({ heard: true, dueAt: later(70), lastUpdated: later(10) });
    expect(it.state.earliestDue).toEqual(later(70));
    settle(it.state, due);
    expect(it.row.status).toBe("Running");
  });

  it.each<[string, Fields]>([
    ["priority", { priority: 5 }],
    ["metadata", { metadata: {} }],
    ["result", { result: 1 }],
    ["expected_count", { expected_count: 1 }],
  ])("is not taken by somebody who changes %s", (_, fields) => {
    expect(update({}, fields).row).toMatchObject({ heard: false, dueAt: later(500) });
  });

  it("is not taken by a pause or a resume of its batch", () => {
    const it = stage({ ...running, dueAt: later(500) });
    for (const type of ["request_pause", "withdraw_pause"] as const) advance(it.state, it.row, { type });
    expect(it.row).toMatchObject({ heard: false, dueAt: later(500) });
  });

  it("is taken where it may lie shorter than the timeout, too: later words only lengthen", () => {
    const it = update({ queueTimeoutSecs: 5, dueAt: later(11) });
    expect(it.row.dueAt).toEqual(later(70));
    const again = update({ heard: true, dueAt: later(40), lastUpdated: later(-20) });
    expect(again.row).toMatchObject({ dueAt: later(40), lastUpdated: later(10) });
  });

  it("is taken before the task is known to run, or while a dead worker's call is in doubt, but not before it was sent", () => {
    const early = update({ status: "Claimed", dueAt: null });
    expect(early.row).toMatchObject({ heard: true, dueAt: null });
    advance(early.state, early.row, { type: "started" });
    expect(early.row.dueAt).toEqual(later(70));
    expect(update({ status: "Pending", inDoubt: true, dueAt: null }).row.heard).toBe(true);
    for (const status of ["Pending", "Paused", "Retrying"] as const)
      expect(
        update({ status, dueAt: null, ...(status === "Retrying" ? { nextRetryAt: later(90) } : {}) }).row.heard,
      ).toBe(false);
  });

  it("is another one with each attempt", () => {
    const over = { nextRetryAt: later(9), dueAt: later(9), retry: always, heard: true };
    const { state, row } = stage({ ...running, status: "Retrying", ...over });
    settle(state, due);
    expect(row).toMatchObject({ status: "Pending", attempt: 1, heard: false });
  });

  it("changes nothing for a task that is called", () => {
    const it = update({ queueTimeoutSecs: null, dueAt: later(60) });
    expect(it.row).toMatchObject({ heard: false, dueAt: later(60) });
  });

  it("never outlasts the limit on the whole time", () => {
    expect(update({ firstClaimedAt: later(-5), maxDurationSecs: 40, dueAt: later(35) }).row.dueAt).toEqual(later(35));
  });
});

it("a heartbeat that was accepted while Postgres was away counts from then; any other change from now", () => {
  const heard = (fields: Fields, acceptedSecs: number, lastUpdated: Date) => {
    const it = stage({ status: "Running", lastUpdated });
    decideTask(it.state, ask("update", "a", { fields }), later(acceptedSecs).getTime());
    return it.row.lastUpdated;
  };
  expect(heard({}, 4, start)).toEqual(later(4));
  expect(heard({ new_success: 1 }, 4, start)).toEqual(later(4));
  expect(heard({}, 4, later(8))).toEqual(new Date(later(8).getTime() + 1));
  expect(heard({ new_success: 1, result: 1 }, 4, start)).toEqual(later(10));
  expect(heard({ priority: 1 }, 4, start)).toEqual(later(10));
});
