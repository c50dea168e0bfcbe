// A task as clients see it: the one place that turns what is kept into the JSON of the API. Pure.
import type { LaterAction, StartAction } from "#domain/action";
import { type CircuitRecord, hostOf } from "#domain/calls/circuit";
import type { RetryPolicy } from "#domain/calls/retry";
import type { Unsent } from "#domain/calls/unsent";
import type { TaskState } from "#machines/task";

/** What is kept of a task, as far as clients may see it. Times are Dates. */
export interface TaskRecord {
  readonly id: string;
  readonly local_id: string;
  readonly name: string;
  readonly kind: string;
  readonly status: TaskState;
  readonly timeout: number;
  readonly max_duration_secs: number | null;
  readonly expires_secs: number | null;
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
  readonly dead_end_keep: boolean;
  readonly joins_any: boolean;
  readonly attempt: number;
  readonly retry: RetryPolicy | null;
  readonly next_retry_at: Date | null;
  readonly run_at: Date | null;
  readonly result: unknown;
  /** Null: it has no start action. */
  readonly start_kind: StartAction["kind"] | null;
}

/** The cold part, which listings leave out. */
export interface TaskDetails {
  readonly rules: readonly unknown[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly start_action: StartAction | null;
  readonly actions: readonly LaterAction[];
}

/** Why an unfinished task does not run now. */
export type Blocker =
  | { readonly type: "dependency"; readonly task_id: string }
  | (Omit<RuleState, "missing" | "until"> & {
      readonly type: "rule";
      readonly missing?: readonly string[];
      readonly until?: Date;
    })
  | { readonly type: "run_at" | "backoff"; readonly until: Date }
  | { readonly type: "paused" }
  | { readonly type: "circuit"; readonly host: string; readonly until: Date }
  | { readonly type: "unreachable"; readonly host: string; readonly error: string; readonly until: Date }
  /** `host`: the receiver whose share of the slots is used up. */
  | { readonly type: "slots"; readonly host?: string };

/** A task of a listing. */
export function listedTask(task: TaskRecord) {
  const { id, local_id, name, kind, status, timeout, priority, created_at, started_at, ended_at, last_updated } = task;
  const { success, failures, expected_count, failure_reason, batch_id, dead_end_barrier, attempt } = task;
  const { retry, next_retry_at, run_at, result, start_kind, max_duration_secs, expires_secs } = task;
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
    dead_end: task.dead_end_keep ? "keep" : "cancel",
    join: task.joins_any ? "any" : "all",
    attempt,
    retry,
    next_retry_at,
    run_at,
    result: result ?? null,
    start_kind,
    max_duration_secs,
    expires_secs,
  };
}

/** The whole task, as GET /task/{id} answers. */
export function wholeTask(task: TaskRecord & TaskDetails) {
  const { rules, metadata, start_action, actions } = task;
  return { ...listedTask(task), rules, metadata, actions: actionsOf(start_action, actions) };
}

/** The same for those who may not operate: headers of actions are often secrets, so their values are hidden. */
export const masked = <T extends { readonly actions: readonly { readonly params: StartAction["params"] }[] }>(
  task: T,
): T => ({
  ...task,
  actions: task.actions.map((action) => ({ ...action, params: maskedParams(action.params) })),
});

function maskedParams(params: StartAction["params"]): StartAction["params"] {
  if (!("headers" in params) || !params.headers) return params;
  return { ...params, headers: Object.fromEntries(Object.keys(params.headers).map((name) => [name, "***"])) };
}

function actionsOf(start: StartAction | null, later: readonly LaterAction[]) {
  const first = start === null ? [] : [{ kind: start.kind, trigger: "Start", params: start.params }];
  const rest = later.map((action) =>
    action.trigger === "End"
      ? { kind: action.kind, trigger: action.trigger, on: action.on, params: action.params }
      : { kind: action.kind, trigger: action.trigger, params: action.params },
  );
  return [...first, ...rest];
}

/** What a rule of a task says now: how much of its limit is used, and by whom (some of them; of a Rate nobody). */
export interface RuleState {
  readonly rule: unknown;
  readonly used: number;
  readonly limit: number;
  readonly holders: readonly string[];
  /** Of a Rate that is used up: when the next start fits in. */
  readonly until: Date | null;
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
  /** Its start could not be sent, and is tried again. */
  readonly unsent: Pick<Unsent, "host" | "error" | "until"> | null;
}

/** Why an unfinished task does not run. `now`: the clock of the row. */
export function blockersOf(task: TaskRecord, { parents, rules, circuits, unsent }: Obstacles, now: Date): Blocker[] {
  const { status, run_at, next_retry_at } = task;
  if (status === "Claimed" || status === "Running") return [];
  const blockers: Blocker[] = parents.map((task_id) => ({ type: "dependency", task_id }));
  if (status !== "Retrying" && run_at !== null && run_at > now) {
    // Another time than that of the next try is one that a client has set since.
    if (unsent?.until.getTime() === run_at.getTime())
      blockers.push({ type: "unreachable", host: unsent.host, error: unsent.error, until: unsent.until });
    else blockers.push({ type: "run_at", until: run_at });
  }
  if ((status === "Retrying" || status === "Paused") && next_retry_at !== null && next_retry_at > now) {
    blockers.push({ type: "backoff", until: next_retry_at });
  }
  if (status === "Paused") blockers.push({ type: "paused" });
  for (const { missing, until, ...state } of rules) {
    if (missing.length > 0) blockers.push({ type: "rule", ...state, missing });
    else if (state.used >= state.limit) blockers.push({ type: "rule", ...state, ...(until === null ? {} : { until }) });
  }
  for (const { receiver, until } of circuits)
    if (until !== null) blockers.push({ type: "circuit", host: hostOf(receiver), until });
  return blockers.length === 0 && status === "Pending" ? [{ type: "slots" }] : blockers;
}
