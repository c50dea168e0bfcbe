// Keeps the protocol of work in portions right: random runs, and every interleaving of small cases, agree with the reference;
// each mistake that is planted is found. More of each: `npm run model`.
import { describe, expect, it } from "vitest";
import { bugs, rareBugs } from "./bugs.ts";
import { explore, run } from "./explore.ts";
import { cases, type Scenario } from "./scenarios.ts";

const timeout = 120_000;
const runsOfPart = 300;

describe("random runs", () => {
  it.each([1, 2, 3, 4])("agree with the reference, part %i", { timeout }, (part) => {
    let compared = 0;
    for (let seed = (part - 1) * runsOfPart + 1; seed <= part * runsOfPart; seed++) {
      const { errors, isClean } = run(seed);
      expect(errors, `npm run model -- --seed ${seed}`).toEqual([]);
      compared += Number(isClean);
    }
    // A comparison that leaves everything out would see nothing.
    expect(compared).toBeGreaterThan(runsOfPart / 4);
  });
});

/** Those that take a second; so many states and ends there are, so that none goes missing unnoticed. */
const small = [
  ["a failing chain, a kill, a message twice, two workers", 6_276, 8],
  ["a failing chain, stop, a kill", 3_441, 30],
  ["a failing chain, override of the last, a kill", 2_993, 36],
  ["a pair, pause and resume", 7_485, 51],
] as const;

describe("every interleaving", () => {
  it.each(small)("of %s agrees with the reference", { timeout }, (name, states, ends) => {
    expect(explore(cases[name] as Scenario)).toEqual({ states, ends, errors: [] });
  });
});

describe("a planted mistake", () => {
  it.each(Object.entries(bugs))("is found: %s", { timeout }, (bug, seed) => {
    expect(run(seed).errors).toEqual([]);
    expect(run(seed, bug).errors.slice(0, 1), "npm run model -- --bugs finds another seed").not.toEqual([]);
  });

  it.each(Object.entries(rareBugs))("is found in a small case: %s", { timeout }, (bug, name) => {
    expect(explore(cases[name] as Scenario, bug).errors.slice(0, 1)).not.toEqual([]);
  });
});
