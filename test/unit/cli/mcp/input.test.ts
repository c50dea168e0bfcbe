// What tools refuse: all faults at once, in words that a model can act on.
import { expect, it } from "vitest";
import { faultsOf } from "../../../../src/cli/mcp/input.ts";

const properties = {
  what: { type: "string", enum: ["a", "b"] },
  limit: { type: "integer", minimum: 1, maximum: 100 },
  names: { type: "array", items: { type: "string" } },
  all: { type: "boolean" },
  batch: { type: "object" },
  any: {},
};

it("takes what fits", () => {
  const good = { what: "a", limit: 100, names: ["x"], all: false, batch: {}, any: [1] };
  expect(faultsOf(properties, ["what"], good)).toEqual([]);
  expect(faultsOf(properties, [], {})).toEqual([]);
});

it("lists everything that does not", () => {
  const bad = { limit: 1.5, names: ["x", 3], all: "yes", batch: [], more: 1, what: "c" };
  expect(faultsOf(properties, ["what", "any"], bad)).toEqual([
    "any: is required",
    "limit: must be an integer from 1 to 100, not 1.5",
    'names: must be a text, not ["x",3]',
    'all: must be a boolean, not "yes"',
    "batch: must be an object, not []",
    "more: is not a known argument; known are what, limit, names, all, batch, any",
    'what: must be one of a, b, not "c"',
  ]);
  for (const value of [null, [], "x"]) expect(faultsOf(properties, [], value)).toEqual(["the arguments are an object"]);
});
