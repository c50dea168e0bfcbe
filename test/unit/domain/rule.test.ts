// The one normal form of a rule, whatever its spelling.
import { expect, it } from "vitest";
import { normalRule } from "#domain/rule";

const matcher = { kind: "k", status: "Running", fields: ["b", "a", "b"] } as const;

it("knows the alias, and sorts the fields", () => {
  const normal = { type: "Concurrency", limit: 3, kind: "k", fields: ["a", "b"] };
  expect(normalRule({ type: "Concurrency", max_concurrency: 3, matcher })).toEqual(normal);
  expect(normalRule({ type: "Concurency", max_concurency: 3, matcher })).toEqual(normal);
  expect(normalRule({ type: "Capacity", max_capacity: 3, matcher })).toEqual({ ...normal, type: "Capacity" });
});
