// What the model is run with: random batches, commands and outcomes, each from a seed that makes the same one again, and the
// smallest cases, of which every interleaving is tried.
import { type BatchSpec, type Edge, type Final, type Link, says } from "./database.ts";
import { type Command, isSweepVerb } from "./protocol.ts";

export interface Scenario extends BatchSpec {
  /** The commands of each client, who waits for the answer before the next one. */
  readonly clients: readonly (readonly Command[])[];
  /** What the service reports, and whether its first start is put back, by rank. */
  readonly outcomes: Readonly<Record<number, Final>>;
  readonly putback: Readonly<Record<number, boolean>>;
  /** Starts are met of before the report. */
  readonly started: boolean;
  /** Clients do not wait for their answers. */
  readonly isHasty: boolean;
  readonly workers: number;
  /** Steps and tasks that a turn may do itself; size of a portion. */
  readonly inline: number;
  readonly small: number;
  readonly size: number;
  /** How many workers are killed, how many messages come twice. */
  readonly kills: number;
  readonly dups: number;
  /** How often the next portion fails for good. */
  readonly asides: number;
}

/** Numbers in [0, 1), the same for the same seed. */
export function random(seed: number): () => number {
  let a = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    const t = Math.imul(a ^ (a >>> 15), 1 | a);
    return ((t ^ (t + Math.imul(t ^ (t >>> 7), 61 | t))) >>> 0) / 4294967296;
  };
}

const ofBatch = ["stop", "pause", "pause", "resume", "resume", "rules", "rules"];
const verbs = [...ofBatch, "cancel", "cancel", "override", "pauseTask", "resumeTask", "grow", "grow", "close"];
const types: readonly Edge[] = ["always", "success", "failure", "none_failed", "required", "required", "required"];
const results: readonly Final[] = ["Success", "Success", "Failure", "Failure", "Skipped"];

/** Of so many random runs one has portions that fail for good: what these touch is not compared. */
const asideEvery = 7;

export function scenarioOf(seed: number): Scenario {
  const next = random(seed);
  const int = (n: number) => Math.floor(next() * n);
  const of = <T>(list: readonly T[]): T => list[int(list.length)] as T;
  const n = 3 + int(5);
  const tasks = Array.from({ length: n }, () => {
    const join = next() < 0.2 ? ("any" as const) : ("all" as const);
    return { join, barrier: next() < 0.15, keep: next() < 0.1, kind: of(["a", "b"]) };
  });
  const links: Link[] = [];
  for (let c = 1; c < n; c++) for (let p = 0; p < c; p++) if (next() < 1.6 / c) links.push({ p, c, type: of(types) });
  const parents = () => [...new Set([int(n), int(n)])].map((p) => ({ p, type: of(types) }));
  const command = (): Command => {
    const verb = of(verbs);
    if (verb === "grow") return { verb, spec: { join: next() < 0.2 ? "any" : "all" }, links: parents() };
    if (verb === "rules") return { verb, of: of(["a", "b"]) };
    if (isSweepVerb(verb) || verb === "close") return { verb };
    return { verb, task: int(n), ...(verb === "override" ? { status: of(results) } : {}) };
  };
  const clients = Array.from({ length: 1 + int(3) }, () => Array.from({ length: 1 + int(3) }, command));
  const outcomes = { ...Array.from({ length: n + 9 }, () => of(results)) };
  const putback = { ...Array.from({ length: n + 9 }, () => next() < 0.15) };
  const [inline, small, size] = [of([0, 0, 1, 2, 50]), of([0, 0, 0, 50]), 1 + int(2)];
  const sizes = { workers: 2, inline, small, size, kills: int(3), dups: int(3) };
  const [started, open, isHasty] = [next() < 0.5, next() < 0.2, next() < 0.3];
  const asides = seed % asideEvery === 0 ? 1 + int(3) : 0;
  return { tasks, links, clients, outcomes, putback, started, open, isHasty, asides, ...sizes };
}

const least = {
  ...{ clients: [], outcomes: {}, putback: {}, started: false, isHasty: false },
  ...{ workers: 1, inline: 0, small: 0, size: 1, kills: 0, dups: 0, asides: 0 },
};
const required = "required" as const;
const pair = { ...least, tasks: [{}, {}], links: [{ p: 0, c: 1, type: required }] };
const chain = { ...least, tasks: [{}, {}, {}], links: [...pair.links, { p: 1, c: 2, type: required }] };
const fails: Scenario["outcomes"] = { 0: "Failure", 1: "Failure" };
const two = (a: Edge, b: Edge): readonly Link[] => [
  { p: 0, c: 2, type: a },
  { p: 1, c: 2, type: b },
];
const stop = [{ verb: "stop" }];
const grow = (p: number, type: Edge) => [{ verb: "grow", spec: {}, links: [{ p, type }] }];

export const cases: Readonly<Record<string, Scenario>> = {
  "a failing chain, a kill, a message twice, two workers": { ...pair, outcomes: fails, kills: 1, dups: 1, workers: 2 },
  "a failing chain, stop, a kill": { ...chain, clients: [stop], outcomes: fails, kills: 1 },
  "a failing chain, cancel of the last, two workers": {
    ...{ ...chain, clients: [[{ verb: "cancel", task: 2 }]], outcomes: fails, workers: 2 },
  },
  "a failing chain, override of the last, a kill": {
    ...{ ...chain, clients: [[{ verb: "override", task: 2, status: "Success" }]], outcomes: fails, kills: 1 },
  },
  "a pair, stop, two workers": { ...pair, clients: [stop], workers: 2 },
  "a pair, pause and resume": { ...pair, clients: [[{ verb: "pause" }], [{ verb: "resume" }]], outcomes: fails },
  "a pair, pause, resume of one task": { ...pair, clients: [[{ verb: "pause" }], [{ verb: "resumeTask", task: 0 }]] },
  "a pair, rules, two workers": { ...pair, clients: [[{ verb: "rules", of: "a" }]], workers: 2 },
  "a pair, growth below the root, a kill": { ...pair, clients: [grow(0, "required")], outcomes: fails, kills: 1 },
  "a pair, growth, stop": { ...pair, clients: [grow(1, "always"), stop], outcomes: fails },
  "two roots that fail at once": { ...least, tasks: [{}, {}, {}], links: two("success", "required"), outcomes: fails },
  "join any, both fail": {
    ...{ ...least, tasks: [{}, {}, { join: "any" }], links: two("success", "success"), outcomes: fails },
  },
  "two roots that fail, a step set aside twice": {
    ...{ ...least, tasks: [{}, {}, {}], links: two("required", "required"), outcomes: fails, asides: 2 },
  },
  "one task, two rules changes, a sweep set aside": {
    ...{
      ...least,
      tasks: [{}],
      links: [],
      clients: [[{ verb: "rules", of: "a" }], [{ verb: "rules", of: "a" }]],
      asides: 1,
    },
  },
  "a failing chain, a step set aside, a kill": { ...chain, outcomes: fails, asides: 1, kills: 1 },
  "a dead end, cancel of the only child, a kill": { ...chain, clients: [[{ verb: "cancel", task: 2 }]], kills: 1 },
};

/** Whether a task is lost by parents that stand so. */
export const isLost = (
  join: "all" | "any",
  parents: readonly { type: Edge; status: string; isEnded: boolean }[],
): boolean => {
  const never = parents.filter(({ type, status, isEnded }) => isEnded && !says(type, status));
  return join === "any" && parents.length > 0 ? never.length === parents.length : never.length > 0;
};
