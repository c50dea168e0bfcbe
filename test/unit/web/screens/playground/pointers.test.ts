// Where in a text a JSON pointer leads.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seed } from "#test/seed";
import { lineAt, lineOfSyntax, linesOf } from "#web/screens/playground/pointers";

const text = `{
  "tasks": [
    { "id": "a",
      "timeout": -1 },
    {
      "a/b~c": "x\\"y,}"
    }
  ],
  "scope": "s"
}`;

describe("a pointer", () => {
  const lines = linesOf(text);
  it.each([
    ["", 1],
    ["/tasks", 2],
    ["/tasks/0", 3],
    ["/tasks/0/timeout", 4],
    ["/tasks/1", 5],
    ["/tasks/1/a~1b~0c", 6],
    ["/scope", 9],
    ["/tasks/1/name", 5],
    ["/nothing/at/all", 1],
  ])("%s is at line %i", (pointer, line) => expect(lineAt(lines, pointer)).toBe(line));
});

it("has a line for everything in any JSON", () => {
  const count = (value: unknown): number =>
    1 +
    (value !== null && typeof value === "object"
      ? Object.values(value).reduce((sum: number, one) => sum + count(one), 0)
      : 0);
  fc.assert(
    fc.property(fc.json(), (json) => {
      const value = JSON.parse(json);
      expect(linesOf(JSON.stringify(value, null, 2)).size).toBe(count(value));
    }),
    { seed },
  );
});

it("finds the line of what is no JSON", () => {
  expect(lineOfSyntax("{\n  x", "Unexpected token at position 4")).toBe(2);
  expect(lineOfSyntax("{\n", "Unexpected end of JSON input")).toBe(2);
  expect(lineOfSyntax("{\n", "somewhere (line 7 column 1)")).toBe(7);
});
