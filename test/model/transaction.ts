// One transaction of a batch turn or a portion, on a copy of the database, under the lock of the batch: what happens to a
// task when a sweep comes to it, when it ends, when it hears of a parent.
import {
  add,
  becomeReady,
  childrenOf,
  type Db,
  type Final,
  isActive,
  isFinal,
  type Link,
  lossOf,
  parentsOf,
  released,
  type Step,
  says,
  type Task,
  taskOf,
  type Work,
} from "./database.ts";

/** Thrown where another transaction holds what this one needs: it waits, and is tried again. */
export class Blocked extends Error {}

export const isSweep = ({ kind }: Pick<Work, "kind">): boolean => kind !== "propagation";

/** The sweep is for this task and has not come to it. */
export const isAhead = (task: Task, work: Work): boolean =>
  task.rank > work.reached && task.rank <= work.upto && task.swept < work.seq;

export interface Ended {
  readonly why: string;
  readonly by?: number;
  /** By a stop, which no relative hears of. */
  readonly isQuiet?: boolean;
}

export class Tx {
  readonly db: Db;
  readonly #me: string;
  readonly bug: string | null;
  seq: number | null;
  /** It met a step of another cause. */
  hasMerged = false;
  /** A planted mistake: written after the commit. */
  cursorLater: { readonly rank: number; readonly after: number } | null = null;

  constructor(db: Db, me: string, bug: string | null, seq: number | null = null) {
    this.db = db;
    this.#me = me;
    this.bug = bug;
    this.seq = seq;
  }

  /** A task to be changed: its row is locked, waiting; then it is brought up to date with the sweeps that have not reached it. */
  touch(rank: number): Task {
    const task = this.lockRow(rank);
    if (this.bug === "noVisitOnTouch") return task;
    for (const work of this.db.works)
      if (!work.done && isSweep(work) && isAhead(task, work)) {
        this.visit(task, work);
        if (this.bug !== "noSweptMark") task.swept = work.seq;
      }
    return task;
  }

  lockRow(rank: number): Task {
    if ((this.db.rowLocks[rank] ?? this.#me) !== this.#me) throw new Blocked();
    return taskOf(this.db, rank);
  }

  visit(task: Task, work: Work): void {
    if (isFinal(task)) return;
    const change = (name: string, values: Partial<Task> = {}) => {
      add(work.counts, name);
      add(this.db.visits, `${work.seq}:${task.rank}`);
      Object.assign(task, values);
    };
    if (work.kind === "stop") {
      change(`canceled_${task.status}`);
      this.end(task, "Canceled", { why: "stop", isQuiet: true });
    } else if (work.kind === "pause") {
      if (isActive(task)) task.pauseReq = true;
      else if (task.status !== "Paused") change("paused", { status: "Paused", byBatch: true });
    } else if (work.kind === "resume") {
      task.pauseReq = false;
      if (task.status === "Paused" && task.byBatch) change("resumed", released(task));
    } else if (task.kind === work.of) change("updated", { rules: work.seq });
  }

  end(task: Task, status: Final, { why, by = -1, isQuiet = false }: Ended): void {
    const { db } = this;
    if (isFinal(task)) db.errors.push(`task ${task.rank} ended twice`);
    Object.assign(task, { status, why, cause: this.seq, endNo: ++db.endNo, pauseReq: false });
    task.by = by < 0 ? null : by;
    db.unfinished--;
    if (!isQuiet) this.#pass(task);
    this.completeIfLast();
  }

  /** Parents have one unfinished child less; children are to hear of it. */
  #pass(task: Task): void {
    const { db } = this;
    for (const { p } of parentsOf(db, task.rank)) {
      const parent = isFinal(taskOf(db, p)) ? taskOf(db, p) : this.touch(p);
      if (isFinal(parent)) continue;
      const stops =
        parent.keep || (db.open && this.bug !== "deadEndsWhileOpen") || (task.why === "dead_end" && task.barrier);
      if (--parent.openChildren === 0 && !stops) this.#leave(p, "up");
    }
    if (childrenOf(db, task.rank).some(({ c }) => !isFinal(taskOf(db, c)))) this.#leave(task.rank, "down");
  }

  completeIfLast(): void {
    const { db } = this;
    if (db.unfinished > 0 || db.open) return;
    Object.assign(db, { completions: db.completions + 1, steps: [] });
    for (const work of db.works) work.done = true;
  }

  #leave(rank: number, step: Step["step"]): void {
    const { db } = this;
    const seq = this.seq as number;
    const known = db.steps.find((one) => one.rank === rank && one.step === step);
    const upto = this.bug === "noUpto" ? 1e9 : db.tasks.length - 1;
    if (known === undefined) {
      db.steps.push({ rank, step, seq, last: seq, after: -1, upto, isAside: false });
      return;
    }
    // The asker of the older cause waits for this step too.
    if (this.bug !== "noMergeOfCauses") known.seq = Math.min(known.seq, seq);
    if (this.bug !== "asideHidesMerge") known.last = Math.max(known.last, seq);
    known.isAside = false;
    if (known.seq !== seq) this.hasMerged = true;
  }

  /** So many steps of propagation; in a turn only of its own cause. */
  run(steps: number, own: number | null = null): void {
    for (let left = steps; left > 0 && this.cursorLater === null; left--) {
      const step = nextStep(this.db.steps, this.bug, own);
      if (step) this.#take(step);
    }
  }

  #take(step: Step): void {
    const { db } = this;
    this.seq = step.seq;
    const [next] = childrenOf(db, step.rank)
      .filter(({ c }) => c > step.after && c <= step.upto)
      .sort((a, b) => a.c - b.c);
    if (step.step !== "down" || next === undefined) db.steps.splice(db.steps.indexOf(step), 1);
    if (step.step === "judge") this.#judge(this.touch(step.rank));
    else if (step.step === "up") {
      const task = this.touch(step.rank);
      if (!isFinal(task) && task.openChildren === 0) this.end(task, "Canceled", { why: "dead_end" });
    } else if (next !== undefined) {
      if (!isFinal(taskOf(db, next.c))) this.#tell(next);
      if (this.bug === "cursorInItsOwnTransaction") this.cursorLater = { rank: step.rank, after: next.c };
      else step.after = next.c;
    }
  }

  /** A child hears of one parent, once. */
  #tell({ p, c, type }: Link): void {
    const { db } = this;
    const child = this.touch(c);
    if (db.met[`${p}>${c}`]) db.errors.push(`${p}>${c} met twice`);
    db.met[`${p}>${c}`] = 1;
    if (isFinal(child)) return;
    if (says(type, taskOf(db, p).status)) {
      child.waitF = child.join === "any" ? 0 : child.waitF - 1;
      becomeReady(child);
    } else if (this.bug === "judgedAtOnce") this.#judge(child);
    else this.#leave(c, "judge");
  }

  #judge(task: Task): void {
    if (isFinal(task)) return;
    const { db } = this;
    const lost = lossOf(db, task);
    if (lost) this.end(task, lost.as, { why: "parent", by: lost.by });
    if (lost || task.join !== "any" || task.waitF === 0) return;
    const links = parentsOf(db, task.rank);
    const isOpen = ({ p }: Link) => !isFinal(taskOf(db, p));
    const isMet = (link: Link) => !isOpen(link) && says(link.type, taskOf(db, link.p).status);
    task.waitF = links.some(isMet) ? 0 : links.filter(isOpen).length;
    becomeReady(task);
  }
}

/** Children and losses first, lowest rank first; parents when none of these is left, highest rank first. None that is set aside. */
export function nextStep(all: readonly Step[], bug: string | null, own: number | null = null): Step | undefined {
  const steps = all.filter(({ isAside }) => !isAside);
  const mine = own === null ? steps : steps.filter(({ seq }) => seq === own);
  const [down] = mine.filter(({ step }) => step !== "up").sort((a, b) => a.rank - b.rank || (a.step < b.step ? 1 : -1));
  const [up] = mine.filter(({ step }) => step === "up").sort((a, b) => b.rank - a.rank);
  if (bug === "upBeforeDown" && up) return up;
  return down ?? (steps.some(({ step }) => step !== "up") ? undefined : up);
}
