// The reference that the protocol is compared with: each command with all that follows from it in one step, decided by looking
// at the parents and children as they stand, without any counter and without work that is left for later.
import {
  type BatchSpec,
  childrenOf,
  type Final,
  isActive,
  isFinal,
  type Link,
  parentsOf,
  type SweepKind,
  says,
  type Task,
  type TaskSpec,
} from "./database.ts";
import { type Asked, callOutcome, isSweepVerb } from "./protocol.ts";

export type RefTask = Pick<Task, "rank" | "join" | "barrier" | "keep" | "kind" | "status" | "byBatch" | "pauseReq"> &
  Pick<Task, "rules" | "by" | "endNo"> & {
    /** It was a barrier that ended as a dead end: the climb stops. */
    mute: boolean;
  };

interface Sweep {
  readonly id: string;
  readonly kind: SweepKind;
  readonly arg: string | undefined;
  readonly seq: number;
  readonly upto: number;
  /** What became of which task. */
  readonly of: Record<number, string>;
}

export interface Ref {
  readonly tasks: RefTask[];
  readonly links: Link[];
  readonly sweeps: Sweep[];
  open: boolean;
  paused: boolean;
  stopped: boolean;
  endNo: number;
}

/** A task as it was when a claim or a task turn looked at it, and how many sweeps there were then. */
export interface Seen {
  readonly task: RefTask;
  readonly sweeps: number;
}

const taskOf = ({ tasks }: Ref, rank: number): RefTask => tasks[rank] as RefTask;

export function newRef({ tasks, links, open = false }: BatchSpec): Ref {
  const ref: Ref = { tasks: [], links: [], sweeps: [], open, paused: false, stopped: false, endNo: 0 };
  for (const [rank, spec] of tasks.entries())
    addTask(
      ref,
      spec,
      links.filter(({ c }) => c === rank),
    );
  return settle(ref, []);
}

function addTask(ref: Ref, spec: TaskSpec, links: readonly Link[]): void {
  const { join = "all", barrier = false, keep = false, kind = "a" } = spec;
  ref.links.push(...links);
  ref.tasks.push({
    ...{ rank: ref.tasks.length, join, barrier, keep, kind },
    ...{ status: ref.paused ? "Paused" : "Waiting", byBatch: ref.paused, pauseReq: false },
    ...{ rules: 0, by: null, endNo: 0, mute: false },
  });
}

const end = (ref: Ref, task: RefTask, status: Final, { by = -1, mute = false } = {}): RefTask =>
  Object.assign(task, { status, by: by < 0 ? null : by, mute, endNo: ++ref.endNo, pauseReq: false });

/** May it start, is it lost, or must it wait? */
function judge(ref: Ref, task: RefTask): { lost?: "Failure" | "Skipped"; by?: number; isReady: boolean } {
  const links = parentsOf(ref, task.rank).map((link) => ({ ...link, parent: taskOf(ref, link.p) }));
  const ended = links.filter(({ parent }) => isFinal(parent));
  const never = ended.filter(({ type, parent }) => !says(type, parent.status));
  const met = ended.length - never.length;
  const isAny = task.join === "any" && links.length > 0;
  if (isAny ? never.length === links.length : never.length > 0) {
    const required = never.filter(({ type }) => type === "required");
    const [last] = (required.length > 0 ? required : never).sort((a, b) => b.parent.endNo - a.parent.endNo);
    return { lost: required.length > 0 ? "Failure" : "Skipped", by: last?.p ?? -1, isReady: false };
  }
  return { isReady: links.length === 0 || (isAny ? met > 0 : met === links.length) };
}

/** What follows: down in the order of ranks, then up to parents whose last unfinished child has just ended. */
function settle(ref: Ref, ended: RefTask[]): Ref {
  for (const task of ref.tasks) {
    if (task.status !== "Waiting" && task.status !== "Paused") continue;
    const { lost, by, isReady } = judge(ref, task);
    if (lost) ended.push(end(ref, task, lost, { by: by as number }));
    else if (isReady && task.status === "Waiting") task.status = "Pending";
  }
  const stranded = new Set<number>();
  const isStranded = (p: number) =>
    !ref.open &&
    !isFinal(taskOf(ref, p)) &&
    !taskOf(ref, p).keep &&
    childrenOf(ref, p).every(({ c }) => isFinal(taskOf(ref, c)));
  const look = ({ rank, mute }: RefTask) => {
    for (const { p } of parentsOf(ref, rank)) if (!mute && isStranded(p)) stranded.add(p);
  };
  ended.forEach(look);
  while (stranded.size > 0) {
    const p = Math.max(...stranded);
    stranded.delete(p);
    look(end(ref, taskOf(ref, p), "Canceled", { mute: taskOf(ref, p).barrier }));
  }
  return ref;
}

function sweepOne(ref: Ref, sweep: Sweep, task: RefTask): void {
  const { kind, of } = sweep;
  const { rank, status } = task;
  if (isFinal(task) || rank > sweep.upto) return;
  if (kind === "pause" && isActive(task)) task.pauseReq = true;
  if (kind === "resume") task.pauseReq = false;
  if (kind === "stop") {
    of[rank] = `canceled_${status}`;
    end(ref, task, "Canceled");
  } else if (kind === "pause" && !isActive(task) && status !== "Paused") {
    of[rank] = "paused";
    Object.assign(task, { status: "Paused", byBatch: true });
  } else if (kind === "resume" && status === "Paused" && task.byBatch) {
    of[rank] = "resumed";
    release(ref, task);
  } else if (kind === "rules" && task.kind === sweep.arg) {
    of[rank] = "updated";
    task.rules = sweep.seq;
  }
}

const release = (ref: Ref, task: RefTask): RefTask =>
  Object.assign(task, { byBatch: false, status: judge(ref, task).isReady ? "Pending" : "Waiting" });

/** Returns the code of the answer. `seen`: a claim or a task turn comes before the sweeps that were committed since it looked. */
export function applyTo(ref: Ref, asked: Asked, seq: number, seen?: Seen): number {
  const { id, verb, task: rank } = asked;
  if (isSweepVerb(verb)) {
    const sweep: Sweep = { id, kind: verb, arg: asked.of, seq, upto: ref.tasks.length - 1, of: {} };
    ref.sweeps.push(sweep);
    if (verb === "stop") Object.assign(ref, { stopped: true, open: false });
    if (verb === "pause" || verb === "resume") ref.paused = verb === "pause";
    for (const task of ref.tasks) sweepOne(ref, sweep, task);
    return 200;
  }
  if (verb === "close") {
    ref.open = false;
    return 200;
  }
  if (verb === "grow") return grow(ref, asked);
  const since = seen === undefined ? [] : ref.sweeps.slice(seen.sweeps);
  if (seen !== undefined && since.length > 0) ref.tasks[rank as number] = structuredClone(seen.task);
  for (const sweep of since) delete sweep.of[rank as number];
  const code = applyToOne(ref, asked, taskOf(ref, rank as number));
  for (const sweep of since) sweepOne(ref, sweep, taskOf(ref, rank as number));
  return code;
}

function grow(ref: Ref, { spec = {}, links = [] }: Asked): number {
  if (ref.stopped || (ref.tasks.every(isFinal) && !ref.open)) return 409;
  addTask(
    ref,
    spec,
    links.map((link) => ({ ...link, c: ref.tasks.length })),
  );
  settle(ref, []);
  const task = ref.tasks.at(-1) as RefTask;
  if (isFinal(task)) settle(ref, [task]);
  return 200;
}

const ends: readonly string[] = ["report", "cancel", "override"];

function applyToOne(ref: Ref, { verb, status }: Asked, task: RefTask): number {
  if (verb === "report" && task.status === status) return 200;
  if (verb === "report" ? !isActive(task) : ends.includes(verb) && isFinal(task)) return 409;
  if (ends.includes(verb)) settle(ref, [end(ref, task, verb === "cancel" ? "Canceled" : (status as Final))]);
  else if (verb === "claim" && task.status === "Pending") task.status = "Claimed";
  else if (verb === "pauseTask" && (task.status === "Waiting" || task.status === "Pending"))
    Object.assign(task, { status: "Paused", byBatch: false });
  else if (verb === "resumeTask" && task.status === "Paused") release(ref, task);
  else return callOutcome(task, verb) ? 200 : 409;
  return 200;
}
