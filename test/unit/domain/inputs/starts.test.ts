// What starts get of results, as a pure function: shares, bounds, and what the transaction has not written yet.
import { describe, expect, it } from "vitest";
import { type Asking, roundInputs, type SourceRow } from "#domain/inputs/starts";
import { limits } from "#limits";

const parents = (task: string): Asking => ({ task, inputs: "parents" });
const row = (n: number, name: string, more: Partial<SourceRow> = {}): SourceRow => ({
  ...{ n, localId: `asks-${n}`, name, id: name, isEnded: true, bytes: 1, result: name, upto: 1, isRead: true },
  ...more,
});
const values = (given: unknown) => (given as { values: unknown }).values;

describe("the inputs of a claim round", () => {
  it("gives each start its own sources", () => {
    const { of, passedOver } = roundInputs(
      [parents("a"), parents("b")],
      [row(0, "x"), row(1, "y"), row(1, "z")],
      new Map(),
    );
    expect(values(of.get("a")?.given)).toEqual({ x: "x" });
    expect(values(of.get("b")?.given)).toEqual({ y: "y", z: "z" });
    expect(passedOver).toEqual(new Set());
  });

  it("leaves a task for the next round once enough was read, and one whose row is gone", () => {
    const full = { upto: limits.claimInputsBytesMax + 1 };
    const { of, passedOver } = roundInputs(
      [parents("a"), parents("b"), parents("c")],
      [row(0, "x"), row(1, "y", full)],
      new Map(),
    );
    expect([...of.keys()]).toEqual(["a"]);
    expect(passedOver).toEqual(new Set(["b", "c"]));
  });

  it("says of inputs that are too large how many bytes they take, and does not leave their task", () => {
    const large = { bytes: limits.claimInputsBytesMax, upto: limits.claimInputsBytesMax + 1, isRead: false };
    const { of, passedOver } = roundInputs([parents("a")], [row(0, "x", large)], new Map());
    expect(of.get("a")?.given).toMatchObject({ localId: "asks-0", bytes: expect.any(Number) });
    expect(passedOver.size).toBe(0);
  });

  it("takes a result that this transaction decided before the stored one", () => {
    const { of } = roundInputs([parents("a")], [row(0, "x")], new Map([["x", { result: { new: 1 } }]]));
    expect(values(of.get("a")?.given)).toEqual({ x: { new: 1 } });
  });

  it("notes what has not ended, and gives null for it", () => {
    const { of } = roundInputs([parents("a")], [row(0, "x", { isEnded: false }), row(0, "y")], new Map());
    expect(of.get("a")).toMatchObject({ given: { values: { x: null, y: "y" } }, unended: ["x"] });
  });
});
