// Judges a whole POST /task body: every fault of every task at once, also those that only show between tasks.
// Pure. The cross checks look at what was sent, not at what was decoded, so that one fault never hides another.
import type { Action } from "#domain/action";
import type { Policy } from "#domain/calls/guard";
import { type Faults, type Path, quoted } from "#domain/faults";
import { ancestorFaults } from "#domain/inputs/ancestors";
import type { DeadEnd } from "#domain/propagation/edges";
import { rulesMax } from "#domain/rules/rule";
import { actionFaults, tidyAction } from "#domain/schema/action";
import { decoder, sizeFault } from "#domain/schema/decode";
import { dependencyFaults, type KnownNames, nobody, takenFaults } from "#domain/schema/dependencies";
import { fieldsFault, lengthFault, rulesFaults } from "#domain/schema/rules";
import { AddedEnvelope, Envelope, NewTask } from "#domain/schema/task";
import { metadataBytesMax, readTime } from "#domain/schema/text";
import { isObject, isThere } from "#domain/values/json";

export interface BatchLimits {
  readonly tasksMax: number;
  readonly dependenciesMax: number;
  /** Dependencies of all tasks together. */
  readonly linksMax: number;
  readonly actionsMax: number;
  /** Which receivers actions may name. */
  readonly policy: Policy;
}

/** A batch that is sound: every dependency names a task of it, without a cycle, and every action is well formed. */
export interface NewBatch {
  readonly tasks: readonly NewTask[];
  readonly onComplete: readonly Action[];
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly paused: boolean;
  readonly open?: boolean;
  readonly deadlineSecs?: number | null;
  /** Of its tasks that say nothing themselves. */
  readonly deadEnd: DeadEnd | null;
}

type Loose = Record<string, unknown>;
const decodeEnvelope = decoder(Envelope);
const decodeAdded = decoder(AddedEnvelope);
const decodeTask = decoder(NewTask);
/** No value of a smaller body can be over 64 KB in compact form: a number grows to at most 6 times its length ("1e20"). */
const smallBodyBytes = metadataBytesMax / 6;

const mustBe = "must be an array of tasks, or an object with tasks";

/**
 * `bodyBytes`: length of the text that `body` was read from. `batch`: to which the tasks are added. Undefined when there were
 * faults.
 */
export function readBatch(
  body: unknown,
  bodyBytes: number,
  limits: BatchLimits,
  now: number,
  faults: Faults,
  batch?: KnownNames,
): NewBatch | undefined {
  const envelope = Array.isArray(body) ? { tasks: body } : isObject(body) ? body : undefined;
  if (envelope === undefined) {
    faults.add([], "wrong_type", mustBe, body);
    return undefined;
  }
  if (!("tasks" in envelope) && "id" in envelope && "kind" in envelope) {
    faults.add([], "wrong_type", `${mustBe}; a single task goes into an array`);
    return undefined;
  }
  if (Array.isArray(body)) faults.inBareArray();
  const sent = (batch ? decodeAdded : decodeEnvelope)(envelope, [], faults) as Envelope | undefined;
  const isLarge = bodyBytes > smallBodyBytes;
  const onComplete = batch ? [] : completeFaults(envelope.on_batch_complete, limits, faults);
  if (isLarge && !batch) sizeFault(envelope.metadata, ["metadata"], faults, metadataBytesMax);
  const raw = Array.isArray(envelope.tasks) ? (envelope.tasks as unknown[]) : [];
  if (raw.length > limits.tasksMax) {
    lengthFault(raw, limits.tasksMax, ["tasks"], faults);
    return undefined;
  }
  const links = raw.reduce((n: number, task) => n + dependenciesOf(task), 0);
  if (links > limits.linksMax) {
    faults.add(["tasks"], "too_many", `must have at most ${limits.linksMax} dependencies in all, have ${links}`);
    return undefined;
  }
  const tasks: NewTask[] = [];
  const earlier = new Map<string, number>();
  for (const [i, task] of raw.entries()) {
    const path = ["tasks", i];
    const decoded = decodeTask(task, path, faults);
    if (decoded) tasks.push(decoded);
    if (isObject(task)) taskFaults(task, i, path, { limits, now, isLarge, earlier, faults });
  }
  if (batch) takenFaults(raw, batch, faults);
  dependencyFaults(raw, limits.dependenciesMax, faults, batch);
  if (batch === undefined) ancestorFaults(raw, nobody(batch), faults);
  else if (batch.above !== "sound") ancestorFaults(raw, nobody(batch), faults, { ...batch, above: batch.above });
  if (!faults.none) return undefined;
  const {
    scope = null,
    metadata = null,
    paused,
    open,
    deadline_secs: deadlineSecs = null,
    dead_end: deadEnd = null,
  } = sent ?? {};
  return { tasks, onComplete, scope, metadata, paused: paused ?? false, open: open ?? false, deadlineSecs, deadEnd };
}

const dependenciesOf = (task: unknown): number =>
  isObject(task) && Array.isArray(task.dependencies) ? task.dependencies.length : 0;

interface Around {
  readonly limits: BatchLimits;
  readonly now: number;
  readonly isLarge: boolean;
  /** Local names of earlier tasks, with their positions. */
  readonly earlier: Map<string, number>;
  readonly faults: Faults;
}

function taskFaults(task: Loose, i: number, path: Path, around: Around): void {
  const { earlier, faults, limits } = around;
  if (typeof task.id === "string") {
    const first = earlier.get(task.id);
    if (first === undefined) earlier.set(task.id, i);
    else faults.add([...path, "id"], "duplicate", `${quoted(task.id)} is already the id of tasks[${first}]`);
  }
  if (isThere(task.on_start)) actionFaults(task.on_start, [...path, "on_start"], "Start", limits.policy, faults);
  let actions = isThere(task.on_start) ? 1 : 0;
  for (const [key, place] of laterLists) {
    const list = task[key];
    if (!Array.isArray(list)) continue;
    actions += list.length;
    for (const [n, action] of list.entries()) actionFaults(action, [...path, key, n], place, limits.policy, faults);
  }
  if (actions > limits.actionsMax)
    faults.add(path, "too_many", `must have at most ${limits.actionsMax} actions, has ${actions}`);
  timeFaults(task, path, around);
  if (around.isLarge) sizeFault(task.metadata, [...path, "metadata"], faults, metadataBytesMax);
  if (Array.isArray(task.rules)) ruleFaults(task, task.rules, [...path, "rules"], faults);
  if (Array.isArray(task.dedupe_strategy)) matcherFaults(task.dedupe_strategy, [...path, "dedupe_strategy"], faults);
}

const laterLists = [
  ["on_success", "End"],
  ["on_failure", "End"],
  ["on_cancel", "Cancel"],
] as const;

const yearMs = 365 * 86_400_000;

function timeFaults(task: Loose, path: Path, { now, faults }: Around): void {
  if (isThere(task.run_at) && isThere(task.delay_secs))
    faults.add([...path, "delay_secs"], "conflict", "must not be given together with run_at");
  const runAt = task.run_at === undefined ? undefined : readTime(task.run_at);
  if (runAt !== undefined && runAt > now + yearMs)
    faults.add([...path, "run_at"], "out_of_range", "must be at most one year (365 days) ahead", task.run_at);
  expiryFault(task, runAt === undefined ? delayMs(task.delay_secs) : runAt - now, path, faults);
}

const delayMs = (secs: unknown): number => (typeof secs === "number" ? secs * 1000 : 0);

/** `delayMs`: until the task may start. */
function expiryFault({ expires_secs: secs }: Loose, delayMs: number, path: Path, faults: Faults): void {
  if (typeof secs !== "number" || secs * 1000 >= delayMs) return;
  const least = Math.ceil(delayMs / 1000);
  faults.add([...path, "expires_secs"], "conflict", `must be at least ${least}: the task may not start sooner`, secs);
}

function ruleFaults(task: Loose, rules: readonly unknown[], path: Path, faults: Faults): void {
  rulesFaults(rules, path, faults);
  for (const [n, rule] of rules.entries())
    if (isObject(rule) && rule.type === "Capacity" && !isThere(task.expected_count))
      faults.add([...path, n], "required", "needs expected_count on the task");
}

function matcherFaults(matchers: readonly unknown[], path: Path, faults: Faults): void {
  lengthFault(matchers, rulesMax, path, faults);
  for (const [n, matcher] of matchers.entries()) {
    if (isObject(matcher)) fieldsFault(matcher.fields, [...path, n, "fields"], faults);
  }
}

function completeFaults(value: unknown, limits: BatchLimits, faults: Faults): Action[] {
  if (!isThere(value)) return [];
  const list = Array.isArray(value) ? value : [value];
  const path = ["on_batch_complete"];
  if (list.length > limits.actionsMax)
    faults.add(path, "too_many", `must have at most ${limits.actionsMax} actions, has ${list.length}`);
  for (const [n, action] of list.entries()) {
    actionFaults(action, Array.isArray(value) ? [...path, n] : path, "End", limits.policy, faults);
  }
  return faults.none ? (list as Action[]).map((action) => tidyAction<Action>(action)) : [];
}
