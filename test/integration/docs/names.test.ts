// The written pages, docs/migrating.md among them, name settings and metrics that there are.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { streams } from "#bus/subjects";
import { settings } from "#config";
import { allMetrics } from "#telemetry/metrics";

const root = join(import.meta.dirname, "../../..");
const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith(".md"),
);
const textOf = (path: string) => readFileSync(join(root, path), "utf8");
/** ArcRun's own, which Baton does not read. */
const others = ["RUST_LOG"];
/** Of the command line. */
const commands = [
  "BATON_URL",
  "BATON_TOKEN",
  "BATON_PROFILE",
  "BATON_MCP_TOKEN",
  "BATON_POSTGRES_PORT",
  "BATON_NATS_PORT",
  "NO_COLOR",
];
const known = new Set([
  ...Object.keys(settings),
  ...Object.values(streams).map(({ name }) => name),
  ...others,
  ...commands,
]);
const metricNames = new Set(
  allMetrics().flatMap(({ name, type }) =>
    type === "histogram" ? [name, `${name}_count`, `${name}_sum`, `${name}_bucket`] : [name],
  ),
);

describe.each(pages)("%s", (path) => {
  it("names settings that there are", () => {
    const named = [...textOf(path).matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)[`=]/g)].map(([, name]) => name as string);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it("names metrics that there are", () => {
    const named = [...textOf(path).matchAll(/\bbaton_[a-z_]+/g)].map(([name]) => name);
    expect(named.filter((name) => !metricNames.has(name))).toEqual([]);
  });
});
