// The numbers of a benchmark run, its verdict, and how they are printed: a table for people, then one line of JSON. Pure.
import type { BlockedTimes, StartForms, StartTimes } from "./blocked.ts";
import type { FullRows } from "./full.ts";
import {
  blockedTasks,
  blockedUnderRatio,
  chainLength,
  chainUnderMs,
  fullUnderRatio,
  leastPutRatio,
  leastRatio,
  leastReceiversRatio,
} from "./limits.ts";
import type { Run } from "./lives.ts";
import type { PutRates } from "./puts.ts";

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
  readonly puts: readonly PutRates[];
  readonly blocked: BlockedTimes | undefined;
  readonly full?: FullRows | undefined;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** What the run comes to; `passed` says whether it meets limits.ts. The ratio judged is that of the warm runs. */
export function figures(results: Results) {
  const { floorBefore, floorAfter, fresh, warm: runs, chainMs, blocked: starts } = results;
  const load = runs.length === 0 ? undefined : loadFigures([...floorBefore, ...floorAfter], fresh, runs);
  const chain = chainMs.length === 0 ? undefined : { minMs: Math.min(...chainMs), medianMs: median(chainMs) };
  const puts = putFigures(results.puts);
  const blocked = starts && blockedFigures(starts);
  const full = results.full && fullFigures(results.full);
  return {
    full,
    fullPassed: full === undefined || (full.ratio <= fullUnderRatio && full.receivers.ratio >= leastReceiversRatio),
    load,
    chain,
    puts,
    blocked,
    ratioPassed: load === undefined || load.ratio >= leastRatio,
    chainPassed: chain === undefined || chain.medianMs < chainUnderMs,
    putsPassed: puts === undefined || puts.ratio >= leastPutRatio,
    blockedPassed: blocked === undefined || blocked.ratio <= blockedUnderRatio,
  };
}

function loadFigures(floors: readonly number[], fresh: Run | undefined, runs: readonly Run[]) {
  const floor = median(floors);
  const warm = median(runs.map((run) => run.perSecond));
  return {
    floor,
    warm,
    ratio: warm / floor,
    ...(fresh ? { fresh: fresh.perSecond, freshRatio: fresh.perSecond / floor } : {}),
    reportP50Ms: median(runs.map((run) => run.p50Ms)),
    reportP99Ms: median(runs.map((run) => run.p99Ms)),
  };
}

/** The worst ratio of all is the one that counts. Each run is compared with the one of the bare route before it. */
function putFigures(rates: readonly PutRates[]) {
  if (rates.length === 0) return undefined;
  const byTargets = rates.map(({ client, tasks, bare, baton }) => ({
    ...{ client, tasks, bare: median(bare), baton: median(baton) },
    ratio: median(baton.map((rate, i) => rate / (bare[i] ?? Number.NaN))),
  }));
  return { byTargets, ratio: Math.min(...byTargets.map(({ ratio }) => ratio)) };
}

/** The worst ratio is the one that counts. */
function blockedFigures({ oneQueue, manyQueues }: BlockedTimes) {
  const of = ({ empty, blocked }: StartTimes) => ({ emptyMs: median(empty), blockedMs: median(blocked) });
  const both = ({ plain, ruled }: StartForms) => ({ plain: of(plain), ruled: of(ruled) });
  const backlogs = { oneQueue: both(oneQueue), manyQueues: both(manyQueues) };
  const all = Object.values(backlogs).flatMap((forms) => Object.values(forms));
  return { ...backlogs, ratio: Math.max(...all.map(({ emptyMs, blockedMs }) => blockedMs / emptyMs)) };
}

function fullFigures({ times, receivers }: FullRows) {
  const rows = Object.entries(times).map(([name, { empty, full }]) => {
    const [emptyMs, fullMs] = [median(empty), median(full)];
    return { name, emptyMs, fullMs, ratio: fullMs / emptyMs };
  });
  const [few, many] = [median(receivers.few), median(receivers.many)];
  return { rows, ratio: Math.max(...rows.map(({ ratio }) => ratio)), receivers: { few, many, ratio: many / few } };
}

function fullLines({ rows, receivers, ratio }: ReturnType<typeof fullFigures>, passed: boolean): string[] {
  return [
    ...rows.map(({ name, emptyMs, fullMs, ratio }) => {
      const times = `${emptyMs.toFixed(1)} -> ${fullMs.toFixed(1)} ms`;
      return `  ${name.padEnd(34)} ${times}, ratio ${ratio.toFixed(2)}`;
    }),
    `  lives to few -> many receivers     ${whole(receivers.few)} -> ${whole(receivers.many)} lives/s, ratio ${receivers.ratio.toFixed(2)}  at least ${leastReceiversRatio}`,
    `  empty -> full  ratio ${ratio.toFixed(2)} at worst  at most ${fullUnderRatio.toFixed(2)}: ${verdict(passed)}`,
  ];
}

/** The lines to print. */
export function present(results: Results): string[] {
  const { load, chain, puts, blocked, full, fullPassed, ratioPassed, chainPassed, putsPassed, blockedPassed } =
    figures(results);
  const rates = (values: readonly number[]) => values.map((n) => whole(n).padStart(7)).join(" ");
  const lines = [""];
  if (load) {
    const { floorBefore, floorAfter, fresh, warm } = results;
    const first = fresh ? [`  Baton  fresh   ${rates([fresh.perSecond])}  lives/s: first run, empty database`] : [];
    const cpu = Object.entries(results.cpu).map(([role, us]) => `${role} ${us}`);
    lines.push(
      `  floor  before  ${rates(floorBefore)}  lives/s: both HTTP exchanges, no state`,
      `         after   ${rates(floorAfter)}  median ${whole(load.floor)}`,
      ...first,
      `  Baton  warm    ${rates(warm.map((run) => run.perSecond))}  median ${whole(load.warm)}`,
      `  report         p50 ${load.reportP50Ms.toFixed(1)} ms, p99 ${load.reportP99Ms.toFixed(1)} ms from start call to answered report`,
      ...(cpu.length > 0 ? [`  CPU            ${cpu.join(", ")} µs a life`] : []),
      "",
      `  ratio          ${load.ratio.toFixed(2)}${load.freshRatio ? ` (fresh ${load.freshRatio.toFixed(2)})` : ""}` +
        `  at least ${leastRatio.toFixed(2)}: ${verdict(ratioPassed)}`,
    );
  }
  if (chain) {
    const times = `min ${chain.minMs.toFixed(0)} ms, median ${chain.medianMs.toFixed(0)} ms of ${results.chainMs.length}`;
    lines.push(`  chain of ${chainLength}    ${times}  under ${chainUnderMs} ms: ${verdict(chainPassed)}`);
  }
  if (puts) {
    for (const { client, tasks, bare, baton, ratio } of puts.byTargets)
      lines.push(
        `  PUT            ${whole(baton)} of ${whole(bare)} updates/s, ratio ${ratio.toFixed(2)}  over ${whole(tasks)} task(s), ${client}`,
      );
    lines.push(
      `                 ratio ${puts.ratio.toFixed(2)} at worst  at least ${leastPutRatio.toFixed(2)}: ${verdict(putsPassed)}`,
    );
  }
  if (blocked) {
    const { oneQueue, manyQueues, ratio } = blocked;
    const behind = ({ plain, ruled }: typeof oneQueue) =>
      [plain, ruled]
        .map(({ emptyMs, blockedMs }) => `${emptyMs.toFixed(1)} -> ${blockedMs.toFixed(1)} ms`)
        .join(", ruled ");
    lines.push(
      `  start          ${behind(oneQueue)}  behind ${whole(blockedTasks)} blocked tasks in one queue`,
      `                 ${behind(manyQueues)}  behind as many more in a queue each`,
      `  blocked        ratio ${ratio.toFixed(2)} at worst  at most ${blockedUnderRatio.toFixed(2)}: ${verdict(blockedPassed)}`,
    );
  }
  if (full) lines.push(...fullLines(full, fullPassed));
  return [...lines, "", JSON.stringify(machineReadable(results))];
}

function machineReadable(results: Results) {
  const { lives, workers, cores, node, cpu, fresh, warm } = results;
  const runs = [fresh, ...warm].filter((run) => run !== undefined).map((run) => Math.round(run.perSecond));
  const { load, chain, puts, blocked, full, ...passed } = figures(results);
  const about = { bench: "baton", lives, workers, cores, node };
  return {
    ...about,
    ...rounded(load),
    runs,
    cpuMicrosPerLife: cpu,
    chain: rounded(chain),
    puts: puts && {
      ...rounded({ ratio: puts.ratio }),
      byTargets: puts.byTargets.map(({ client, ...rates }) => ({ client, ...rounded(rates) })),
    },
    blocked: blocked && blockedJson(blocked),
    full: full && {
      ...rounded({ ratio: full.ratio }),
      receivers: rounded(full.receivers),
      rows: full.rows.map(({ name, ...row }) => ({ name, ...rounded(row) })),
    },
    ...passed,
  };
}

function blockedJson({ ratio, oneQueue, manyQueues }: ReturnType<typeof blockedFigures>) {
  const flat = ({ plain, ruled }: typeof oneQueue) => ({ plain: rounded({ ...plain }), ruled: rounded({ ...ruled }) });
  return { ...rounded({ ratio }), oneQueue: flat(oneQueue), manyQueues: flat(manyQueues) };
}

const rounded = (numbers: Readonly<Record<string, number>> | undefined) =>
  Object.fromEntries(Object.entries(numbers ?? {}).map(([name, n]) => [name, Number(n.toPrecision(4))]));
const verdict = (passed: boolean) => (passed ? "passed" : "MISSED");
const whole = (n: number) => Math.round(n).toLocaleString("en-US");
