// When this worker looks for work, and when it tells others to look: the bell must come to rest.
import { expect, it, onTestFinished } from "vitest";
import { Mailbox } from "#actor/mailbox";
import { Dispatcher } from "#dispatch/dispatcher";
import { until, within } from "#test/until";

function made() {
  const state = { may: true, room: true, rings: 0 };
  const mailbox = new Mailbox();
  const dispatcher = new Dispatcher({
    mailbox,
    mayStart: () => state.may,
    hasRoom: () => state.room,
    ring: () => state.rings++,
  });
  onTestFinished(() => dispatcher.stop());
  return { state, mailbox, dispatcher };
}
const nothing = { moreHere: false, moreElsewhere: false };

it("is hungry from a look to the next round, and wakes the turn", async () => {
  const { mailbox, dispatcher } = made();
  expect(dispatcher.hungry).toBe(false);
  const woken = mailbox.wait("row");
  dispatcher.look();
  await within(() => woken, 1_000);
  expect(dispatcher.hungry).toBe(true);
  dispatcher.eat();
  expect(dispatcher.hungry).toBe(false);
});

it("is not hungry while its lease is not good, and is again afterwards", () => {
  const { state, dispatcher } = made();
  dispatcher.look();
  state.may = false;
  expect(dispatcher.hungry).toBe(false);
  state.may = true;
  expect(dispatcher.hungry).toBe(true);
});

it("looks again where more may be there", () => {
  const { dispatcher } = made();
  for (const [left, hungry] of [
    [nothing, false],
    [{ moreHere: true, moreElsewhere: false }, true],
    [{ moreHere: false, moreElsewhere: true }, false],
  ] as const) {
    dispatcher.eat();
    dispatcher.fed(1, left);
    expect(dispatcher.hungry).toBe(hungry);
  }
});

it("looks again for what was left behind when a slot becomes free, also while it was looking", () => {
  const { dispatcher } = made();
  const left = { moreHere: false, moreElsewhere: true };
  dispatcher.eat();
  dispatcher.fed(1, left);
  expect(dispatcher.hungry).toBe(false);
  dispatcher.freed();
  expect(dispatcher.hungry).toBe(true);
  dispatcher.eat();
  dispatcher.freed();
  dispatcher.fed(1, left);
  expect(dispatcher.hungry).toBe(true);
  dispatcher.eat();
  dispatcher.fed(0, nothing);
  dispatcher.freed();
  expect(dispatcher.hungry).toBe(false);
});

it("rings only after a round that claimed something and left something, and not at every round", () => {
  for (const [claimed, left, rings] of [
    [0, { moreHere: true, moreElsewhere: true }, 0],
    [5, nothing, 0],
    [5, { moreHere: false, moreElsewhere: true }, 1],
    [5, { moreHere: true, moreElsewhere: false }, 1],
  ] as const) {
    const { state, dispatcher } = made();
    for (let round = 0; round < 3; round++) dispatcher.fed(claimed, left);
    expect(state.rings).toBe(rings);
  }
});

it("rings on what it has no room for, and looks for it itself when it has", async () => {
  const { state, dispatcher } = made();
  state.room = false;
  dispatcher.look();
  dispatcher.look();
  expect(state.rings).toBe(1);
  // The second look was not lost either.
  await until(() => state.rings === 2);
  state.room = true;
  dispatcher.freed();
  expect(dispatcher.hungry).toBe(true);
});

it("is sated only where nothing waits that it knows of, and its lease is good", () => {
  const { state, dispatcher } = made();
  expect(dispatcher.sated).toBe(true);
  dispatcher.look();
  expect(dispatcher.sated).toBe(false);
  dispatcher.eat();
  expect(dispatcher.sated).toBe(true);
  dispatcher.fed(1, { moreHere: false, moreElsewhere: true });
  expect(dispatcher.sated).toBe(false);
  dispatcher.fed(1, nothing);
  state.may = false;
  expect(dispatcher.sated).toBe(false);
});
