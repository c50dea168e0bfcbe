// The protocol of work in portions: what a batch turn decides, what the next portion of a batch does, and what task turns and
// claims may not touch. `bug` plants one mistake; without it this is the protocol that src/actor builds.
import {
  addTask,
  becomeReady,
  type Counts,
  type Db,
  type Decided,
  type Final,
  isActive,
  isFinal,
  type Link,
  released,
  type Step,
  type SweepKind,
  type Task,
  type TaskSpec,
  type Work,
} from "./database.ts";
import { isAhead, isSweep, nextStep, Tx } from "./transaction.ts";

const sweepVerbs: readonly string[] = ["stop", "pause", "resume", "rules"];
export const isSweepVerb = (verb: string): verb is SweepKind => sweepVerbs.includes(verb);

export interface Command {
  readonly verb: string;
  /** The rank of its task. */
  readonly task?: number;
  /** How the task ends, of a report or an override. */
  readonly status?: Final;
  /** The kind of tasks that get other rules. */
  readonly of?: string;
  /** The task that grows, and its parents. */
  readonly spec?: TaskSpec;
  readonly links?: readonly Omit<Link, "c">[];
}

export interface Asked extends Command {
  readonly id: string;
}

export interface Limits {
  readonly me: string;
  readonly bug: string | null;
  /** Steps of propagation that a turn may do itself. */
  readonly inline: number;
  /** Tasks of a batch that a turn may sweep itself. */
  readonly small: number;
}

/** A batch turn: decides one command. */
export function decide(db: Db, asked: Asked, { me, bug, inline, small }: Limits): Decided {
  const remembered = bug === "noIdempotency" ? undefined : db.remembered[asked.id];
  if (remembered !== undefined) return remembered;
  const tx = new Tx(db, me, bug, ++db.seq);
  const { id, of } = asked;
  const counts: Counts = {};
  const range = { reached: -1, upto: db.tasks.length - 1 };
  const work: Work = {
    seq: db.seq,
    kind: "propagation",
    of,
    id,
    ...range,
    counts,
    awaits: false,
    isAside: false,
    done: false,
  };
  const code = isSweepVerb(asked.verb) ? beginSweep(tx, work, asked.verb, small) : decideOther(tx, asked);
  if (work.kind === "propagation") {
    tx.run(inline, work.seq);
    work.awaits = tx.hasMerged;
    if (db.completions === 0 && (tx.hasMerged || db.steps.some(({ seq }) => seq === work.seq))) db.works.push(work);
    else work.done = true;
  }
  const answer = { code, work: work.done ? null : work.seq, counts };
  db.remembered[id] = answer;
  if (work.done) db.works = db.works.filter((one) => one !== work);
  return answer;
}

function beginSweep(tx: Tx, work: Work, verb: SweepKind, small: number): number {
  const { db } = tx;
  work.kind = verb;
  if (verb === "stop") Object.assign(db, { stopping: true, open: false });
  if (verb === "pause" || verb === "resume") db.paused = verb === "pause";
  if (tx.bug === "completeAtFlag" && verb === "stop" && db.unfinished > 0) db.completions++;
  const isFirst = !db.works.some((other) => !other.done && isSweep(other));
  db.works.push(work);
  if (db.unfinished === 0) work.done = true;
  else if (isFirst && db.tasks.length <= small) sweepPortion(tx, work, Number.POSITIVE_INFINITY);
  if (verb === "stop" && work.done && db.completions === 0) tx.completeIfLast();
  return 200;
}

function decideOther(tx: Tx, { verb, task: rank, status, spec, links }: Asked): number {
  const { db } = tx;
  if (verb === "close") {
    db.open = false;
    if (db.completions === 0) tx.completeIfLast();
    return 200;
  }
  if (verb === "grow") {
    if (db.completions > 0 || (db.stopping && tx.bug !== "growAfterStop")) return 409;
    grow(tx, spec as TaskSpec, links as Link[]);
    return 200;
  }
  return decideTask(tx, verb, tx.touch(rank as number), status);
}

function decideTask(tx: Tx, verb: string, task: Task, status: Final | undefined): number {
  if (verb === "report") {
    // A repetition waits for what the first one began.
    if (task.status === status) tx.hasMerged = tx.db.steps.length > 0 && tx.bug !== "repetitionAnsweredAtOnce";
    else if (isActive(task)) tx.end(task, status as Final, { why: "report" });
    else return 409;
  } else if (verb === "cancel" || verb === "override") {
    if (isFinal(task)) return 409;
    tx.end(task, verb === "cancel" ? "Canceled" : (status as Final), { why: verb });
  } else if (verb === "pauseTask" && (task.status === "Waiting" || task.status === "Pending"))
    Object.assign(task, { status: "Paused", byBatch: false });
  else if (verb === "resumeTask" && task.status === "Paused") Object.assign(task, released(task));
  else return callOutcome(task, verb) ? 200 : 409;
  return 200;
}

/** The fields of a task that the outcome of its start call changes. */
export type CallState = Pick<Task, "status" | "pauseReq" | "byBatch">;

/** What a task turn decides, of one row alone. */
export function callOutcome(task: CallState, verb: string): boolean {
  if (task.status !== "Claimed" || (verb !== "started" && verb !== "putback")) return false;
  if (verb === "started") task.status = "Running";
  else if (task.pauseReq) Object.assign(task, { status: "Paused", byBatch: true, pauseReq: false });
  else task.status = "Pending";
  return true;
}

function grow(tx: Tx, spec: TaskSpec, parents: readonly Omit<Link, "c">[]): void {
  const links = parents.map((link) => ({ ...link, c: tx.db.tasks.length }));
  const { task, lost } = addTask(tx.db, spec, links, tx.bug);
  task.swept = tx.seq as number;
  if (lost) tx.end(task, lost.as, { why: "parent", by: lost.by });
  else becomeReady(task);
}

function sweepPortion(tx: Tx, work: Work, max: number): void {
  for (const last = Math.min(work.reached + max, work.upto); work.reached < last; work.reached++) {
    const task = tx.lockRow(work.reached + 1);
    if (isAhead(task, work)) tx.visit(task, work);
  }
  if (work.reached >= work.upto) work.done = true;
}

/** The next portion of a batch, under its lock; null: there is nothing to do. `size`: ranks of a sweep, or steps. */
export function portion(db: Db, { me, bug, size }: { me: string; bug: string | null; size: number }): Tx | null {
  const open = db.works.filter(({ done }) => !done);
  const sweep = nextSweep(db, bug);
  const inHand = db.steps.filter(({ isAside }) => !isAside);
  if (sweep === undefined && db.steps.length === 0) return null;
  const tx = new Tx(db, me, bug);
  const takesSweep =
    sweep !== undefined && (inHand.length === 0 || sweep.kind === "stop" || !db.lastWasSweep || bug === "sweepsFirst");
  if (inHand.length > 0 && sweep?.kind !== "stop") {
    db.waited = takesSweep ? db.waited + 1 : 0;
    if (db.waited > 2) db.errors.push("propagation starves");
  }
  db.lastWasSweep = takesSweep;
  if (takesSweep) sweepPortion(tx, sweep, size);
  else tx.run(size);
  for (const work of open)
    if (work.kind === "propagation" && !db.steps.some((step) => isAwaited(step, work, bug))) work.done = true;
  return tx;
}

/** A work waits for all older steps; of those set aside only for its own. */
const isAwaited = ({ seq, last, isAside }: Step, work: Work, bug: string | null): boolean =>
  seq <= work.seq && (!isAside || ((work.awaits || work.seq <= last) && bug !== "asideIsDone"));

/** The oldest; where that is set aside, the others wait, but for a stop: after it nothing is left for them to do. */
function nextSweep({ works }: Db, bug: string | null): Work | undefined {
  const queued = works.filter((work) => !work.done && isSweep(work));
  if (bug === "newestSweepFirst") return queued.at(-1);
  const [oldest, ...later] = queued;
  const mayOvertake = ({ kind, isAside }: Work) => !isAside && (kind === "stop" || bug === "sweepOvertakes");
  return oldest?.isAside ? later.find(mayOvertake) : oldest;
}

/** What the next portion would take failed too often: it is passed over from now on. Returns the works that wait for it. */
export function setAside(db: Db): Work[] {
  const sweep = nextSweep(db, null);
  const step = nextStep(db.steps, null);
  const isOfSweep = sweep !== undefined && (step === undefined || sweep.kind === "stop" || !db.lastWasSweep);
  const one = isOfSweep ? sweep : step;
  if (one === undefined) return [];
  one.isAside = true;
  if (isOfSweep) return [sweep];
  const { seq, last } = one as Step;
  return db.works.filter((work) => !isSweep(work) && !work.done && work.seq >= seq && work.seq <= last);
}

/** The pause is over: all is tried again. */
export function takeUp({ steps, works }: Db): void {
  for (const one of [...steps, ...works]) one.isAside = false;
}

/** A sweep that is written down has not reached this task: then it is not for a task turn. */
export const isHeld = (db: Db, task: Task): boolean =>
  db.works.some((work) => !work.done && isSweep(work) && isAhead(task, work));

/** What a claim may not take: `resume` forbids nothing, `rules` its own kind only. */
export const isForbidden = (db: Db, task: Task): boolean =>
  db.works.some((work) => !work.done && isAhead(task, work) && forbids(work, task));

const forbids = ({ kind, of }: Work, task: Task): boolean =>
  kind === "stop" || kind === "pause" || (kind === "rules" && of === task.kind);
