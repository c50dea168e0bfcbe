// One look for work against the free call slots: how many to take, from whom, and who should look again afterwards.
import { expect, it } from "vitest";
import { admit, type CallSlots, ClaimRound } from "#actor/claim/round";
import type { TurnState } from "#domain/turn/state";
import type { Sql } from "#store/pg/pool";

const slots = (free: number, ofReceiver: Record<string, number> = {}, freeMax = 64, gated = ""): CallSlots => ({
  free: () => free,
  limited: () => Object.entries(ofReceiver).map(([receiver, free]) => ({ receiver, free, gated: gated === receiver })),
  freeMax,
  freeFor: (receiver) => ofReceiver[receiver ?? ""] ?? freeMax,
});
let next = 0;
const token = () => ({ owner: 3, claimId: ++next });
const judged = (of: CallSlots, max: number, ...receivers: (string | null)[]) => {
  const round = new ClaimRound(of, max, token);
  const chosen = receivers.map((receiver) => ({ receiver }));
  const left = round.leftBy(chosen, chosen);
  return [left.here, left.elsewhere];
};

it("takes as many as there are free slots, at most what one round may", () => {
  expect(new ClaimRound(slots(5), 256, token).limit).toBe(5);
  expect(new ClaimRound(slots(500), 256, token).limit).toBe(256);
  expect(new ClaimRound(slots(0), 256, token).limit).toBe(0);
});

it("knows the tokens it gave out, each once", () => {
  const round = new ClaimRound(slots(5), 5, token);
  const taken = [round.newToken(), round.newToken()];
  expect(taken.map(({ owner }) => owner)).toEqual([3, 3]);
  expect(round.tokens).toEqual(taken.map(({ claimId }) => claimId));
  expect(new Set(round.tokens).size).toBe(2);
});

it("looks again itself only where the round was the limit, and slots were left", () => {
  expect(judged(slots(10), 2, "x", "x")[0]).toBe(true);
  expect(judged(slots(10), 2, "x")[0]).toBe(false);
  expect(judged(slots(2), 2, "x", "x")[0]).toBe(false);
});

it("looks again in some milliseconds, not at once, where key templates are being made and nothing may be claimed", async () => {
  const round = new ClaimRound(slots(10), 2, token);
  expect(await admit({} as Sql, { mayBecomeActive: false } as TurnState, round)).toEqual([]);
  expect([round.moreHere, round.soon]).toEqual([false, true]);
});

it("calls others where this process, or a receiver here, is full now", () => {
  expect(judged(slots(2), 9, "x", "x")[1]).toBe(true);
  expect(judged(slots(9), 9, "x")[1]).toBe(false);
  expect(judged(slots(9, { x: 1 }), 9, "x")[1]).toBe(true);
  expect(judged(slots(9, {}, 2), 9, "x", "x")[1]).toBe(true);
  expect(judged(slots(9, { x: 2 }), 9, "x", null, null)[1]).toBe(false);
});

it("looks for no other worker for a receiver whose circuit is not closed: no free slot changes that", () => {
  expect(judged(slots(9, { x: 0 }), 9)[1]).toBe(true);
  expect(judged(slots(9, { x: 0 }, 64, "x"), 9)[1]).toBe(false);
  expect(judged(slots(9, { x: 1 }, 64, "x"), 9, "x")[1]).toBe(false);
});

it("calls others where a receiver was found with more than it may have", () => {
  const round = new ClaimRound(slots(9, {}, 1), 9, token);
  const left = round.leftBy([{ receiver: "x" }], [{ receiver: "x" }, { receiver: "y" }]);
  expect(left).toEqual({ here: false, elsewhere: true });
});

it("takes a receiver for full by the slots that were free when the look began, whatever became free since", () => {
  const ofReceiver = { x: 2 };
  const round = new ClaimRound(slots(9, ofReceiver), 9, token);
  ofReceiver.x = 60;
  const both = [{ receiver: "x" }, { receiver: "x" }];
  expect(round.leftBy(both, both).elsewhere).toBe(true);
});
