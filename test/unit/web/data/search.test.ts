// The address as plain texts, both ways.
import { expect, it } from "vitest";
import { filterOf, parseSearch, stringifySearch, texts } from "#web/data/search";

it.each([
  [{ status: "failure,running", q: "load orders" }, "?status=failure,running&q=load+orders"],
  [{ status: undefined, q: "" }, ""],
  [{ metadata: '{"a":1}' }, "?metadata=%7B%22a%22%3A1%7D"],
])("writes %j as %s, and reads it again", (search, text) => {
  expect(stringifySearch(search)).toBe(text);
  expect(parseSearch(text)).toEqual(filterOf(search));
});

it("drops what a screen does not know", () => {
  expect(texts("q", "sort")({ q: "1", other: "x", sort: "" })).toEqual({ q: "1" });
});
