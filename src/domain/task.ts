// A task as clients see it: the one place that turns what is kept into the JSON of the API. Pure.
import type { Action, LaterAction } from "#domain/action";
import { type CircuitRecord, hostOf } from "#domain/circuit";
import type { TaskState } from "#machines/task";

/** What is kept of a task, as far as clients may see it. Times are Dates. */
export interface TaskRecord {
  readonly id: string;
  readonly local_id: string;
  readonly name: string;
  readonly kind: string;
  readonly status: TaskState;
  readonly timeout: number;
  readonly priority: number;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly last_updated: Date;
  readonly success: number;
  readonly failures: number;
  readonly expected_count: number | null;
  readonly failure_reason: string | null;
  readonly batch_id: string;
  readonly dead_end_barrier: boolean;
  readonly attempt: number;
  readonly next_retry_at: Date | null;
  readonly run_at: Date | null;
  readonly result: unknown;
}

/** The cold part, which listings leave out. */
export interface TaskDetails {
  readonly rules: readonly unknown[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly start_action: Action | null;
  readonly actions: readonly LaterAction[];
}

/** Why an unfinished task does not run now. */
export type Blocker =
  | { readonly type: "dependency"; readonly task_id: string }
  | (Omit<RuleState, "missing"> & { readonly type: "rule"; readonly missing?: readonly string[] })
  | { readonly type: "run_at" | "backoff"; readonly until: Date }
  | { readonly type: "paused" }
  | { readonly type: "circuit"; readonly host: string; readonly until: Date }
  | { readonly type: "slots" };

/** A task of a listing. */
export function listedTask(task: TaskRecord) {
  const { id, local_id, name, kind, status, timeout, priority, created_at, started_at, ended_at, last_updated } = task;
  const { success, failures, expected_count, failure_reason, batch_id, dead_end_barrier, attempt } = task;
  const { next_retry_at, run_at, result } = task;
  return {
    id,
    local_id,
    name,
    kind,
    status,
    timeout,
    priority,
    created_at,
    started_at,
    ended_at,
    last_updated,
    success,
    failures,
    expected_count,
    failure_reason,
    batch_id,
    dead_end_barrier,
    attempt,
    next_retry_at,
    run_at,
    result: result ?? null,
  };
}

/** A task just created: whole but for the headers of its actions, which come back to whoever asks for it by its id alone. */
export function createdTask(task: TaskRecord & TaskDetails) {
  const whole = wholeTask(task);
  return { ...whole, actions: whole.actions.map((action) => ({ ...action, params: withoutHeaders(action.params) })) };
}

function withoutHeaders({ headers: _, ...params }: Action["params"]) {
  return params;
}

/** The whole task, as GET /task/{id} answers. */
export function wholeTask(task: TaskRecord & TaskDetails) {
  const { rules, metadata, start_action, actions } = task;
  return { ...listedTask(task), rules, metadata, actions: actionsOf(start_action, actions) };
}

function actionsOf(start: Action | null, later: readonly LaterAction[]) {
  const first = start === null ? [] : [{ kind: start.kind, trigger: "Start", params: start.params }];
  const rest = later.map((action) =>
    action.trigger === "End"
      ? { kind: action.kind, trigger: action.trigger, on: action.on, params: action.params }
      : { kind: action.kind, trigger: action.trigger, params: action.params },
  );
  return [...first, ...rest];
}

/** What a rule of a task says now: how much of its limit is used, and by whom (some of them). */
export interface RuleState {
  readonly rule: unknown;
  readonly used: number;
  readonly limit: number;
  readonly holders: readonly string[];
  /** What the task lacks that the rule asks for. */
  readonly missing: readonly string[];
}

/** What may hold up a task besides itself. */
export interface Obstacles {
  /** The unfinished dependencies. */
  readonly parents: readonly string[];
  /** Of a Pending task. */
  readonly rules: readonly RuleState[];
  /** That of its receiver, if the task is Pending and the circuit not closed. */
  readonly circuits: readonly CircuitRecord[];
}

/** Why an unfinished task does not run. `now`: the clock of the row. */
export function blockersOf(task: TaskRecord, { parents, rules, circuits }: Obstacles, now: Date): Blocker[] {
  const { status, run_at, next_retry_at } = task;
  if (status === "Claimed" || status === "Running") return [];
  const blockers: Blocker[] = parents.map((task_id) => ({ type: "dependency", task_id }));
  if (status !== "Retrying" && run_at !== null && run_at > now) blockers.push({ type: "run_at", until: run_at });
  if ((status === "Retrying" || status === "Paused") && next_retry_at !== null && next_retry_at > now) {
    blockers.push({ type: "backoff", until: next_retry_at });
  }
  if (status === "Paused") blockers.push({ type: "paused" });
  for (const { missing, ...state } of rules) {
    if (missing.length > 0) blockers.push({ type: "rule", ...state, missing });
    else if (state.used >= state.limit) blockers.push({ type: "rule", ...state });
  }
  for (const { receiver, until } of circuits)
    if (until !== null) blockers.push({ type: "circuit", host: hostOf(receiver), until });
  return blockers.length === 0 && status === "Pending" ? [{ type: "slots" }] : blockers;
}
