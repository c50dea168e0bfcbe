// The table of edges in the README is the one that the engine decides by.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { edgeTable, renderEdges } from "../../../scripts/edges.ts";

it("shows every edge and end once, in the README as in docs/edges.md", () => {
  const table = edgeTable();
  expect(table.split("\n").slice(2)).toEqual([
    "| Success | starts | starts | Skipped | starts | starts |",
    "| Failure | starts | Skipped | starts | Skipped | Failure |",
    "| Canceled | starts | Skipped | starts | Skipped | Failure |",
    "| Skipped | starts | Skipped | Skipped | starts | Failure |",
  ]);
  expect(renderEdges()).toContain(table);
  expect(readFileSync("README.md", "utf8")).toContain(table);
});
