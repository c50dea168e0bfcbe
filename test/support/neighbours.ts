// Other people's batches beside a large one: single tasks that are created, started, reported and looked at all the time,
// and how long each step of theirs took. What a large batch does to them is the question. They come at a steady pace, whatever
// has become of those before them: a second in which nothing answers is seen by all that fall into it. A bare server is asked
// beside them: what the machine does to that one is not held against Baton.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Cluster } from "#test/cluster";
import type { Receiver } from "#test/receiver";
import { sleep } from "#test/until";

/** What the neighbours need of a system and of a service. */
export interface Place {
  call(verb: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Resolves when the start call of this task has arrived. */
  started(taskId: string): Promise<void>;
  readonly startAction: unknown;
  /** The processes, as they are now. */
  readonly pids: () => readonly number[];
  /** The address of a bare server. */
  readonly bare: string;
}

/** The neighbours' place in a cluster, with a service of theirs: a start call lets go who waits for it. */
export function placeIn(cluster: Cluster, service: Receiver, bare: string): Place {
  const calls = new Map<string, PromiseWithResolvers<void>>();
  const callOf = (task: string) => {
    const known = calls.get(task) ?? Promise.withResolvers<void>();
    calls.set(task, known);
    return known;
  };
  service.answer("/neighbour", ({ taskId }) => {
    callOf(taskId).resolve();
    return {};
  });
  return {
    bare,
    call: (...args) => cluster.call(...args),
    started: (task) => callOf(task).promise,
    startAction: service.action("/neighbour"),
    pids: () => cluster.members.map(({ pid }) => pid),
  };
}

const steps = ["reports", "starts", "timers", "listings", "health", "bare"] as const;
type Step = (typeof steps)[number];

/** Milliseconds of each try, and what went wrong. */
export interface Seen extends Readonly<Record<Step, number[]>> {
  /** The largest resident size of a process, bytes. */
  rssMax: number;
  readonly wrong: string[];
}

/** The most that a neighbour may notice of a batch of the largest size. */
export const bounds = { reportsP99Ms: 1_000, startMs: 2_000, listingsP99Ms: 1_000, healthMs: 500, rssBytes: 2 ** 30 };

const lifeEveryMs = 25;
const timerEveryMs = 500;
const lookEveryMs = 100;
const delaySecs = 1;
const openMax = 500;
const lateMs = 30_000;
/** A step passes at least so many others: the API, NATS, a worker, Postgres. */
const hops = 4;

/** Starts a bare server; ended after the file's last test. */
export async function startBare(): Promise<string> {
  const child = fork(join(import.meta.dirname, "bare-process.ts"));
  afterAll(() => void child.kill("SIGKILL"));
  const [port] = await once(child, "message");
  return `http://127.0.0.1:${port}/`;
}

export const nothing = (): Seen => ({
  ...{ reports: [], starts: [], timers: [], listings: [], health: [], bare: [] },
  rssMax: 0,
  wrong: [],
});

/** Begins to live beside; `stop` ends it, when every life that was begun has come to its end, and tells what was seen. */
export function liveBeside(place: Place): { stop(): Promise<Seen>; readonly seen: Seen } {
  const seen: Seen = nothing();
  const open = new Set<Promise<void>>();
  let stopped = false;
  const timed = async <T>(into: number[], work: () => Promise<T>, lessMs = 0): Promise<T> => {
    const began = performance.now();
    try {
      return await inTime(work());
    } finally {
      into.push(performance.now() - began - lessMs);
    }
  };
  const ask = async (into: number[], wanted: number, ...args: Parameters<Place["call"]>) => {
    const { status, body } = await timed(into, () => place.call(...args));
    if (status !== wanted) throw new Error(`${args[0]} ${args[1]}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
    return body;
  };
  const live = async (more: object = {}, into = seen.starts, lessMs = 0) => {
    const task = { id: "t", name: "t", kind: "neighbour", on_start: place.startAction, timeout: 600, ...more };
    const [{ id }] = (await ask([], 201, "POST", "/task", [task])) as [{ id: string }];
    await timed(into, () => place.started(id), lessMs);
    await ask(seen.reports, 200, "PATCH", `/task/${id}`, { status: "Success" });
  };
  const look = async () => {
    for (const pid of place.pids()) seen.rssMax = Math.max(seen.rssMax, rssOf(pid));
    await Promise.all([
      timed(seen.bare, () => fetch(place.bare).then((response) => response.arrayBuffer())),
      ask(seen.health, 200, "GET", "/health"),
      ask(seen.listings, 200, "GET", "/task?kind=neighbour&status=Running"),
    ]);
  };
  const every = async (ms: number, work: () => Promise<void>) => {
    for (let at = performance.now(); !stopped; at += ms) {
      if (open.size < openMax) begin(work);
      else seen.wrong.push(`${openMax} are under way at once`);
      await sleep(Math.max(0, at + ms - performance.now()));
    }
  };
  const begin = (work: () => Promise<void>) => {
    const one = work()
      .catch((error) => void seen.wrong.push(String(error)))
      .finally(() => void open.delete(one));
    open.add(one);
  };
  const running = Promise.all([
    every(lifeEveryMs, live),
    every(timerEveryMs, () => live({ delay_secs: delaySecs }, seen.timers, delaySecs * 1000)),
    every(lookEveryMs, look),
  ]);
  return {
    seen,
    async stop() {
      stopped = true;
      await running;
      await Promise.all(open);
      return seen;
    },
  };
}

/** What was beyond the bounds, in words. `alone`: what they saw while nothing else was there, which the bounds are on top of. */
export function disturbed(seen: Seen, alone: Seen): string[] {
  const over = (step: Step, part: number, bound: number) => {
    const value = quantile(seen[step], part);
    const most = bound + quantile(alone[step], part) + hops * quantile(seen.bare, part);
    const which = part === 1 ? "the slowest" : `${100 * part} of 100`;
    return value > most ? [`${step}, ${which}: ${Math.round(value)} ms, at most ${Math.round(most)}`] : [];
  };
  return [
    ...seen.wrong.slice(0, 5),
    ...over("reports", 0.99, bounds.reportsP99Ms),
    ...over("starts", 1, bounds.startMs),
    ...over("timers", 1, bounds.startMs),
    ...over("listings", 0.99, bounds.listingsP99Ms),
    ...over("health", 1, bounds.healthMs),
    ...(seen.rssMax > bounds.rssBytes ? [`the largest process: ${seen.rssMax} bytes`] : []),
  ];
}

/** One line for people: how many of each, the middle one, the 99th percentile, the slowest. */
export function summary(seen: Seen): string {
  const of = (step: Step) => {
    const [half, p99, max] = [0.5, 0.99, 1].map((part) => Math.round(quantile(seen[step], part)));
    return `${step} ${seen[step].length}: ${half}/${p99}/${max}`;
  };
  return `${steps.map(of).join(", ")} ms (p50/p99/max); ${Math.round(seen.rssMax / 2 ** 20)} MB; ${seen.wrong.length} wrong`;
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${lateMs} ms`)), lateMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function rssOf(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return pages * 4096;
  } catch {
    return 0;
  }
}

/** The value below which this part of the values lies; 0 where there is none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
