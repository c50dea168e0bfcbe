// The version that is shown outside is that of the package.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { version } from "#domain/values/version";

it("is the version of the package", () => {
  const text = readFileSync(new URL("../../../../package.json", import.meta.url), "utf8");
  expect(version).toBe(JSON.parse(text).version);
});
