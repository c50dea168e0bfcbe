// The shapes that travel between Baton's HTTP API and its clients, as TypeScript sees them. Times are RFC 3339 in UTC.
import type { Action } from "#domain/action";
import type { TaskEventRow, TaskRow } from "#domain/row";

export type { Action, NatsAction, WebhookAction } from "#domain/action";

export type TaskStatus = TaskRow["status"];
export type Condition = "always" | "on_success" | "on_failure";

/** An edge to an earlier task of the same call. Neither field: the child runs however the parent ends. */
export interface DependencyInput {
  readonly id: string;
  readonly requires_success?: boolean;
  readonly condition?: Condition;
}

/** A task as it is sent. `id` is a name local to the call; it wires dependencies. */
export interface TaskInput {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** Seconds without an update before a Running task is timed out; 60 when left out. */
  readonly timeout?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Left out: the task only joins others, and succeeds by itself. */
  readonly on_start?: Action;
  readonly on_success?: readonly Action[];
  readonly on_failure?: readonly Action[];
  readonly on_cancel?: readonly Action[];
  readonly dependencies?: readonly DependencyInput[];
  readonly rules?: readonly unknown[];
  readonly dedupe_strategy?: readonly unknown[];
  readonly expected_count?: number;
  readonly priority?: number;
  readonly dead_end_barrier?: boolean;
  readonly retry?: Readonly<Record<string, unknown>>;
  readonly run_at?: string;
  readonly delay_secs?: number;
}

export interface BatchInput {
  readonly tasks: readonly TaskInput[];
  readonly on_batch_complete?: Action | readonly Action[];
  readonly scope?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A task as listings and `GET /dag/{batch}` show it; the last four come with `GET /task/{id}` and creation only. */
export interface Task {
  readonly id: string;
  readonly local_id: string;
  readonly name: string;
  readonly kind: string;
  readonly status: TaskStatus;
  readonly timeout: number;
  readonly priority: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly last_updated: string;
  readonly success: number;
  readonly failures: number;
  readonly expected_count: number | null;
  readonly failure_reason: string | null;
  readonly batch_id: string;
  readonly dead_end_barrier: boolean;
  readonly attempt: number;
  readonly next_retry_at: string | null;
  readonly run_at: string | null;
  readonly result: unknown;
  readonly rules?: readonly unknown[];
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly actions?: readonly unknown[];
  readonly blocked_by?: readonly unknown[];
}

export interface Dag {
  readonly tasks: readonly Task[];
  readonly links: readonly {
    readonly parent_id: string;
    readonly child_id: string;
    readonly requires_success: boolean | null;
    readonly condition: Condition | null;
  }[];
}

export interface Batch {
  readonly batch_id: string;
  readonly total_tasks: number;
  readonly total_success: number;
  readonly total_failures: number;
  readonly total_expected: number | null;
  readonly status_counts: Readonly<Record<string, number>>;
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly created_at: string;
}

/** One transition; a refused report is an event whose `from` and `to` are the same. */
export type TaskEvent = Omit<TaskEventRow, "at"> & { readonly id: number; readonly at: string };

/** What `PATCH /task/{id}` takes. Without `status` it changes the other fields of any unfinished task. */
export interface TaskPatch {
  readonly status?: "Success" | "Failure";
  /** Required with `status: "Failure"`. */
  readonly failure_reason?: string;
  readonly new_success?: number;
  readonly new_failures?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly expected_count?: number;
  readonly priority?: number;
  readonly result?: unknown;
}

export interface Counters {
  readonly new_success?: number;
  readonly new_failures?: number;
}

/** A notification that Baton sends when a task or a batch ends or is canceled: one for each action. */
export interface Delivery {
  readonly id: string;
  /** Null: a batch is complete. */
  readonly task_id: string | null;
  readonly batch_id: string;
  readonly trigger: "end" | "cancel";
  /** The `Idempotency-Key` of all its attempts. */
  readonly key: string;
  readonly status: "pending" | "success" | "exhausted";
  /** Since it was created, or replayed. */
  readonly attempts: number;
  readonly next_at: string;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: string;
}

/** How one attempt to deliver went. */
export interface DeliveryAttempt {
  /** From 1; goes on over a replay. */
  readonly n: number;
  /** When it began. */
  readonly at: string;
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  readonly duration_ms: number;
  readonly error: string | null;
  /** The first 2 KB of what was answered. */
  readonly answer: string | null;
}

/** A delivery with its attempts, oldest first. */
export type DeliveryHistory = Delivery & { readonly history: readonly DeliveryAttempt[] };
