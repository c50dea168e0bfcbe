// The limits on a task's time: from when each counts, which one holds, and what moves it.
import { describe, expect, it } from "vitest";
import type { TaskRow } from "#domain/row";
import { earliest, hasOverrun, heardAt, isHeartbeat, isWordOfWork, limitOf, silenceSecs } from "#domain/values/clocks";
import { later, start, task } from "../../actor/rows.ts";

describe("the limit on the whole time", () => {
  it("counts from creation until the first claim, and from that claim then", () => {
    const limits = { maxDurationSecs: 100, expiresSecs: 30 };
    expect(limitOf(task({ ...limits, status: "Waiting" }))).toEqual(later(30));
    for (const status of ["Pending", "Claimed", "Running", "Retrying", "Paused"] as const)
      expect(limitOf(task({ ...limits, status, firstClaimedAt: later(20) })), status).toEqual(later(120));
  });

  it("is none where none was asked for, and for a task that has ended", () => {
    expect(limitOf(task({ maxDurationSecs: 100 }))).toBeNull();
    expect(limitOf(task({ expiresSecs: 30, firstClaimedAt: start }))).toBeNull();
    for (const status of ["Success", "Failure", "Canceled", "Skipped"] as const)
      expect(limitOf(task({ status, maxDurationSecs: 1, expiresSecs: 1, firstClaimedAt: start }))).toBeNull();
  });
});

it("the earlier of two times is the earlier one, and none is later than any", () => {
  expect([earliest(later(1), later(2)), earliest(later(2), later(1))]).toEqual([later(1), later(1)]);
  expect([earliest(null, later(1)), earliest(later(1), null), earliest(null, null)]).toEqual([
    later(1),
    later(1),
    null,
  ]);
});

it("a task may be silent as long as its message may lie in the queue, until it is heard of; any other for its timeout", () => {
  const secs = (over: Partial<TaskRow>) => silenceSecs(task({ timeout: 60, ...over }));
  expect(secs({})).toBe(60);
  expect(secs({ queueTimeoutSecs: 86_400 })).toBe(86_400);
  expect(secs({ queueTimeoutSecs: 5 })).toBe(5);
  expect(secs({ queueTimeoutSecs: 86_400, heard: true })).toBe(60);
});

it.each<[string, object, boolean, boolean]>([
  ["nothing", {}, true, true],
  ["zeros", { new_success: 0, new_failures: 0 }, true, true],
  ["counters", { new_failures: 3 }, true, true],
  ["counters and a result", { new_success: 1, result: 1 }, true, false],
  ["a priority", { priority: 5 }, false, false],
  ["metadata", { metadata: {} }, false, false],
  ["a result", { result: 1 }, false, false],
])("a change of %s: from whoever works on it: %s; a heartbeat", (_, fields, isOfWork, isBeat) => {
  expect([isWordOfWork(fields), isHeartbeat(fields)]).toEqual([isOfWork, isBeat]);
});

it("a heartbeat counts from when it was accepted: never in the future, and never before what is known", () => {
  const at = (acceptedSecs: number) => heardAt(later(10), later(acceptedSecs).getTime(), later(60));
  expect(at(30)).toEqual(later(30));
  expect(at(61)).toEqual(later(60));
  expect(at(5)).toEqual(new Date(later(10).getTime() + 1));
});

it("tells a task that ran out of time from one that failed by a report", () => {
  const over = { status: "Failure", maxDurationSecs: 9 } as const;
  expect(hasOverrun(task({ ...over, failureReason: "Ran longer than 9 s" }))).toBe(true);
  expect(hasOverrun(task({ ...over, failureReason: "disk full" }))).toBe(false);
  expect(hasOverrun(task({ ...over, status: "Canceled", failureReason: "Ran longer than 9 s" }))).toBe(false);
});
