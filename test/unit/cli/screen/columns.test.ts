// Tables that fit: nothing is wider than the terminal, and what must go is cut from the widest column.
import { expect, it } from "vitest";
import { ago, columns } from "../../../../src/cli/screen/columns.ts";
import { width } from "../../../../src/cli/screen/terminal.ts";

const paint = (_: unknown, text: string) => `\x1b[36m${text}\x1b[39m`;
const rows = [
  ["01a229ad", "Success", "extract", "x".repeat(90)],
  ["01a229ae", "Failure", "a-name-that-is-rather-long", "no space left on the disk"],
];

it.each([40, 80, 200])("fits %i columns, colours aside", (most) => {
  const lines = columns(["ID", "STATE", "NAME", ""], rows, { columns: most, paint }, (text) => paint("", text));
  expect(Math.max(...lines.map(width))).toBeLessThanOrEqual(most);
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain("Success");
});

it("puts cells of a column under each other, and cuts only what is too wide", () => {
  const plain = { columns: 60, paint: (_: unknown, text: string) => text };
  expect(columns(["ID", "STATE", "NAME", ""], rows, plain)).toEqual([
    "ID        STATE    NAME",
    expect.stringMatching(/^01a229ad {2}Success {2}extract +x+…$/),
    expect.stringMatching(/^01a229ae {2}Failure {2}a-name-that-is-/),
  ]);
});

it("says how long ago in one unit", () => {
  const at = "2026-01-01T00:00:00.000Z";
  const after = (seconds: number) => ago(at, Date.parse(at) + seconds * 1000);
  expect([0, 89, 90, 5_399, 5_400, 129_599, 400_000].map(after)).toEqual([
    "0 s",
    "89 s",
    "2 min",
    "90 min",
    "2 h",
    "36 h",
    "5 d",
  ]);
  expect(ago(at, 0)).toBe("0 s");
});
