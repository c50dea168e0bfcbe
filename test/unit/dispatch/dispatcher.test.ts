// When this worker looks for work, and when it tells others to look: the bell must come to rest.
import { expect, it } from "vitest";
import { Mailbox } from "#actor/mailbox";
import { Dispatcher } from "#dispatch/dispatcher";
import { within } from "#test/until";

function made() {
  const state = { may: true, rings: 0 };
  const mailbox = new Mailbox();
  const dispatcher = new Dispatcher({ mailbox, mayStart: () => state.may, ring: () => state.rings++ });
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

it("looks again where more may be there, and rings only after a round that claimed something", () => {
  const { state, dispatcher } = made();
  for (const [claimed, left, hungry, rings] of [
    [0, nothing, false, 0],
    [5, nothing, false, 0],
    [0, { moreHere: true, moreElsewhere: true }, true, 0],
    [5, { moreHere: false, moreElsewhere: true }, false, 1],
    [5, { moreHere: true, moreElsewhere: false }, true, 2],
  ] as const) {
    dispatcher.eat();
    dispatcher.fed(claimed, left);
    expect([dispatcher.hungry, state.rings]).toEqual([hungry, rings]);
  }
});
