// Judges a whole POST /task body: every fault of every task at once, also those that only show between tasks.
// Pure. The cross checks look at what was sent, not at what was decoded, so that one fault never hides another.
import type { Action } from "#domain/action";
import type { Policy } from "#domain/guard";
import { rulesMax } from "#domain/rule";
import { actionFaults, tidyAction } from "#domain/schema/action";
import { decoder, type Faults, sizeFault } from "#domain/schema/decode";
import { fieldsFault, rulesFaults } from "#domain/schema/rules";
import { Envelope, NewTask } from "#domain/schema/task";
import { metadataBytesMax, readTime } from "#domain/schema/text";

export interface BatchLimits {
  readonly tasksMax: number;
  readonly dependenciesMax: number;
  readonly actionsMax: number;
  /** Which receivers actions may name. */
  readonly policy: Policy;
}

/** A batch that is sound: every dependency names an earlier task, every action is well formed. */
export interface NewBatch {
  readonly tasks: readonly NewTask[];
  readonly onComplete: readonly Action[];
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

type Loose = Record<string, unknown>;
const decodeEnvelope = decoder(Envelope);
const decodeTask = decoder(NewTask);
/** No value of a smaller body can be over 64 KB in compact form: a number grows to at most 6 times its length ("1e20"). */
const smallBodyBytes = metadataBytesMax / 6;

/** `bodyBytes`: length of the text that `body` was read from. Undefined when there were faults. */
export function readBatch(
  body: unknown,
  bodyBytes: number,
  limits: BatchLimits,
  now: number,
  faults: Faults,
): NewBatch | undefined {
  const envelope = Array.isArray(body) ? { tasks: body } : isObject(body) ? body : undefined;
  if (envelope === undefined) {
    faults.add("", "must be an array of tasks, or an object with tasks");
    return undefined;
  }
  const sent = decodeEnvelope(envelope, "", faults) as Envelope | undefined;
  const isLarge = bodyBytes > smallBodyBytes;
  const onComplete = completeFaults(envelope.on_batch_complete, limits, faults);
  if (isLarge) sizeFault(envelope.metadata, "metadata", faults, metadataBytesMax);
  const raw = Array.isArray(envelope.tasks) ? (envelope.tasks as unknown[]) : [];
  if (raw.length > limits.tasksMax) {
    faults.add("tasks", `must have at most ${limits.tasksMax} entries, has ${raw.length}`);
    return undefined;
  }
  const tasks: NewTask[] = [];
  const earlier = new Map<string, number>();
  const later = new Set<string>();
  for (const task of raw) if (isObject(task) && typeof task.id === "string") later.add(task.id);
  for (const [i, task] of raw.entries()) {
    const path = `tasks[${i}]`;
    const decoded = decodeTask(task, path, faults);
    if (decoded) tasks.push(decoded);
    if (isObject(task)) taskFaults(task, i, path, { limits, now, isLarge, earlier, later, faults });
  }
  if (!faults.none) return undefined;
  return { tasks, onComplete, scope: sent?.scope ?? null, metadata: sent?.metadata ?? null };
}

interface Around {
  readonly limits: BatchLimits;
  readonly now: number;
  readonly isLarge: boolean;
  /** Local names of earlier tasks, with their positions. */
  readonly earlier: Map<string, number>;
  /** Local names of all tasks. */
  readonly later: ReadonlySet<string>;
  readonly faults: Faults;
}

function taskFaults(task: Loose, i: number, path: string, around: Around): void {
  const { earlier, faults, limits } = around;
  if (Array.isArray(task.dependencies)) dependencyFaults(task, task.dependencies, path, around);
  if (typeof task.id === "string") {
    const first = earlier.get(task.id);
    if (first === undefined) earlier.set(task.id, i);
    else faults.add(`${path}.id`, `is already the id of tasks[${first}]`);
  }
  if (isThere(task.on_start)) actionFaults(task.on_start, `${path}.on_start`, limits.policy, faults);
  let actions = isThere(task.on_start) ? 1 : 0;
  for (const key of ["on_success", "on_failure", "on_cancel"]) {
    const list = task[key];
    if (!Array.isArray(list)) continue;
    actions += list.length;
    for (const [n, action] of list.entries()) actionFaults(action, `${path}.${key}[${n}]`, limits.policy, faults);
  }
  if (actions > limits.actionsMax) faults.add(path, `must have at most ${limits.actionsMax} actions, has ${actions}`);
  if (isThere(task.run_at) && isThere(task.delay_secs))
    faults.add(`${path}.delay_secs`, "must not be given together with run_at");
  const runAt = task.run_at === undefined ? undefined : readTime(task.run_at);
  if (runAt !== undefined && runAt > around.now + yearMs)
    faults.add(`${path}.run_at`, "must be at most one year ahead");
  if (around.isLarge) sizeFault(task.metadata, `${path}.metadata`, faults, metadataBytesMax);
  if (Array.isArray(task.rules)) ruleFaults(task, task.rules, `${path}.rules`, faults);
  if (Array.isArray(task.dedupe_strategy)) matcherFaults(task.dedupe_strategy, `${path}.dedupe_strategy`, faults);
}

const yearMs = 366 * 86_400_000;

function dependencyFaults(task: Loose, dependencies: readonly unknown[], path: string, around: Around): void {
  const { earlier, later, faults, limits } = around;
  if (dependencies.length > limits.dependenciesMax) {
    faults.add(
      `${path}.dependencies`,
      `must have at most ${limits.dependenciesMax} entries, has ${dependencies.length}`,
    );
  }
  const named = new Set<string>();
  for (const [n, dependency] of dependencies.entries()) {
    if (!isObject(dependency)) continue;
    const at = `${path}.dependencies[${n}]`;
    const { id } = dependency;
    if (isThere(dependency.requires_success) && isThere(dependency.condition)) {
      faults.add(`${at}.condition`, "must not be given together with requires_success");
    }
    if (typeof id !== "string") continue;
    if (named.has(id)) faults.add(`${at}.id`, "is named twice");
    else if (id === task.id) faults.add(`${at}.id`, "must not name the task itself");
    else if (!earlier.has(id)) {
      faults.add(
        `${at}.id`,
        later.has(id)
          ? "must name an earlier task: this one comes later"
          : "must name an earlier task: there is none of this id",
      );
    }
    named.add(id);
  }
}

function ruleFaults(task: Loose, rules: readonly unknown[], path: string, faults: Faults): void {
  rulesFaults(rules, path, faults);
  for (const [n, rule] of rules.entries())
    if (isObject(rule) && rule.type === "Capacity" && !isThere(task.expected_count))
      faults.add(`${path}[${n}]`, "needs expected_count on the task");
}

function matcherFaults(matchers: readonly unknown[], path: string, faults: Faults): void {
  if (matchers.length > rulesMax) faults.add(path, `must have at most ${rulesMax} entries`);
  for (const [n, matcher] of matchers.entries()) {
    if (isObject(matcher)) fieldsFault(matcher.fields, `${path}[${n}].fields`, faults);
  }
}

function completeFaults(value: unknown, limits: BatchLimits, faults: Faults): Action[] {
  if (!isThere(value)) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.length > limits.actionsMax)
    faults.add("on_batch_complete", `must have at most ${limits.actionsMax} actions, has ${list.length}`);
  for (const [n, action] of list.entries()) {
    const path = Array.isArray(value) ? `on_batch_complete[${n}]` : "on_batch_complete";
    actionFaults(action, path, limits.policy, faults);
  }
  return faults.none ? (list as Action[]).map(tidyAction) : [];
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
const isObject = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value);
