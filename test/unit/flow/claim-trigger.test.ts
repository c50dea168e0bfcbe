// When this worker looks for work, and when it tells others to look: notifications must come to an end.
import { expect, it, onTestFinished, vi } from "vitest";
import { Mailbox } from "#actor/mailbox";
import { ClaimTrigger } from "#flow/claim-trigger";
import { until, within } from "#test/until";

function made() {
  const state = { may: true, free: true, notified: 0 };
  const mailbox = new Mailbox();
  const dispatcher = new ClaimTrigger({
    nudge: () => mailbox.nudge("task"),
    mayStart: () => state.may,
    hasCapacity: () => state.free,
    notify: () => state.notified++,
  });
  onTestFinished(() => dispatcher.stop());
  return { state, mailbox, dispatcher };
}
const nothing = { moreHere: false, moreElsewhere: false };

it("has something pending from a look to the next round, and nudges the turn", async () => {
  const { mailbox, dispatcher } = made();
  expect(dispatcher.isDue).toBe(false);
  const nudged = mailbox.whenWaiting("task");
  dispatcher.look();
  await within(() => nudged, 1_000);
  expect(dispatcher.isDue).toBe(true);
  dispatcher.begin();
  expect(dispatcher.isDue).toBe(false);
});

it("has nothing pending while its lease is not good, and is again afterwards", () => {
  const { state, dispatcher } = made();
  dispatcher.look();
  state.may = false;
  expect(dispatcher.isDue).toBe(false);
  state.may = true;
  expect(dispatcher.isDue).toBe(true);
});

it("looks again where more may be there", () => {
  const { dispatcher } = made();
  for (const [left, pending] of [
    [nothing, false],
    [{ moreHere: true, moreElsewhere: false }, true],
    [{ moreHere: false, moreElsewhere: true }, false],
  ] as const) {
    dispatcher.begin();
    dispatcher.finish(1, left);
    expect(dispatcher.isDue).toBe(pending);
  }
});

it("looks again for what was left behind when a slot becomes free, also while it was looking", () => {
  const { dispatcher } = made();
  const left = { moreHere: false, moreElsewhere: true };
  dispatcher.begin();
  dispatcher.finish(1, left);
  expect(dispatcher.isDue).toBe(false);
  dispatcher.freed();
  expect(dispatcher.isDue).toBe(true);
  dispatcher.begin();
  dispatcher.freed();
  dispatcher.finish(1, left);
  expect(dispatcher.isDue).toBe(true);
  dispatcher.begin();
  dispatcher.finish(0, nothing);
  dispatcher.freed();
  expect(dispatcher.isDue).toBe(false);
});

it("rings only after a round that claimed something and left something, and not at every round", () => {
  for (const [claimed, left, rings] of [
    [0, { moreHere: true, moreElsewhere: true }, 0],
    [5, nothing, 0],
    [5, { moreHere: false, moreElsewhere: true }, 1],
    [5, { moreHere: true, moreElsewhere: false }, 1],
  ] as const) {
    const { state, dispatcher } = made();
    for (let round = 0; round < 3; round++) dispatcher.finish(claimed, left);
    expect(state.notified).toBe(rings);
  }
});

it("notifies others of what it has no slot for, and looks for it itself when it has", async () => {
  const { state, dispatcher } = made();
  state.free = false;
  dispatcher.look();
  dispatcher.look();
  expect(state.notified).toBe(1);
  // The second look was not lost either.
  await until(() => state.notified === 2);
  state.free = true;
  dispatcher.freed();
  expect(dispatcher.isDue).toBe(true);
});

it("is idle only where nothing waits that it knows of, and its lease is good", () => {
  const { state, dispatcher } = made();
  expect(dispatcher.isIdle).toBe(true);
  dispatcher.look();
  expect(dispatcher.isIdle).toBe(false);
  dispatcher.begin();
  expect(dispatcher.isIdle).toBe(true);
  dispatcher.finish(1, { moreHere: false, moreElsewhere: true });
  expect(dispatcher.isIdle).toBe(false);
  dispatcher.finish(1, nothing);
  state.may = false;
  expect(dispatcher.isIdle).toBe(false);
});

it("looks when a Rate opens, and stands in for the worker that found the time out within 10 ms", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const [finder, other] = [made().dispatcher, made().dispatcher];
  const at = performance.now() + 50;
  finder.opens(at, true);
  other.opens(at, false);
  vi.advanceTimersByTime(50);
  expect([finder.isDue, other.isDue]).toEqual([false, false]);
  vi.advanceTimersByTime(1);
  expect([finder.isDue, other.isDue]).toEqual([true, false]);
  vi.advanceTimersByTime(9);
  expect(other.isDue).toBe(true);
});
