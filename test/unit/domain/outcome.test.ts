// Each way in which a command ends has one name.
import { expect, it } from "vitest";
import { outcomeOf } from "#domain/outcome";

it.each([
  [200, "done"],
  [202, "done"],
  [400, "rejected"],
  [404, "rejected"],
  [409, "rejected"],
  [422, "rejected"],
  [503, "expired"],
] as const)("counts an answer %i as %s", (status, outcome) => {
  expect(outcomeOf({ status, id: "x" })).toBe(outcome);
});

it("tells what a worker learned in time from what the world had left behind", () => {
  expect([outcomeOf(true), outcomeOf(false)]).toEqual(["done", "stale"]);
});
