/**
 * `npm run bench`: how many task lives a second Baton does, and how that compares with the same two HTTP exchanges without
 * any state behind them, measured in the same run: floor, Baton fresh, Baton warm, chains, starts behind tasks that are
 * blocked, floor again.
 * Ends with 1 when a threshold of limits.ts is missed, 2 when it could not be measured.
 *
 *   --lives N     lives of one run (20,000)        --chain      only the chains
 *   --workers N   worker processes, 1 or 2         --blocked    only the starts behind blocked tasks
 *   --url URL     a Baton that runs already (start calls to 127.0.0.1)
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runBlocked } from "./blocked.ts";
import { runChains } from "./chain.ts";
import { cpuSeconds, perLife } from "./cpu.ts";
import { measureFloor } from "./floor.ts";
import { batchSize, livesDefault, livesMax, warmRuns } from "./limits.ts";
import { type Run, runLives } from "./lives.ts";
import { type Receiver, startReceiver } from "./processes.ts";
import { figures, present, type Results } from "./report.ts";
import { foreignSystem, type System, startSystem } from "./system.ts";

const { values } = parseArgs({
  options: {
    lives: { type: "string", default: `${livesDefault}` },
    workers: { type: "string", default: "1" },
    chain: { type: "boolean", default: false },
    blocked: { type: "boolean", default: false },
    url: { type: "string" },
  },
});
const lives = wholeNumber("--lives", values.lives, batchSize, livesMax);
const workers = wholeNumber("--workers", values.workers, 1, 2);
/** What is measured: everything, or the parts that were asked for. */
const asked = values.chain || values.blocked;
const does = { load: !asked, chain: !asked || values.chain, blocked: !asked || values.blocked };
const say = (line: string) => process.stderr.write(`${line}\n`);

const idle: Pick<Results, "fresh" | "warm" | "cpu"> = { fresh: undefined, warm: [], cpu: {} };

let system: System | undefined;
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
  const { ratioPassed, chainPassed, blockedPassed } = figures(results);
  process.exitCode = ratioPassed && chainPassed && blockedPassed ? 0 : 1;
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
  say(values.url ? `Baton at ${values.url}` : "starting Baton (Postgres, nats-server, API, workers) ...");
  system = values.url ? foreignSystem(values.url) : await startSystem(workers);
  const { url, pids } = system;
  const { fresh, warm, cpu } = does.load ? await load(url, to, pids) : idle;
  const chainMs = does.chain ? await chains(url, to) : [];
  const blocked = does.blocked ? await runBlocked(url, to, values.url !== undefined, say) : undefined;
  // Nothing of Baton may run beside the second floor.
  await system.stop();
  system = undefined;
  const floorAfter = does.load ? await floor(to, "after") : [];
  return { ...about, floorBefore, floorAfter, fresh, warm, cpu, chainMs, blocked };
}

async function floor(to: Receiver, when: string): Promise<number[]> {
  say(`floor, ${when} ...`);
  return measureFloor(to, lives, workers);
}

async function chains(url: string, to: Receiver): Promise<number[]> {
  say("chains ...");
  return runChains(url, to);
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
  await system?.stop();
  await receiver?.end();
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const n = Number(text);
  if (Number.isInteger(n) && n >= least && n <= most) return n;
  process.stderr.write(`${name} takes a whole number from ${least} to ${most}\n`);
  process.exit(2);
}
