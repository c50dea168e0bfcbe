// Parts of results.
import { expect, it } from "vitest";
import { valueAt } from "#web/screens/task/value-at";

it.each([
  ["", { a: 1 }],
  ["/a", 1],
  ["/b", "none"],
  ["/a/b", "none"],
  ["/toString", "none"],
])("finds %j", (pointer, expected) => expect(valueAt({ a: 1 }, pointer, "none")).toEqual(expected));

it("reads lists and escaped names, and null as a value", () => {
  expect(valueAt({ "a/b": { "~": [7, null] } }, "/a~1b/~0/1", "none")).toBeNull();
  expect(valueAt(null, "", "none")).toBe("none");
});
