// The table of edges, row by row as the contract has it, and what a task begins with.
import { describe, expect, it } from "vitest";
import { edgeOf, edges, ends, isMet, lossBy, lossOf, waitsOf } from "#domain/propagation/edges";

it("says for each edge and end whether it is met, and else how the task is lost", () => {
  const said = Object.fromEntries(
    ends.map((end) => [end, edges.map((edge) => (isMet(edge, end) ? "met" : lossBy(edge)))]),
  );
  expect(edges).toEqual(["always", "on_success", "on_failure", "none_failed", "requires_success"]);
  expect(said).toEqual({
    Success: ["met", "met", "Skipped", "met", "met"],
    Failure: ["met", "Skipped", "met", "Skipped", "Failure"],
    Canceled: ["met", "Skipped", "met", "Skipped", "Failure"],
    Skipped: ["met", "Skipped", "Skipped", "met", "Failure"],
  });
});

it("reads an edge as it was sent", () => {
  const sent = [
    ...([
      [true, null],
      [false, null],
      [null, null],
    ] as const),
    ...(["always", "on_success", "on_failure", "none_failed"] as const).map((condition) => [null, condition] as const),
  ];
  expect(sent.map(([required, condition]) => edgeOf(required, condition))).toEqual([
    ...["requires_success", "always", "always", "always", "on_success", "on_failure", "none_failed"],
  ]);
});

describe("a task that begins", () => {
  it.each([
    ["without parents", [], 0, "Pending", 0, 0],
    ["behind two", ["always", "requires_success"], 0, "Waiting", 2, 1],
    ["behind one, another is met", ["on_success"], 1, "Waiting", 1, 1],
    ["when all are met", [], 2, "Pending", 0, 0],
  ] as const)("%s", (_what, open, met, status, wait_finished, wait_success) => {
    expect(waitsOf(open, met, false)).toEqual({ status, wait_finished, wait_success });
  });

  it("with any one of its parents waits for no success, and for nothing once one is met", () => {
    expect(waitsOf(["on_success", "always"], 0, true)).toEqual({
      status: "Waiting",
      wait_finished: 2,
      wait_success: 0,
    });
    expect(waitsOf(["on_success", "always"], 1, true)).toEqual({
      status: "Pending",
      wait_finished: 0,
      wait_success: 0,
    });
  });

  it("is lost by the parent that ended last, and fails where any one was required", () => {
    const skips = { parent: "a", edge: "on_failure", status: "Success" } as const;
    const fails = { parent: "b", edge: "requires_success", status: "Canceled" } as const;
    expect(lossOf([fails, skips], 3, false)).toEqual({ as: "Failure", by: fails });
    expect(lossOf([skips], 3, false)).toEqual({ as: "Skipped", by: skips });
    expect(lossOf([skips, fails], 3, true)).toBeNull();
    expect(lossOf([skips, fails], 2, true)).toEqual({ as: "Failure", by: fails });
    expect(lossOf([], 0, true)).toBeNull();
  });
});
