// The limits on the whole time of a task, in a turn: with what its state waits for they are one timer, the earliest; which one has
// passed is looked at when that goes off. A claim that was put back is none.
import { describe, expect, it } from "vitest";
import { decideTask, settle } from "#domain/commands/task-commands";
import type { TaskRow } from "#domain/row";
import { advance } from "#domain/turn/step";
import { allActs, always, ask, later, stage, start } from "../../actor/rows.ts";

const due = { type: "due", task: "a", ends: true } as const;
const claimed = { firstClaimedAt: later(-5), maxDurationSecs: 15 };

describe("the limit on the whole time of a task", () => {
  it.each(["Claimed", "Running", "Pending", "Retrying", "Paused"] as const)(
    "ends one that is %s, without a retry",
    (status) => {
      const waits = status === "Retrying" ? { nextRetryAt: later(90), readyAt: later(90) } : {};
      const it = stage({ status, retry: always, ...waits, ...claimed, dueAt: later(10) });
      expect(settle(it.state, due)).toBe(true);
      expect(it.row).toMatchObject({
        status: "Failure",
        failureReason: "Ran longer than 15 s",
        dueAt: null,
        endedAt: later(10),
      });
      expect(it.state.events).toMatchObject([{ from: status, to: "Failure", event: "overrun" }]);
      const isAtWork = status === "Claimed" || status === "Running";
      expect(it.state.pendingDeliveries.map(({ on }) => on)).toEqual(isAtWork ? ["cancel", "failure"] : ["failure"]);
      // It counts as any other failure of a parent.
      expect(it.state.ended.map(({ row }) => row.id)).toEqual(["a"]);
    },
  );

  it("asks a service that may have got the call of a dead worker to stop", () => {
    for (const status of ["Pending", "Paused"] as const) {
      const { state } = stage({ status, inDoubt: true, ...claimed, dueAt: later(10) });
      settle(state, due);
      expect(state.pendingDeliveries.map(({ on }) => on)).toEqual(["cancel", "failure"]);
    }
  });

  it.each(["Waiting", "Pending", "Paused"] as const)(
    "ends one that was not started in time while it is %s",
    (status) => {
      const waits = status === "Waiting" ? { waitFinished: 1 } : {};
      const it = stage({ status, retry: always, expiresSecs: 10, maxDurationSecs: 1, ...waits, dueAt: later(10) });
      expect(settle(it.state, due)).toBe(true);
      expect(it.row).toMatchObject({ status: "Failure", failureReason: "Not started within 10 s" });
      expect(it.state.events).toMatchObject([{ event: "expire" }]);
      expect(it.state.pendingDeliveries.map(({ on }) => on)).toEqual(["failure"]);
    },
  );

  it("has not passed a moment before", () => {
    for (const over of [{ expiresSecs: 11 }, { ...claimed, maxDurationSecs: 16 }]) {
      const it = stage({ status: "Paused", ...over, dueAt: later(9) });
      expect(settle(it.state, due)).toBe(true);
      expect(it.row).toMatchObject({ status: "Paused", dueAt: later(11) });
    }
  });

  it("is for a turn that holds the batch", () => {
    for (const over of [
      { status: "Paused", expiresSecs: 5 },
      { status: "Claimed", ...claimed },
    ] as const) {
      const it = stage({ ...over, dueAt: later(5) });
      it.state.batches.clear();
      expect(settle(it.state, due)).toBe(false);
      expect(it.row.status).toBe(over.status);
    }
  });

  it("is one timer with what the state waits for: the earlier one", () => {
    const dueIn = (over: Partial<TaskRow>, type: "pause" | "resume" | "fail" | "started") => {
      const { state, row } = stage(over);
      advance(state, row, { type });
      return row.dueAt;
    };
    const open = { ...claimed, maxDurationSecs: 100 };
    expect(dueIn({ status: "Claimed", ...open }, "started")).toEqual(later(70));
    expect(dueIn({ status: "Claimed", ...open, maxDurationSecs: 20 }, "started")).toEqual(later(15));
    expect(dueIn({ status: "Running", retry: always, ...open }, "fail")).toEqual(later(15));
    expect(dueIn({ status: "Running", retry: always, ...open, maxDurationSecs: 17 }, "fail")).toEqual(later(12));
    expect(dueIn({ status: "Pending", ...open }, "pause")).toEqual(later(95));
    expect(dueIn({ status: "Pending", expiresSecs: 50, runAt: later(20) }, "pause")).toEqual(later(50));
    expect(dueIn({ status: "Paused", expiresSecs: 50, runAt: later(20) }, "resume")).toEqual(later(20));
    expect(dueIn({ status: "Paused", expiresSecs: 50, runAt: later(99) }, "resume")).toEqual(later(50));
  });

  it("goes on when a start or a next try has come before it", () => {
    const ready = stage({ status: "Pending", expiresSecs: 50, runAt: later(9), readyAt: later(9), dueAt: later(9) });
    settle(ready.state, due);
    expect(ready.row).toMatchObject({ status: "Pending", readyAt: null, dueAt: later(50) });
    const over = { nextRetryAt: later(9), readyAt: later(9), dueAt: later(9), retry: always };
    const again = stage({ status: "Retrying", ...claimed, maxDurationSecs: 60, ...over });
    settle(again.state, due);
    expect(again.row).toMatchObject({ status: "Pending", attempt: 1, readyAt: null, dueAt: later(55) });
  });

  it("is kept by no heartbeat", () => {
    const it = stage({ status: "Running", ...claimed, dueAt: later(10) });
    decideTask(it.state, ask("update"));
    expect(it.row).toMatchObject({ dueAt: later(10), lastUpdated: later(10) });
    settle(it.state, due);
    expect(it.row.failureReason).toBe("Ran longer than 15 s");
  });

  it("ends a task while its call is open: that answer changes nothing, and an action in it is delivered at once", () => {
    const it = stage({ status: "Claimed", acts: allActs & ~8, ...claimed, dueAt: later(10) });
    settle(it.state, due);
    expect(it.state.pendingDeliveries.map(({ on }) => on)).toEqual(["failure"]);
    const cancelAction = { kind: "Webhook", params: { url: "http://h/stop", verb: "Post" } } as const;
    expect(settle(it.state, { type: "started", task: "a", claimId: 7, cancelAction })).toBe(false);
    expect(it.row.status).toBe("Failure");
    expect(it.state.pendingDeliveries.at(-1)).toMatchObject({
      on: "cancel",
      only: { kind: "Webhook", trigger: "Cancel" },
    });
  });
});

describe("a claim", () => {
  const deferred = { type: "start_deferred", task: "a", claimId: 7, waitMs: 1_000 } as const;
  const released = { type: "released", task: "a", claimId: 7 } as const;

  it.each([deferred, released])("that was put back is none ($type)", (command) => {
    const first = stage({ status: "Claimed", expiresSecs: 50, maxDurationSecs: 15, dueAt: later(15) });
    settle(first.state, command);
    expect(first.row).toMatchObject({ status: "Pending", firstClaimedAt: null });
    expect(first.row.dueAt).toEqual(command === deferred ? later(11) : later(50));
    const paused = stage({ status: "Claimed", pauseRequested: true, expiresSecs: 50, maxDurationSecs: 15 });
    settle(paused.state, command);
    expect(paused.row).toMatchObject({ status: "Paused", firstClaimedAt: null, dueAt: later(50) });
  });

  it.each([deferred, released])("before it counts all the same ($type)", (command) => {
    const over = { firstClaimedAt: later(-50), maxDurationSecs: 100, expiresSecs: 1 };
    const second = stage({ status: "Claimed", ...over });
    settle(second.state, command);
    expect(second.row).toMatchObject({ status: "Pending", firstClaimedAt: later(-50) });
    expect(second.row.dueAt).toEqual(command === deferred ? later(11) : later(50));
  });

  it("of a worker that died counts", () => {
    const { state, row } = stage({ status: "Claimed", maxDurationSecs: 15 });
    settle(state, { type: "lease_expired", task: "a", claimId: 7 });
    expect(row).toMatchObject({ status: "Pending", inDoubt: true, firstClaimedAt: start, dueAt: later(15) });
  });
});
