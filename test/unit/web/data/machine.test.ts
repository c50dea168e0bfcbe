// The machine of a task as the console has it.
import { expect, it } from "vitest";
import { moves } from "#web/data/machine";
import { isFinalState, states } from "#web/data/states";

it("knows every state, and none leads on that is final", () => {
  expect(new Set(moves.flatMap(([from, , to]) => [from, to]))).toEqual(new Set(states));
  expect(moves.filter(([from]) => isFinalState(from))).toEqual([]);
});
