// Whether what GET /metrics answers is what docs/metrics.md says: every metric and every value of a label.
import { allMetrics } from "#telemetry/metrics";

/** Samples whose metric, labels or values are not in the table of metrics. */
export function undocumented(text: string): string[] {
  const known = new Map(allMetrics().map((metric) => [metric.name, metric]));
  return text.split("\n").filter((line) => {
    const [, sample = "", labels = ""] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (sample === "") return line !== "" && !line.startsWith("# ");
    const metric = known.get(sample) ?? known.get(sample.replace(/_(bucket|sum|count)$/, ""));
    if (metric === undefined) return true;
    const values = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].filter(([, name]) => name !== "le");
    return !values.every(([, name, value]) =>
      metric.labels.some((label) => label === name || (label[0] === name && label[1]?.includes(value as string))),
    );
  });
}
