// The database of the model: one batch with its tasks, links, steps of propagation and works, as plain data, so that it can
// be copied, hashed, and a worker killed between any two steps. What a new task begins with, and whether a task is lost.

export type Edge = "always" | "success" | "required" | "failure" | "none_failed";
export type Final = "Success" | "Failure" | "Canceled" | "Skipped";
export type Status = "Waiting" | "Pending" | "Claimed" | "Running" | "Paused" | Final;
export type SweepKind = "stop" | "pause" | "resume" | "rules";
export type Counts = Record<string, number>;

/** `p` and `c` are the ranks of parent and child. */
export interface Link {
  readonly p: number;
  readonly c: number;
  readonly type: Edge;
}

export interface TaskSpec {
  readonly join?: "all" | "any";
  readonly barrier?: boolean;
  readonly keep?: boolean;
  readonly kind?: string;
}

export interface Task extends Required<TaskSpec> {
  readonly rank: number;
  status: Status;
  /** How many parents have not said that they are met. */
  waitF: number;
  /** How many children are unfinished. */
  openChildren: number;
  byBatch: boolean;
  pauseReq: boolean;
  /** The newest sweep that visited it out of turn, or that was there when it was created. */
  swept: number;
  /** The rules change that reached it last. */
  rules: number;
  /** How it ended, because of which parent, by which command, and as the how many-th. */
  why: string | null;
  by: number | null;
  cause: number | null;
  endNo: number;
}

/** A step of propagation that is outstanding, as a row of `propagation`. */
export interface Step {
  readonly rank: number;
  readonly step: "judge" | "down" | "up";
  seq: number;
  /** The highest number of a work that waits for it. */
  last: number;
  after: number;
  readonly upto: number;
  /** It failed too often, and is passed over. */
  isAside: boolean;
}

/** A command that is not finished, as a row of `batch_work`. */
export interface Work {
  readonly seq: number;
  kind: SweepKind | "propagation";
  readonly of: string | undefined;
  readonly id: string;
  reached: number;
  readonly upto: number;
  readonly counts: Counts;
  /** It met what older commands have left, and waits for all of it. */
  awaits: boolean;
  /** Of a sweep: it failed too often, and is passed over. */
  isAside: boolean;
  done: boolean;
}

export interface Decided {
  readonly code: number;
  /** The work that the answer waits for. */
  readonly work: number | null;
  readonly counts: Counts;
}

export interface Db {
  readonly tasks: Task[];
  readonly links: Link[];
  steps: Step[];
  works: Work[];
  /** Answers by the id of the command. */
  readonly remembered: Record<string, Decided>;
  seq: number;
  endNo: number;
  unfinished: number;
  completions: number;
  lastWasSweep: boolean;
  /** How many sweep portions came one after the other while propagation was outstanding. */
  waited: number;
  open: boolean;
  paused: boolean;
  stopping: boolean;
  /** Who holds the batch row, and the rows of which tasks. */
  lock: string | null;
  readonly rowLocks: Record<number, string>;
  /** Not of the protocol: what the oracle looks at. */
  readonly met: Record<string, number>;
  readonly visits: Record<string, number>;
  readonly errors: string[];
}

const finals: readonly string[] = ["Success", "Failure", "Canceled", "Skipped"];
export const isFinal = ({ status }: { readonly status: string }): boolean => finals.includes(status);
export const isActive = ({ status }: { readonly status: string }): boolean =>
  status === "Claimed" || status === "Running";

const meets: Record<Edge, readonly string[]> = {
  always: finals,
  success: ["Success"],
  required: ["Success"],
  failure: ["Failure", "Canceled"],
  none_failed: ["Success", "Skipped"],
};

/** What a link of this type says when its parent has ended so. */
export const says = (type: Edge, status: string): boolean => meets[type].includes(status);

type Linked = { readonly links: readonly Link[] };
export const parentsOf = (db: Linked, c: number): Link[] => db.links.filter((link) => link.c === c);
export const childrenOf = (db: Linked, p: number): Link[] => db.links.filter((link) => link.p === p);
export const taskOf = ({ tasks }: { readonly tasks: readonly Task[] }, rank: number): Task => tasks[rank] as Task;
export const add = (counts: Counts, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

export interface BatchSpec {
  readonly tasks: readonly TaskSpec[];
  readonly links: readonly Link[];
  readonly open?: boolean;
}

export function newDb({ tasks, links, open = false }: BatchSpec): Db {
  const db: Db = {
    ...{ tasks: [], links: [], steps: [], works: [], remembered: {} },
    ...{ seq: 0, endNo: 0, unfinished: 0, completions: 0, lastWasSweep: false, waited: 0 },
    ...{ open, paused: false, stopping: false, lock: null, rowLocks: {} },
    ...{ met: {}, visits: {}, errors: [] },
  };
  for (const [rank, spec] of tasks.entries()) {
    const { task } = addTask(
      db,
      spec,
      links.filter(({ c }) => c === rank),
    );
    becomeReady(task);
  }
  return db;
}

/** A new task has a higher rank than all before it: its parents are there already. Those that have ended count at once. */
export function addTask(
  db: Db,
  { join = "all", barrier = false, keep = false, kind = "a" }: TaskSpec,
  links: readonly Link[],
  bug: string | null = null,
): { task: Task; lost: Loss | null } {
  const rank = db.tasks.length;
  const task: Task = {
    ...{
      rank,
      join,
      barrier,
      keep,
      kind,
      status: "Waiting",
      waitF: 0,
      openChildren: 0,
      byBatch: false,
      pauseReq: false,
    },
    ...{ swept: db.seq, rules: 0, why: null, by: null, cause: 0, endNo: 0 },
  };
  db.tasks.push(task);
  db.links.push(...links);
  db.unfinished++;
  const isUnmet = (p: number) =>
    !isFinal(taskOf(db, p)) ||
    (bug === "growWaitsForEnded" && db.steps.some((one) => one.step === "down" && one.rank === p));
  for (const { p } of links) {
    if (!isFinal(taskOf(db, p))) taskOf(db, p).openChildren++;
    if (!isUnmet(p)) db.met[`${p}>${rank}`] = 1;
  }
  const isMet = ({ p, type }: Link) => !isUnmet(p) && says(type, taskOf(db, p).status);
  task.waitF = join === "any" && links.some(isMet) ? 0 : links.filter(({ p }) => isUnmet(p)).length;
  if (db.paused) Object.assign(task, { status: "Paused", byBatch: true });
  return { task, lost: links.length > 0 ? lossOf(db, task, isUnmet) : null };
}

export interface Loss {
  readonly as: "Failure" | "Skipped";
  readonly by: number;
}

/** By all its parents as they stand; null where it may still start. */
export function lossOf(db: Db, task: Task, isUnmet = (p: number): boolean => !isFinal(taskOf(db, p))): Loss | null {
  const links = parentsOf(db, task.rank);
  const never = links.filter(({ p, type }) => !isUnmet(p) && !says(type, taskOf(db, p).status));
  if (never.length === 0 || (task.join === "any" && never.length < links.length)) return null;
  const required = never.filter(({ type }) => type === "required");
  const last = (some: readonly Link[]) =>
    some.reduce((a, b) => (taskOf(db, a.p).endNo > taskOf(db, b.p).endNo ? a : b)).p;
  return required.length > 0 ? { as: "Failure", by: last(required) } : { as: "Skipped", by: last(never) };
}

export function becomeReady(task: Task): void {
  if (task.status === "Waiting" && task.waitF === 0) task.status = "Pending";
}

/** What a resume makes of a task that is Paused. */
export const released = ({ waitF }: Task): Pick<Task, "byBatch" | "status"> => ({
  byBatch: false,
  status: waitF > 0 ? "Waiting" : "Pending",
});
