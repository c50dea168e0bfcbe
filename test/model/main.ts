// The model by hand: `npm run model -- --seeds 1-1000 | --exhaustive | --bugs | --seed 17 [--bug name]`. Random runs by
// default; ends with 1 where something is wrong.
import { parseArgs } from "node:util";
import { bugs, find } from "./bugs.ts";
import { explore, run } from "./explore.ts";
import { cases, scenarioOf } from "./scenarios.ts";
import type { State } from "./state.ts";
import type { Move } from "./system.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1-1000" },
    seed: { type: "string" },
    bug: { type: "string" },
    exhaustive: { type: "boolean", default: false },
    bugs: { type: "boolean", default: false },
  },
});

/** Whether nothing is wrong. */
function say(text: string, errors: readonly string[]): boolean {
  const found = errors.length > 0 ? `WRONG: ${errors.join("; ")}` : "nothing wrong";
  console.log(`${text}: ${found} (${performance.now().toFixed(0)} ms)`);
  return errors.length === 0;
}

/** All of them, also where one is wrong. */
const every = <T>(all: Iterable<T>, isRight: (one: T) => boolean): boolean =>
  [...all].filter((one) => !isRight(one)).length === 0;

function exploreAll(): boolean {
  return every(Object.entries(cases), ([name, scenario]) => {
    const { states, ends, errors } = explore(scenario);
    return say(`${name}: ${states} states, ${ends} ends`, errors);
  });
}

function findAll(): boolean {
  return every(Object.entries(bugs), ([bug, seed]) => {
    const found = find(bug);
    const isKnown = found?.seed === seed;
    console.log(`${bug}: ${found ? `${isKnown ? "" : "now "}seed ${found.seed}: ${found.error}` : "NOT FOUND"}`);
    return found !== null;
  });
}

function show(move: Move, { db: { tasks, steps, works } }: State): void {
  const parts = [
    tasks.map(({ status, waitF }) => `${status}${waitF}`),
    steps.map(({ step, rank, after, seq }) => `${step}${rank}>${after}#${seq}`),
    works.map(({ seq, kind, reached, done }) => `${kind}#${seq}@${reached}${done ? "!" : ""}`),
  ];
  console.log(`${move.join(" ")} | ${parts.map((part) => part.join(" ")).join(" | ")}`);
}

function showOne(seed: number): boolean {
  console.log(JSON.stringify(scenarioOf(seed)));
  return say("this run", run(seed, values.bug ?? null, show).errors);
}

function runAll(range: string): boolean {
  const [from = Number.NaN, to = from] = range.split("-").map(Number);
  if (!(from <= to)) throw new Error(`--seeds ${range}: must be like 1-1000`);
  const sum = { steps: 0, clean: 0, overlapping: 0 };
  for (let seed = from; seed <= to; seed++) {
    const { errors, steps, isClean, overlaps } = run(seed, values.bug ?? null);
    if (errors.length > 0) return say(`seed ${seed}`, errors);
    sum.steps += steps;
    sum.clean += Number(isClean);
    sum.overlapping += Number(overlaps > 0);
  }
  const of = `${sum.steps} steps, ${sum.clean} compared task for task, ${sum.overlapping} with commands during a propagation`;
  return say(`${to - from + 1} runs, ${of}`, []);
}

function main(): boolean {
  if (values.bug !== undefined && bugs[values.bug] === undefined)
    throw new Error(`--bug ${values.bug}: must be one of ${Object.keys(bugs).join(", ")}`);
  if (values.exhaustive) return exploreAll();
  if (values.bugs) return findAll();
  return values.seed === undefined ? runAll(values.seeds) : showOne(Number(values.seed));
}

process.exitCode = main() ? 0 : 1;
