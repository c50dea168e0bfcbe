// The numbers of a benchmark run, its verdict, and how they are printed: a table for people, then one line of JSON. Pure.
import { chainLength, chainUnderMs, leastRatio } from "./limits.ts";
import type { Run } from "./lives.ts";

export interface Results {
  readonly lives: number;
  readonly workers: number;
  readonly cores: number;
  readonly node: string;
  readonly floorBefore: readonly number[];
  readonly floorAfter: readonly number[];
  /** The first run on new processes and an empty database; undefined for a Baton that was already running. */
  readonly fresh?: Run | undefined;
  readonly warm: readonly Run[];
  /** Microseconds of CPU a life over the warm runs, by role. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly chainMs: readonly number[];
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** What the run comes to; `passed` says whether it meets limits.ts. The ratio judged is that of the warm runs. */
export function figures(results: Results) {
  const floor = median([...results.floorBefore, ...results.floorAfter]);
  const warm = median(results.warm.map((run) => run.perSecond));
  const loaded = results.warm.length > 0;
  const ratio = loaded ? warm / floor : undefined;
  const chainMedianMs = results.chainMs.length > 0 ? median(results.chainMs) : undefined;
  return {
    floor,
    warm,
    ratio,
    freshRatio: results.fresh ? results.fresh.perSecond / floor : undefined,
    reportP50Ms: median(results.warm.map((run) => run.p50Ms)),
    reportP99Ms: median(results.warm.map((run) => run.p99Ms)),
    chainMinMs: chainMedianMs === undefined ? undefined : Math.min(...results.chainMs),
    chainMedianMs,
    ratioPassed: ratio === undefined || ratio >= leastRatio,
    chainPassed: chainMedianMs === undefined || chainMedianMs < chainUnderMs,
  };
}

/** The lines to print. */
export function present(results: Results): string[] {
  const f = figures(results);
  const rates = (values: readonly number[]) => values.map((n) => whole(n).padStart(7)).join(" ");
  const lines = [""];
  if (f.ratio !== undefined) {
    lines.push(
      `  floor  before  ${rates(results.floorBefore)}  lives/s: both HTTP exchanges, no state`,
      `         after   ${rates(results.floorAfter)}  median ${whole(f.floor)}`,
      ...(results.fresh
        ? [`  Baton  fresh   ${rates([results.fresh.perSecond])}  lives/s: first run, empty database`]
        : []),
      `  Baton  warm    ${rates(results.warm.map((run) => run.perSecond))}  median ${whole(f.warm)}`,
      `  report         p50 ${f.reportP50Ms.toFixed(1)} ms, p99 ${f.reportP99Ms.toFixed(1)} ms from PATCH to its answer, under this load`,
    );
    const cpu = Object.entries(results.cpu).map(([role, us]) => `${role} ${us}`);
    if (cpu.length > 0) lines.push(`  CPU            ${cpu.join(", ")} µs a life`);
    const fresh = f.freshRatio === undefined ? "" : ` (fresh ${f.freshRatio.toFixed(2)})`;
    lines.push(
      "",
      `  ratio          ${f.ratio.toFixed(2)}${fresh}  at least ${leastRatio.toFixed(2)}: ${verdict(f.ratioPassed)}`,
    );
  }
  if (f.chainMedianMs !== undefined) {
    const times = `min ${f.chainMinMs?.toFixed(0)} ms, median ${f.chainMedianMs.toFixed(0)} ms of ${results.chainMs.length}`;
    lines.push(`  chain of ${chainLength}    ${times}  under ${chainUnderMs} ms: ${verdict(f.chainPassed)}`);
  }
  return [...lines, "", JSON.stringify(machineReadable(results))];
}

function machineReadable(results: Results) {
  const { lives, workers, cores, node, cpu } = results;
  const rounded = Object.entries(figures(results)).map(([name, value]) => [
    name,
    typeof value === "number" ? Number(value.toPrecision(4)) : value,
  ]);
  const runs = [results.fresh, ...results.warm]
    .filter((run) => run !== undefined)
    .map((run) => Math.round(run.perSecond));
  return { bench: "baton", lives, workers, cores, node, ...Object.fromEntries(rounded), runs, cpuMicrosPerLife: cpu };
}

const verdict = (passed: boolean) => (passed ? "passed" : "MISSED");
const whole = (n: number) => Math.round(n).toLocaleString("en-US");
