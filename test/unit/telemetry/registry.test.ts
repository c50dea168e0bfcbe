// Holds the metric kinds to the text format of Prometheus and to their bounds.
import { expect, it } from "vitest";
import { counter, gauge, histogram, probe, render, seriesMax } from "#telemetry/registry";

it("renders counters, one sample for each combination of labels", () => {
  const c = counter("a_total", ["from", "to"], "Moves.\nAll of them.");
  c.add(1, "x", "y");
  c.add(2, "x", "y");
  c.add(1, "x\0", 'q"\\\n');
  expect(render([c])).toBe(
    [
      "# HELP a_total Moves.\\nAll of them.",
      "# TYPE a_total counter",
      'a_total{from="x",to="y"} 3',
      'a_total{from="x\0",to="q\\"\\\\\\n"} 1\n',
    ].join("\n"),
  );
});

it("never lets a counter fall", () => {
  const c = counter("a_total", [], "x");
  for (const n of [2, -1, 0, Number.NaN]) c.add(n);
  expect(c.samples()).toEqual(["a_total 2"]);
});

it("shows a metric without labels as 0 before its first use", () => {
  expect(counter("a_total", [], "x").samples()).toEqual(["a_total 0"]);
  expect(histogram("h", [], "x", [1]).samples()).toContain("h_count 0");
});

it("sets and moves gauges, and looks up probes", () => {
  const g = gauge("g", [], "x");
  g.set(5);
  g.add(-7);
  let now = 1;
  const p = probe("p", "gauge", "x", () => now);
  now = 3;
  expect([...g.samples(), ...p.samples()]).toEqual(["g -2", "p 3"]);
});

it("counts a histogram in cumulative buckets, edges included", () => {
  const h = histogram("h_seconds", ["kind"], "x", [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7, Number.NaN]) h.observe(value, "row");
  expect(h.samples()).toEqual([
    'h_seconds_bucket{kind="row",le="0.1"} 2',
    'h_seconds_bucket{kind="row",le="1"} 3',
    'h_seconds_bucket{kind="row",le="+Inf"} 4',
    'h_seconds_sum{kind="row"} 7.65',
    'h_seconds_count{kind="row"} 4',
  ]);
});

it("keeps a bounded number of samples, and counts the rest as other", () => {
  const c = counter("a_total", ["id"], "x");
  for (let i = 0; i < seriesMax + 500; i++) c.add(1, `id-${i}`);
  expect(c.samples()).toHaveLength(seriesMax + 1);
  expect(c.samples().at(-1)).toBe('a_total{id="other"} 500');
});
