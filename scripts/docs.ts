/**
 * Writes the pages that are generated from code: `npm run docs`. The tidy test compares each with the committed file,
 * so a page can be read without asking whether it is still true. To add one, add a row to `generated`.
 */
import { writeFileSync } from "node:fs";
import type { Setting } from "../src/config/kinds.ts";
import { type EnvName, sections } from "../src/config/settings.ts";
import { metrics, processMetrics } from "../src/telemetry/metrics.ts";
import type { Label, Metric } from "../src/telemetry/registry.ts";
import { edgesPath, renderEdges } from "./edges.ts";
import { lifecyclePath, renderLifecycle } from "./lifecycle.ts";
import { machinePath, renderMachine } from "./machine.ts";
import { mcpOperationsPath, renderMcpOperations } from "./mcp-operations.ts";
import { referencePages } from "./reference.ts";
import { cliReferencePath, renderCliReference } from "./reference-cli.ts";
import { renderSdkOperations, sdkOperationsPath } from "./sdk-operations.ts";
import { renderSdkTypes, sdkTypesPath } from "./sdk-types.ts";

export const generated: readonly { readonly path: string; readonly render: () => string }[] = [
  { path: lifecyclePath, render: renderLifecycle },
  { path: machinePath, render: renderMachine },
  { path: edgesPath, render: renderEdges },
  { path: "docs/configuration.md", render: renderConfiguration },
  { path: "docs/metrics.md", render: renderMetricsPage },
  { path: sdkTypesPath, render: renderSdkTypes },
  { path: sdkOperationsPath, render: renderSdkOperations },
  { path: mcpOperationsPath, render: renderMcpOperations },
  ...referencePages,
  { path: cliReferencePath, render: renderCliReference },
];

function renderConfiguration(): string {
  const lines = [
    "# Configuration",
    "",
    "<!-- Generated from src/config/settings.ts by `npm run docs`; do not edit. -->",
    "",
    "Baton reads environment variables, once, when it starts. An empty variable counts as one that is not set. A wrong",
    "value stops the start, with one line for each fault; passwords in URLs are masked there, tokens and secrets never",
    "shown. Switches are `0`, `1`, `true` or `false`. Lists are comma-separated; spaces around an item are dropped, an",
    "empty item is a fault. Integers are plain decimal digits. Where a setting may not exceed another, asking for more is",
    "a fault, while a default gives way by itself.",
  ];
  for (const [title, rows] of Object.entries(sections)) {
    lines.push("", `## ${title}`, "", "| name | type | default | allowed | meaning |", "|---|---|---|---|---|");
    for (const [name, row] of Object.entries(rows) as [EnvName, Setting<unknown>][]) lines.push(settingRow(name, row));
  }
  return `${lines.join("\n")}\n`;
}

function settingRow(name: string, row: Setting<unknown>): string {
  const preset = row.preset === "" ? (row.required ? "required" : "not set") : `\`${row.preset}\``;
  const type = row.unit === "" ? row.type : `${row.type}, ${row.unit}`;
  return `| \`${name}\` | ${type} | ${preset} | ${cell(row.allowed.replace(/^an integer from /, ""))} | ${cell(row.why)} |`;
}

function renderMetricsPage(): string {
  const table = (rows: Record<string, Metric>) => [
    "| name | type | labels | meaning |",
    "|---|---|---|---|",
    ...Object.values(rows).map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${labels.map(labelText).join("; ") || "none"} | ${cell(help)} |`,
    ),
  ];
  const lines = [
    "# Metrics",
    "",
    "<!-- Generated from src/telemetry/metrics.ts by `npm run docs`; do not edit. -->",
    "",
    "`GET /metrics` of any process, in every role, answers in the text format of Prometheus. All values belong to that",
    "process and start at 0 with it: sum over processes, and use `rate()` on counters. Times are in seconds. A metric",
    "with labels has its first sample when something first happened. A metric keeps at most 1,000 combinations of label",
    "values; what comes after is counted under `other`.",
    "",
    "## Baton",
    "",
    ...table(metrics),
    "",
    "## Process",
    "",
    ...table(processMetrics),
  ];
  return `${lines.join("\n")}\n`;
}

const labelText = (label: Label): string =>
  typeof label === "string" ? `\`${label}\`` : `\`${label[0]}\`: ${label[1].join(", ")}`;

/** Text for one table cell: neither a bar nor what looks like HTML may break the page. */
function cell(text: string): string {
  return text.replace(/\|/g, "\\|").replace(/<[^>\s][^>]*>(:<[^>]*>)*/g, "`$&`");
}

if (import.meta.main) {
  for (const { path, render } of generated) {
    writeFileSync(new URL(`../${path}`, import.meta.url), render());
    console.log(`wrote ${path}`);
  }
}
