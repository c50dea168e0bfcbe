/**
 * `npm run bench`: task lives per second as a share of bare HTTP exchanges in the same run; chains; starts behind blocked tasks (not
 * with --url). --puts: counter updates; --full: a full database (--stored N) against an empty one, and 2,000 receivers against 10.
 * More: --lives N (a run, 20,000) --workers N (1 or 2) --chain, --blocked (only that) --url URL (a Baton that runs already).
 * Ends with 1 when a threshold of limits.ts is missed, 2 when it could not be measured.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { makeFull } from "#test/fill";
import { runBlocked } from "./blocked.ts";
import { runChains } from "./chain.ts";
import { cpuSeconds, perLife } from "./cpu.ts";
import { measureFloor } from "./floor.ts";
import { dropUnfinished, runFull } from "./full.ts";
import { batchSize, livesDefault, livesMax, storedDefault, storedMax, warmRuns } from "./limits.ts";
import { type Run, runLives } from "./lives.ts";
import { type Receiver, startReceiver } from "./processes.ts";
import { runPuts } from "./puts.ts";
import { figures, present, type Results } from "./report.ts";
import { foreignSystem, type System, startSystem } from "./system.ts";

const { values } = parseArgs({
  options: {
    lives: { type: "string", default: `${livesDefault}` },
    workers: { type: "string", default: "1" },
    chain: { type: "boolean", default: false },
    puts: { type: "boolean", default: false },
    blocked: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    stored: { type: "string", default: `${storedDefault}` },
    url: { type: "string" },
  },
});
const lives = wholeNumber("--lives", values.lives, batchSize, livesMax);
const workers = wholeNumber("--workers", values.workers, 1, 2);
const stored = wholeNumber("--stored", values.stored, 1_000, storedMax);
/** What is measured: everything, or the parts that were asked for. */
const asked = values.chain || values.puts || values.blocked || values.full;
const does = {
  load: !asked,
  chain: !asked || values.chain,
  puts: values.puts,
  blocked: values.blocked || !(asked || values.url),
  full: values.full,
};
const say = (line: string) => process.stderr.write(`${line}\n`);

type Speed = Pick<Results, "fresh" | "warm" | "cpu" | "chainMs" | "puts">;
const idle: Speed = { fresh: undefined, warm: [], cpu: {}, chainMs: [], puts: [] };

const systems: System[] = [];
let receiver: Receiver | undefined;
let interrupted = false;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (interrupted) return;
    interrupted = true;
    say("stopping ...");
    cleanUp().finally(() => process.exit(130));
  });
}

try {
  receiver = await startReceiver();
  const results = await measure(receiver);
  for (const line of present(results)) console.log(line);
  const { ratioPassed, chainPassed, putsPassed, blockedPassed, fullPassed } = figures(results);
  process.exitCode = ratioPassed && chainPassed && putsPassed && blockedPassed && fullPassed ? 0 : 1;
} catch (error) {
  if (!interrupted) say(`could not be measured: ${(error as Error).message}`);
  process.exitCode = 2;
} finally {
  if (!interrupted) await cleanUp();
}

async function measure(to: Receiver): Promise<Results> {
  const cores = availableParallelism();
  const about = { lives, workers, cores, node: process.versions.node };
  say(`bench: ${lives.toLocaleString("en-US")} lives a run, ${workers} worker(s), ${cores} cores, Node ${about.node}`);
  const floorBefore = does.load ? await floor(to, "before") : [];
  const { fresh, warm, cpu, chainMs, puts } = does.load || does.chain || does.puts ? await speed(to) : idle;
  const floorAfter = does.load ? await floor(to, "after") : [];
  const blocked = does.blocked ? await starts(to) : undefined;
  const full = does.full ? await beside(to) : undefined;
  return { ...about, floorBefore, floorAfter, fresh, warm, cpu, chainMs, puts, blocked, full };
}

async function floor(to: Receiver, when: string): Promise<number[]> {
  say(`floor, ${when} ...`);
  return measureFloor(to, lives, workers);
}

/** On one system, which is gone when this resolves. */
async function speed(to: Receiver): Promise<Speed> {
  const system = await startOne();
  const { fresh, warm, cpu } = does.load ? await load(system.url, to, system.pids) : idle;
  if (does.chain) say("chains ...");
  const chainMs = does.chain ? await runChains(system.url, to) : [];
  const puts = does.puts ? await runPuts(system.url, say) : [];
  await stopSystems();
  return { fresh, warm, cpu, chainMs, puts };
}

async function starts(to: Receiver): Promise<Results["blocked"]> {
  const [empty, full] = [await startOwn(), await startOwn()];
  const times = await runBlocked([empty.url, full.url], to, say);
  await stopSystems();
  return times;
}

/** On two systems, of which one has stored what years of work leave. */
async function beside(to: Receiver): Promise<Results["full"]> {
  const fill = async (url: string) => {
    say(`storing ${stored.toLocaleString("en-US")} ended tasks ...`);
    await makeFull(url, stored);
    await dropUnfinished(url);
  };
  const [empty, full] = [await startOwn(), await startOwn(fill)];
  const rows = await runFull([empty.url, full.url], to, say);
  await stopSystems();
  return rows;
}

async function startOne(): Promise<System> {
  if (values.url === undefined) return startOwn();
  say(`Baton at ${values.url}`);
  return foreignSystem(values.url);
}

async function startOwn(fill?: (databaseUrl: string) => Promise<void>): Promise<System> {
  say("starting Baton (Postgres, nats-server, API, workers) ...");
  const system = await startSystem(workers, fill);
  systems.push(system);
  return system;
}

async function stopSystems(): Promise<void> {
  await Promise.all(systems.splice(0).map((system) => system.stop()));
}

async function load(url: string, to: Receiver, pids: System["pids"]) {
  say("Baton, first run ...");
  const first = await runLives(url, to, lives);
  const watched = Object.keys(pids).length > 0 ? { ...pids, receiver: [to.pid] } : {};
  const before = cpuSeconds(watched);
  const warm: Run[] = [];
  for (let run = 1; run <= warmRuns; run += 1) {
    say(`Baton, warm run ${run} of ${warmRuns} ...`);
    warm.push(await runLives(url, to, lives));
  }
  const done = warm.reduce((sum, run) => sum + run.lives, 0);
  return { fresh: values.url ? undefined : first, warm, cpu: perLife(before, cpuSeconds(watched), done) };
}

async function cleanUp(): Promise<void> {
  await stopSystems();
  await receiver?.end();
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const n = Number(text);
  if (Number.isInteger(n) && n >= least && n <= most) return n;
  process.stderr.write(`${name} takes a whole number from ${least} to ${most}\n`);
  process.exit(2);
}
