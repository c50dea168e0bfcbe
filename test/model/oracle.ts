// What must hold: after every commit, of every answer, and when nothing moves any more.

import type { Decided } from "./database.ts";
import {
  type Counts,
  childrenOf,
  type Db,
  isFinal,
  type Link,
  parentsOf,
  says,
  type Task,
  taskOf,
} from "./database.ts";
import type { RefTask } from "./reference.ts";
import { isLost } from "./scenarios.ts";
import type { Message, State } from "./state.ts";
import { follow, isClean, isTainted, taint } from "./taint.ts";

/** A claim counts from when it looked; what it found then is what the reference had then. */
export function checkStart(state: State, task: Task, then: RefTask): void {
  const { db, errors } = state;
  const { rank } = task;
  if (!isTainted(state, rank) && (then.status !== "Pending" || then.rules !== task.rules)) {
    const was = `${then.status} (rules ${then.rules}, own ${task.rules})`;
    errors.push(`task ${rank} starts though it was ${was} when the claim looked`);
  }
  const links = parentsOf(db, rank);
  const isMet = ({ p, type }: Link) => isFinal(taskOf(db, p)) && says(type, taskOf(db, p).status);
  if (links.length > 0 && !(task.join === "any" ? links.some(isMet) : links.every(isMet)))
    errors.push(`task ${rank} starts before its parents allow it`);
}

/** Each command gets from the system what it gets from the reference, where the two must agree. */
export function compareTurn(state: State, msg: Message, answer: Decided, seq: number): void {
  const { verb } = msg;
  taint(state, msg);
  if (answer.work !== null) state.asked[answer.work] = msg;
  const code = follow(state, msg, seq) ?? answer.code;
  if (code === answer.code) return;
  const mayDiffer = verb === "grow" ? !isClean(state) || state.db.steps.length > 0 : isTainted(state, msg.task ?? -1);
  if (!mayDiffer) state.errors.push(`${msg.id} ${verb} ${msg.task ?? ""}: ${answer.code}, the reference says ${code}`);
  // One of them has a task that the other has not: from here on there is nothing to compare.
  if (verb === "grow") state.diverged = true;
}

const ends: readonly string[] = ["report", "cancel", "override"];

export function answerTo(state: State, msg: Message, code: number, counts: Counts): void {
  const { db, errors } = state;
  const before = state.answers[msg.id];
  // One that was given up is answered so; its repetition hears how it ended.
  const isFirst = before === undefined || before.code === 503;
  if (!isFirst && before.code !== code) errors.push(`${msg.id} was answered ${before.code}, then ${code}`);
  state.answers[msg.id] = { code, counts };
  if (!isFirst || code !== 200) return;
  checkCounts(state, msg, counts);
  if (msg.verb === "stop")
    for (const task of db.tasks)
      if (!isFinal(task)) errors.push(`${msg.id}: stopped, but task ${task.rank} is ${task.status}`);
  if (ends.includes(msg.verb))
    checkSettled(db, msg.task as number, (why) => errors.push(`${msg.id} was answered, but ${why}`));
}

function checkCounts(state: State, { id, verb }: Message, counts: Counts): void {
  const sweep = state.ref.sweeps.find((one) => one.id === id);
  if (sweep === undefined || !isClean(state) || state.countsDiffer) return;
  const wanted: Counts = {};
  for (const key of Object.values(sweep.of)) wanted[key] = (wanted[key] ?? 0) + 1;
  if (Object.keys({ ...wanted, ...counts }).some((key) => wanted[key] !== counts[key])) {
    const [given, right] = [counts, wanted].map((one) => JSON.stringify(one));
    state.errors.push(`${id} ${verb} was answered ${given}, the reference says ${right}`);
  }
}

/** All that follows from the end of this task has been written. */
function checkSettled(db: Db, p: number, fault: (why: string) => void): void {
  const parent = taskOf(db, p);
  for (const { c, type } of childrenOf(db, p)) {
    const child = taskOf(db, c);
    if (!isFinal(child) && !db.met[`${p}>${c}`]) fault(`task ${c} has not heard of ${p}`);
    else if (!isFinal(child) && !says(type, parent.status) && child.join === "all")
      fault(`task ${c} is still ${child.status}`);
    else if (isFinal(child) && child.by === p && child.cause === parent.cause) checkSettled(db, c, fault);
  }
}

/** After every commit. `before`: the states of the tasks until then. */
export function check(before: Pick<Task, "status">[], state: State): void {
  const { db, errors } = state;
  errors.push(...db.errors.splice(0));
  for (const task of db.tasks)
    checkTask(db, task, before[task.rank], (fault) => errors.push(`task ${task.rank} ${fault}`));
  if (db.unfinished !== db.tasks.filter((task) => !isFinal(task)).length) errors.push(`unfinished is ${db.unfinished}`);
  if (db.completions > 1) errors.push("completed twice");
  const isOutstanding = db.unfinished > 0 || db.open || db.steps.length > 0 || db.works.some(({ done }) => !done);
  if (db.completions === 1 && isOutstanding) errors.push("complete, but something is outstanding");
  for (const [key, n] of Object.entries(db.visits)) if (n > 1) errors.push(`sweep ${key} visited ${n} times`);
}

function checkTask(db: Db, task: Task, was: Pick<Task, "status"> | undefined, fault: (text: string) => void): void {
  const { status, waitF, openChildren, rank } = task;
  if (was && isFinal(was) && was.status !== status) fault(`was ${was.status}, is ${status}`);
  if (waitF < 0 || openChildren < 0) fault("has a negative counter");
  if (isFinal(task)) return;
  if (status === "Pending" && waitF > 0) fault("is Pending, but waits");
  const isMet = ({ p, type }: Link) => db.met[`${p}>${rank}`] && says(type, taskOf(db, p).status);
  if (task.join === "all" && waitF !== parentsOf(db, rank).filter((link) => !isMet(link)).length)
    fault(`waits for ${waitF}`);
  if (!db.stopping && openChildren !== childrenOf(db, rank).filter(({ c }) => !isFinal(taskOf(db, c))).length)
    fault(`counts ${openChildren} unfinished children`);
}

/** When nothing moves any more. */
export function checkQuiet(state: State): void {
  const { db, errors, msgs } = state;
  if (db.works.length + db.steps.length + msgs.length > 0) {
    const left = `${db.works.length} works, ${db.steps.length} steps, ${msgs.length} messages`;
    errors.push(`stuck: ${left}, batch locked by ${db.lock}`);
    return;
  }
  for (const { waits } of state.clients)
    if (waits !== null && state.answers[waits] === undefined) errors.push(`${waits} was never answered`);
  for (const task of db.tasks) checkEnd(state, task, (fault) => errors.push(`task ${task.rank} ${fault}`));
}

function checkEnd(state: State, task: Task, fault: (text: string) => void): void {
  const { db, ref } = state;
  const { status, rank, why, by } = task;
  const parents = parentsOf(db, rank).map(({ p, type }) => {
    const parent = taskOf(db, p);
    return { type, status: parent.status, isEnded: isFinal(parent) };
  });
  const lost = isLost(task.join, parents);
  if (why === "parent" && !lost) fault(`is ${status} without cause`);
  if (!isFinal(task) && lost) fault(`is ${status}, but can never start`);
  if (status === "Waiting" && parents.every(({ isEnded }) => isEnded)) fault("waits for nobody");
  if (isTainted(state, rank)) return;
  const same = ref.tasks[rank] as RefTask;
  if (same.status !== status) fault(`is ${status} (${why}), the reference says ${same.status}`);
  else if (state.overlaps === 0 && why === "parent" && same.by !== by)
    fault(`ended because of ${by}, the reference says ${same.by}`);
  if (!isFinal(task) && same.rules !== task.rules) fault(`has rules ${task.rules}, the reference says ${same.rules}`);
}
