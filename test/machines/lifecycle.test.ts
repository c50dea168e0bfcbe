// The committed page is what the machine says now.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { lifecyclePath, renderLifecycle } from "../../scripts/lifecycle.ts";

it(`${lifecyclePath} is up to date (else: node scripts/lifecycle.ts)`, () => {
  expect(readFileSync(lifecyclePath, "utf8")).toBe(renderLifecycle());
});
