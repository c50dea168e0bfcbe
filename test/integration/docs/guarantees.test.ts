// docs/guarantees.md names tests that there are: each path is a file, and each title in quotes stands in one that its row names.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const rows = readFileSync(join(root, "docs/guarantees.md"), "utf8")
  .split("\n")
  .filter((line) => line.includes("`test/"));

it.each(rows)("%s", (row) => {
  const proof = row.split(" | ").at(-1) ?? "";
  const paths = [...proof.matchAll(/`(test\/[^`]+)`/g)].map(([, path = ""]) => path);
  expect(paths.length).toBeGreaterThan(0);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const texts = paths.map((path) => readFileSync(join(root, path), "utf8")).join("\n");
  for (const [, title = ""] of proof.matchAll(/"([^"]+)"/g)) expect(texts).toContain(title);
});

it("has a row for most of what there is", () => expect(rows.length).toBeGreaterThan(20));
