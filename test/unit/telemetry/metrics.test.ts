// Holds the table of metrics to the conventions of Prometheus, and docs/metrics.md to the table.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { allMetrics, metrics, renderMetrics } from "#telemetry/metrics";
import { undocumented } from "#test/metrics";
import { generated } from "../../../scripts/docs.ts";

const page = () => readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");

it("names each metric once, by convention, with its unit last", () => {
  const names = allMetrics().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, type, help } of allMetrics()) {
    expect(name).toMatch(/^(baton|process)_[a-z_]+[a-z]$/);
    if (type === "counter") expect(name).toMatch(/_total$/);
    if (type === "histogram") expect(name).toMatch(/_seconds$/);
    expect(help).toMatch(/^[A-Z].*\.$/);
  }
});

it("renders every metric, also those without a value yet", () => {
  metrics.turns.add(1, "task");
  const text = renderMetrics();
  for (const { name, type } of allMetrics()) expect(text).toContain(`# TYPE ${name} ${type}\n`);
  expect(text).toMatch(/^baton_turns_total\{kind="task"\} [1-9]/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^baton_event_loop_lag_seconds [\d.]+$/m);
  for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|\S+ -?[\d.e+-]+)$/);
});

it("notices a metric, a label or a value that the table does not name", () => {
  const faultsOf = (line: string) => undocumented(`# TYPE x counter\n${line}\n`);
  expect(faultsOf('baton_commands_total{kind="cancel",outcome="done"} 1')).toEqual([]);
  expect(faultsOf('baton_http_requests_total{method="GET",route="/task/:id",status="200"} 1')).toEqual([]);
  expect(faultsOf('baton_turn_seconds_bucket{kind="task",le="0.1"} 1')).toEqual([]);
  for (const line of [
    "baton_moods_total 1",
    'baton_commands_total{kind="cancel",outcome="moot"} 1',
    'baton_claims_total{by="x"} 1',
  ])
    expect(faultsOf(line)).toEqual([line]);
});

it("has every metric in docs/metrics.md, as generated", () => {
  expect(page()).toBe(generated.find(({ path }) => path === "docs/metrics.md")?.render());
  for (const { name } of allMetrics()) expect(page()).toContain(`| \`${name}\` |`);
});
