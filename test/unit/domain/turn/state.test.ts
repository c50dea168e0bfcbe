// The state of a turn: which command waits for a step that several caused.
import { describe, expect, it } from "vitest";
import { TurnState } from "#domain/turn/state";

const env = {
  ...{ actor: "worker:1", leaseMs: 1_000, probeMs: 1_000, deadEnds: true, startRetryMs: 1_000 },
  ...{ random: () => 0, newId: () => "" },
};
const step = {
  ...{ batchId: "b", taskId: "t", step: "judge" as const, rank: 3, after: null, upto: -1 },
  ...{ status: null, children: 0 },
};

describe("a step that two commands cause", () => {
  it.each([
    [5, 6],
    [6, 5],
  ])("waits under the older one, and the newer one with it: %i, then %i", (first, second) => {
    const state = new TurnState(env, {
      now: new Date(0),
      mayBecomeActive: true,
      hasQueuesToSee: false,
      hasKeyTemplates: false,
      hasBatchWork: false,
      hasUnsent: false,
      askedMs: 0,
      opensAt: null,
    });
    for (const cause of [first, second]) {
      state.cause = cause;
      state.push(step);
    }
    expect(state.steps.left().map(({ cause }) => cause)).toEqual([5]);
    expect([...(state.awaiting.get("b") ?? [])]).toEqual([6]);
  });
});
