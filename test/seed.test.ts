// Which seed a run of the random tests takes.
import { expect, it } from "vitest";
import { seedOf } from "#test/seed";

it("is the one that SEED names, in CI as well", () => {
  expect(seedOf({ SEED: "7" })).toBe(7);
  expect(seedOf({ SEED: "0", CI: "true" })).toBe(0);
});

it("is always the same in CI, and drawn elsewhere", () => {
  const draws = [0.25, 0.5].map((n) => () => n);
  const inCi = draws.map((draw) => seedOf({ CI: "true" }, draw));
  expect(inCi[0]).toBe(inCi[1]);
  for (const CI of [undefined, "", "false"])
    expect(draws.map((draw) => seedOf({ CI }, draw))).toEqual([2 ** 29, 2 ** 30]);
});
