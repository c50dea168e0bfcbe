// The shapes that travel between Baton and its clients, as TypeScript sees them. Times are RFC 3339 in UTC.
// Generated from the schemas of the API by `npm run docs`; do not edit.

/**
 * The update is stored and will be counted exactly once.
 */
export interface Accepted {
  /** The id of the task. */
  readonly id: string;
}

/**
 * What Baton does when something has ended or is canceled: an HTTP call, or a message.
 */
export type Action = {
  /** An HTTP call. */
  readonly kind: "Webhook";
  /**
   * When the action is taken. Its place says so already, so it may be left out; another one than its place says is
   * refused.
   */
  readonly trigger?: "Start" | "End" | "Cancel";
  /** What is called, and how. */
  readonly params: {
    /** Where the call goes: http or https, at most 2,048 characters. */
    readonly url: string;
    /** The HTTP method. */
    readonly verb: "Get" | "Post" | "Put" | "Patch" | "Delete";
    /** A JSON object; the member `baton` is added to it. A Get sends none. */
    readonly body?: Readonly<Record<string, unknown>>;
    /** Headers of the call by name, at most 32. Those that Baton sets are refused. */
    readonly headers?: Readonly<Record<string, string>>;
    /**
     * `on_callback`: the service reports later, by its handle. `on_response`: the answer of the call is the report.
     * Default: `"on_callback"`.
     */
    readonly completes?: "on_callback" | "on_response";
  };
} | {
  /** A message on NATS JetStream. */
  readonly kind: "Nats";
  /**
   * When the action is taken. Its place says so already, so it may be left out; another one than its place says is
   * refused.
   */
  readonly trigger?: "Start" | "End" | "Cancel";
  /** What is published, and where. */
  readonly params: {
    /** A subject under `baton.work.`, without wildcards, at most 255 characters. */
    readonly subject: string;
    /** A JSON object; the member `baton` is added to it. A Get sends none. */
    readonly body?: Readonly<Record<string, unknown>>;
    /** Headers of the call by name, at most 32. Those that Baton sets are refused. */
    readonly headers?: Readonly<Record<string, string>>;
  };
};

/**
 * Tasks that are added to a batch.
 */
export interface AddedInput {
  /** The tasks, each with an `id` that the batch does not have. */
  readonly tasks: readonly TaskInput[];
}

/**
 * The tasks to add, alone or as `tasks`. Dependencies may also name tasks of the batch.
 */
export type AddedTasks = AddedInput | readonly TaskInput[];

/**
 * No task can be added now; nothing was changed.
 */
export interface AddingConflict {
  /** A short sentence. */
  readonly error: string;
  /** A stable word for programs. */
  readonly code: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people: `<path>: <what is wrong>`. */
  readonly details: readonly string[];
  /** The same faults for programs. */
  readonly faults: readonly Fault[];
  /** The state of the task that would add. */
  readonly current_status?: TaskStatus;
  /** What that task accepts now; empty when it has ended. */
  readonly allowed?: readonly ("succeed" | "fail" | "skip" | "cancel" | "pause" | "resume" | "update")[];
}

/**
 * How long until the connection was open (0 on a kept one), and from then until the answer was there.
 */
export interface AttemptTimes {
  /** Milliseconds; null: it did not come to that. */
  readonly connect: number | null;
  /** Milliseconds; null: it did not come to that. */
  readonly answer: number | null;
}

/**
 * A batch as listings show it, and what failed first.
 */
export interface Batch {
  /** The id of the batch. */
  readonly batch_id: string;
  /** The state of the batch. */
  readonly status: BatchStatus;
  /** How many tasks it has. */
  readonly total_tasks: number;
  /** The sum of `success` over its tasks. */
  readonly total_success: number;
  /** The sum of `failures` over its tasks. */
  readonly total_failures: number;
  /** The sum of `expected_count`; null where any task has none. */
  readonly total_expected: number | null;
  /** How many tasks are in each state. */
  readonly status_counts: StatusCounts;
  /** The name that groups batches. */
  readonly scope: string | null;
  /** The metadata of the batch. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** When it was created. */
  readonly created_at: string;
  /** The same as `created_at`. */
  readonly first_created_at: string;
  /** The newest `last_updated` of its tasks; `created_at` where it has none. */
  readonly latest_updated_at: string;
  /** When its last task ended; null while it is not complete. */
  readonly completed_at: string | null;
  /** The kinds of its tasks, each once, sorted. */
  readonly kinds: readonly string[];
  /** Whether it is paused. */
  readonly paused: boolean;
  /** Whether it stays incomplete, whatever has ended. */
  readonly open: boolean;
  /** Whether what follows from a command or an end is not all done yet. */
  readonly propagating: boolean;
  /** When it is stopped if it is not complete; null: it has no deadline. */
  readonly deadline_at: string | null;
  /** The batch that this one runs again. */
  readonly rerun_of: string | null;
  /** The schedule that it is of, and the time that it was made for; null: of none. */
  readonly schedule: OfSchedule | null;
  /**
   * Who created it. `token:<name>`, `token` (AUTH_TOKEN), `handle` (a signed one), `nats`, `schedule:<name>`,
   * `bulk:<id>`, `anonymous`; `worker:<id>` is Baton itself.
   */
  readonly created_by: string;
  /** The first task that failed by itself; null where none has. */
  readonly first_failure: FirstFailure | null;
}

/**
 * What came of closing a batch.
 */
export interface BatchClosed {
  /** The id of the batch. */
  readonly batch_id: string;
  /** It is not open any more. */
  readonly open: false;
}

/**
 * A batch as it is sent.
 */
export interface BatchInput {
  /** The tasks, each with an `id` of its own. */
  readonly tasks: readonly TaskInput[];
  /** What follows, once, when the last task of the batch has ended: one action or several. */
  readonly on_batch_complete?: Action | readonly Action[];
  /** A name that groups batches; listings filter by it. */
  readonly scope?: string;
  /** A JSON object of the batch, at most 65,536 bytes. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The batch is created paused: nothing of it starts until it is resumed. Default: `false`. */
  readonly paused?: boolean;
  /**
   * The batch does not complete, whatever has ended, until it is closed, stopped, or its deadline passes; until
   * then no task of it is a dead end. Default: `false`.
   */
  readonly open?: boolean;
  /** Seconds from creation after which the batch is stopped if it is not complete. Left out: it has no deadline. */
  readonly deadline_secs?: number;
  /** The `dead_end` of all its tasks that say nothing themselves. Default: `"cancel"`. */
  readonly dead_end?: "cancel" | "keep";
}

/**
 * What came of pausing a batch.
 */
export interface BatchPaused {
  /** The id of the batch. */
  readonly batch_id: string;
  /** How many tasks were paused. */
  readonly paused: number;
}

/**
 * What is known so far, where it takes over 10 s.
 */
export interface BatchPausedPropagating {
  /** The id of the batch. */
  readonly batch_id: string;
  /** How many tasks were paused. */
  readonly paused: number;
  /** The command is committed; what follows from it goes on by itself. */
  readonly propagating: true;
}

/**
 * What came of resuming a batch.
 */
export interface BatchResumed {
  /** The id of the batch. */
  readonly batch_id: string;
  /** How many tasks were resumed. */
  readonly resumed: number;
}

/**
 * What is known so far, where it takes over 10 s.
 */
export interface BatchResumedPropagating {
  /** The id of the batch. */
  readonly batch_id: string;
  /** How many tasks were resumed. */
  readonly resumed: number;
  /** The command is committed; what follows from it goes on by itself. */
  readonly propagating: true;
}

/**
 * When complete: `failure` if any task failed, else `canceled` if any was, dead ends aside, else `success`.
 */
export type BatchStatus = "running" | "paused" | "success" | "failure" | "canceled";

/**
 * Why an unfinished task does not run now.
 */
export interface Blocker {
  /** What holds the task up. */
  readonly type: "dependency" | "rule" | "run_at" | "backoff" | "paused" | "circuit" | "unreachable" | "slots";
  /** The unfinished task, of a `dependency`. */
  readonly task_id?: string;
  /** When it is over. */
  readonly until?: string;
  /**
   * Host and port that cannot be called, `nats` for a message; of `slots`, the receiver whose share of the call
   * slots is used up.
   */
  readonly host?: string;
  /** Why the start could not be sent, of `unreachable`. */
  readonly error?: string;
  /** The rule as it was sent. */
  readonly rule?: unknown;
  /** How much of the limit is used. */
  readonly used?: number;
  /** The limit of the rule. */
  readonly limit?: number;
  /** The tasks that use it, at most 100 of them. */
  readonly holders?: readonly string[];
  /** Metadata members that the rule names and the task lacks. */
  readonly missing?: readonly string[];
}

/**
 * An action on everything that matches. Filters have the values of the listing's query, or JSON; an empty text
 * and `{}` are no filter.
 */
export interface Bulk {
  /**
   * `cancel`, `pause` and `resume` take tasks or batches; `rerun` takes batches, and runs what failed in them;
   * `replay` takes deliveries.
   */
  readonly action: "cancel" | "pause" | "resume" | "rerun" | "replay";
  /** The tasks that are meant; one of the three. */
  readonly tasks?: BulkTasks;
  /** The batches that are meant. */
  readonly batches?: BulkBatches;
  /** The deliveries that are meant. */
  readonly deliveries?: BulkDeliveries;
  /** Why: it stands in the events of what is changed. An empty one is none. */
  readonly reason?: string;
  /** Only count what matches now. Default: `false`. */
  readonly dry_run?: boolean;
}

/**
 * A bulk operation that was begun.
 */
export interface BulkAsked {
  /** The id of the operation. */
  readonly bulk_id: string;
  /** How many match; null while it is not known. */
  readonly matched: number | null;
}

/**
 * Filters of `GET /batches`; at least one.
 */
export interface BulkBatches {
  /**
   * Batches with a task in one of these states or, in lower case, in one of these themselves. A list, or a text
   * with commas.
   */
  readonly status?: readonly ("Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped" | "running" | "paused" | "success" | "failure" | "canceled")[] | string;
  /** Batches with a task whose kind contains this text. */
  readonly kind?: string;
  /** Batches with a task whose name contains this text. */
  readonly name?: string;
  /** Batches of exactly this scope. */
  readonly scope?: string;
  /** Batches whose own metadata contains this. An object, or its JSON as a text. */
  readonly metadata?: Readonly<Record<string, unknown>> | string;
  /** Batches created after this time. */
  readonly created_after?: string;
  /** Batches created before this time. */
  readonly created_before?: string;
}

/**
 * Filters of `GET /webhook-deliveries`; at least one.
 */
export interface BulkDeliveries {
  /** Deliveries in one of these states. A list, or a text with commas. */
  readonly status?: readonly ("pending" | "success" | "exhausted")[] | string;
  /** Deliveries about this task. */
  readonly task_id?: string;
  /** Deliveries about this batch and its tasks. */
  readonly batch_id?: string;
  /** Deliveries to this receiver, as `host:port`. */
  readonly receiver?: string;
}

/**
 * What a bulk operation would take.
 */
export interface BulkMatched {
  /** How many match now. */
  readonly matched: number;
  /** Ids of the first of them, at most 10. */
  readonly sample: readonly string[];
  /** There are more, which were not counted. */
  readonly more?: true;
}

/**
 * A bulk operation, and how far it is.
 */
export interface BulkOperation {
  /** The id of the operation: its events have the actor `bulk:<id>`. */
  readonly bulk_id: string;
  /**
   * `cancel`, `pause` and `resume` take tasks or batches; `rerun` takes batches, and runs what failed in them;
   * `replay` takes deliveries.
   */
  readonly action: "cancel" | "pause" | "resume" | "rerun" | "replay";
  /** What it takes: tasks, batches, deliveries by these filters. */
  readonly filter: Readonly<Record<string, unknown>>;
  /** Why. */
  readonly reason: string | null;
  /**
   * Who asked for it: `token:<name>`, `token` (AUTH_TOKEN), `handle` (a signed one), `nats`, `schedule:<name>`,
   * `bulk:<id>`, `anonymous`; `worker:<id>` is Baton itself.
   */
  readonly actor: string;
  /**
   * `collecting`: the set is not known yet. `running`: it is worked off. `done`, `stopped`: it is over, and its
   * counts are exact.
   */
  readonly state: "collecting" | "running" | "done" | "stopped";
  /** How many match; null while it is not known. */
  readonly matched: number | null;
  /** How many were taken. */
  readonly done: number;
  /** How many did not take it in their state, or had left the status of the filter. */
  readonly skipped: number;
  /** How many could not be done for another reason: they are gone, or could not be decided. */
  readonly failed: number;
  /** When it was asked for. */
  readonly created_at: string;
  /** When it was over. */
  readonly ended_at: string | null;
}

/**
 * Filters of `GET /task`; at least one.
 */
export interface BulkTasks {
  /**
   * Tasks in one of these states. Those that have left them by their turn are skipped. A list, or a text with
   * commas.
   */
  readonly status?: readonly ("Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped")[] | string;
  /** Tasks whose kind contains this text. */
  readonly kind?: string;
  /** Tasks whose name contains this text. */
  readonly name?: string;
  /** Tasks of this batch. */
  readonly batch_id?: string;
  /** Tasks whose metadata contains this. An object, or its JSON as a text. */
  readonly metadata?: Readonly<Record<string, unknown>> | string;
  /** Tasks with this timeout, in seconds. */
  readonly timeout?: number | string;
  /** Tasks that start so. */
  readonly start_kind?: "Webhook" | "Nats" | "Wait" | "none";
}

/**
 * The circuit of a receiver that has failed lately.
 */
export interface Circuit {
  /** Scheme, host and port, as actions name it. */
  readonly receiver: string;
  /** Host and port. */
  readonly host: string;
  /** `open`: it is not called for now. */
  readonly state: "closed" | "open" | "half_open";
  /** Failures in a row. */
  readonly failures: number;
  /** When it may be tried again; null while the circuit is closed. */
  readonly until: string | null;
}

/**
 * The answer to the closing of a batch.
 */
export interface CloseAnswer {
  /** The status that HTTP would give. */
  readonly status: number;
  /** The id of the batch. */
  readonly batch_id?: string;
  /** It is not open any more. */
  readonly open?: false;
  /** A short sentence, where it was refused. */
  readonly error?: string;
  /** A stable word for programs, where it was refused. */
  readonly code?: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people. */
  readonly details?: readonly string[];
  /** The same faults for programs. */
  readonly faults?: readonly Fault[];
}

/**
 * The answer to a command, where the message asked for one.
 */
export interface CommandAnswer {
  /** The status that HTTP would give. */
  readonly status: number;
  /** The task. */
  readonly id: string;
  /** The state of the task. */
  readonly state?: TaskStatus;
  /** Its present attempt. */
  readonly attempt?: number;
  /** With 202: the command is committed; what follows from it takes over 10 s and goes on by itself. */
  readonly propagating?: true;
  /** A short sentence, where it was refused. */
  readonly error?: string;
  /** A stable word for programs, where it was refused. */
  readonly code?: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people. */
  readonly details?: readonly string[];
  /** The same faults for programs. */
  readonly faults?: readonly Fault[];
  /** With 409: the state of the task. */
  readonly current_status?: TaskStatus;
  /** With 409: what the task accepts now; empty when it has ended. */
  readonly allowed?: readonly ("succeed" | "fail" | "skip" | "cancel" | "pause" | "resume" | "update")[];
}

/**
 * The task does not accept this; nothing was changed.
 */
export interface Conflict {
  /** A short sentence. */
  readonly error: string;
  /** A stable word for programs. */
  readonly code: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people: `<path>: <what is wrong>`. */
  readonly details: readonly string[];
  /** The same faults for programs. */
  readonly faults: readonly Fault[];
  /** The state of the task. */
  readonly current_status: TaskStatus;
  /** What the task accepts now; empty when it has ended. */
  readonly allowed: readonly ("succeed" | "fail" | "skip" | "cancel" | "pause" | "resume" | "update")[];
}

/**
 * What is added to the counters of a task. Nothing, or zeros: a heartbeat.
 */
export interface Counters {
  /** How many pieces of work succeeded since the last update. Default: `0`. */
  readonly new_success?: number;
  /** How many pieces of work failed since the last update. Default: `0`. */
  readonly new_failures?: number;
}

/**
 * The answer to the creation of a batch, or of more tasks in one.
 */
export interface CreateAnswer {
  /** The status that HTTP would give. */
  readonly status: number;
  /** The id of the batch. */
  readonly batch_id?: string;
  /** The created tasks, in the order sent. */
  readonly tasks?: readonly Task[];
  /** What was left out, by the ids of the call, at most 100. */
  readonly deduplicated?: readonly string[];
  /** Rules that can admit nothing now, at most 10. */
  readonly warnings?: readonly string[];
  /** The tasks did not fit into a message; they can be read by the id of the batch. */
  readonly truncated?: boolean;
  /** A short sentence, where it was refused. */
  readonly error?: string;
  /** A stable word for programs, where it was refused. */
  readonly code?: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people. */
  readonly details?: readonly string[];
  /** The same faults for programs. */
  readonly faults?: readonly Fault[];
}

/**
 * The created tasks, in the order sent.
 */
export type CreatedTasks = readonly Task[];

/**
 * The graph of a batch.
 */
export interface Dag {
  /** Its tasks in the order of creation, but parents before children. */
  readonly tasks: readonly ListedTask[];
  /** Every edge from a task of this page to one above it. */
  readonly links: readonly Link[];
}

/**
 * A message that could not be worked on, and was set aside.
 */
export interface DeadLetter {
  /** The id of the dead letter. */
  readonly id: string;
  /** The NATS subject, as the message was sent. */
  readonly subject: string;
  /** Why nothing could be done with it. */
  readonly reason: string;
  /** When it was set aside. */
  readonly at: string;
  /** The message, up to 64 KB: as text, or in base64 where it is no UTF-8. null for tokens that may not operate. */
  readonly payload: string | null;
}

/**
 * The message was sent again.
 */
export interface DeadLetterReplayed {
  /** The id that the dead letter had. */
  readonly id: string;
}

/**
 * Leaves the new task out if there is a task of this kind and status with equal values of these metadata
 * members.
 */
export interface Dedupe {
  /** The kind of the tasks that match. */
  readonly kind: string;
  /** The state of the task that is there already. */
  readonly status: "Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped";
  /** Names of top-level metadata members whose values must be equal, at most 50. */
  readonly fields: readonly string[];
}

/**
 * A notification that a task or a batch has ended, or that a task is canceled: one for each action.
 */
export interface Delivery {
  /** The id of the delivery. */
  readonly id: string;
  /** The task it is about; null: a batch is complete. */
  readonly task_id: string | null;
  /** The batch. */
  readonly batch_id: string;
  /** What happened. */
  readonly trigger: "end" | "cancel";
  /** The `Idempotency-Key` of all its attempts. */
  readonly key: string;
  /** Host and port that are called; null for a message. */
  readonly receiver: string | null;
  /** How far it is. */
  readonly status: DeliveryStatus;
  /** Attempts since it was created, or replayed. */
  readonly attempts: number;
  /** When it is tried next. */
  readonly next_at: string;
  /** HTTP status of the last attempt; null where there was no answer. */
  readonly last_status: number | null;
  /** What went wrong with the last attempt. */
  readonly last_error: string | null;
  /** When it was created. */
  readonly created_at: string;
}

/**
 * How one attempt to deliver went.
 */
export interface DeliveryAttempt {
  /** From 1; goes on over a replay, while the number of `attempts` in the listing begins at 0 again. */
  readonly n: number;
  /** When the attempt began. */
  readonly at: string;
  /** HTTP status; null where there was no answer, or no HTTP. */
  readonly status: number | null;
  /** How long it took, in milliseconds. */
  readonly duration_ms: number;
  /** What went wrong. */
  readonly error: string | null;
  /** The first 2 KB of what was answered. */
  readonly answer: string | null;
}

/**
 * The delivery is still being tried.
 */
export interface DeliveryConflict {
  /** A short sentence. */
  readonly error: string;
  /** A stable word for programs. */
  readonly code: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people: `<path>: <what is wrong>`. */
  readonly details: readonly string[];
  /** The same faults for programs. */
  readonly faults: readonly Fault[];
  /** The state of the delivery. */
  readonly current_status: DeliveryStatus;
  /** Always empty. */
  readonly allowed: readonly ("succeed" | "fail" | "skip" | "cancel" | "pause" | "resume" | "update")[];
}

/**
 * The delivery is due now.
 */
export interface DeliveryReplayed {
  /** The id of the delivery. */
  readonly id: string;
  /** How far it is. */
  readonly status: DeliveryStatus;
}

/**
 * `pending`: still being tried. `success`: it arrived. `exhausted`: every attempt failed.
 */
export type DeliveryStatus = "pending" | "success" | "exhausted";

/**
 * A delivery with its attempts.
 */
export interface DeliveryWithAttempts {
  /** The id of the delivery. */
  readonly id: string;
  /** The task it is about; null: a batch is complete. */
  readonly task_id: string | null;
  /** The batch. */
  readonly batch_id: string;
  /** What happened. */
  readonly trigger: "end" | "cancel";
  /** The `Idempotency-Key` of all its attempts. */
  readonly key: string;
  /** Host and port that are called; null for a message. */
  readonly receiver: string | null;
  /** How far it is. */
  readonly status: DeliveryStatus;
  /** Every attempt, oldest first. */
  readonly attempts: readonly DeliveryAttempt[];
  /** When it is tried next. */
  readonly next_at: string;
  /** HTTP status of the last attempt; null where there was no answer. */
  readonly last_status: number | null;
  /** What went wrong with the last attempt. */
  readonly last_error: string | null;
  /** When it was created. */
  readonly created_at: string;
}

/**
 * An edge to another task of the same call, in any order. This task starts when that one has ended.
 */
export interface DependencyInput {
  /** The `id` of another task of the call. */
  readonly id: string;
  /**
   * `true`: if that task does not end in Success, this one fails. `false`: as `condition: always`. Not beside
   * `condition`.
   */
  readonly requires_success?: boolean;
  /**
   * When this task runs, by how that one ended; else it is Skipped. `always` where neither is given. The table is
   * in docs/edges.md. Default: `"always"`.
   */
  readonly condition?: "always" | "on_success" | "on_failure" | "none_failed";
}

/**
 * What a call would create.
 */
export interface DryRun {
  /** Ids as sent, by how far each task is from the start. */
  readonly levels: readonly (readonly string[])[];
  /** Ids of the tasks that would be left out. */
  readonly deduplicated: readonly string[];
  /** All rules of all tasks. */
  readonly rules: readonly TaskRule[];
  /** What is sound and surely not meant, such as a rule that can admit nothing. */
  readonly warnings: readonly string[];
}

/**
 * Why a call was refused.
 */
export interface ErrorAnswer {
  /** A short sentence. */
  readonly error: string;
  /** A stable word for programs. */
  readonly code: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people: `<path>: <what is wrong>`. */
  readonly details: readonly string[];
  /** The same faults for programs. */
  readonly faults: readonly Fault[];
}

/**
 * One thing that is wrong with a request.
 */
export interface Fault {
  /**
   * Where: an RFC 6901 pointer into the body (to the missing member where one is missing), `?name` for a query
   * parameter, `header:Name`, `:id` for the id in the path.
   */
  readonly path: string;
  /** What kind of fault it is. */
  readonly code: "required" | "unknown_field" | "unknown_parameter" | "repeated" | "wrong_type" | "out_of_range" | "not_allowed" | "invalid_format" | "too_many" | "too_large" | "too_deep" | "duplicate" | "conflict" | "number_changed" | "unsafe_text" | "dependency_unknown" | "dependency_self" | "dependency_cycle" | "input_no_ancestor" | "receiver_blocked" | "header_reserved" | "empty";
  /** What is wrong, and what is allowed. */
  readonly message: string;
}

/**
 * The first task of a batch that failed by itself.
 */
export interface FirstFailure {
  /** The id of the task. */
  readonly task_id: string;
  /** The `id` by which the call named it. */
  readonly local_id: string;
  /** The name for people. */
  readonly name: string;
  /** Why it failed. */
  readonly reason: string | null;
  /** When it failed. */
  readonly at: string;
  /** How many tasks of the batch failed because a parent did. */
  readonly followed: number;
}

/**
 * A task or a batch that a search found.
 */
export interface Found {
  /** What was found. */
  readonly type: "task" | "batch";
  /** Its id. */
  readonly id: string;
  /** The name of a task; the scope of a batch, or its id where it has none. */
  readonly label: string;
  /** The batch of a task, or the batch itself. */
  readonly batch_id: string;
  /** The state of the task, or in lower case that of the batch. */
  readonly status: "running" | "paused" | "success" | "failure" | "canceled" | "Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped";
}

/**
 * Whether the process is alive, and what it lacks.
 */
export interface Health {
  /** `degraded` while Postgres or NATS is away. */
  readonly status: "ok" | "degraded";
  /** Whether Postgres answers. */
  readonly database: "up" | "down";
  /** Whether NATS is connected. */
  readonly nats: "up" | "down";
  /** Connections to Postgres that are open. */
  readonly pool_size: number;
  /** Those of them that are idle. */
  readonly pool_idle: number;
}

/**
 * A part of the result of another task.
 */
export interface Input {
  /** The local id of a task that this one depends on, directly or through others. */
  readonly task: string;
  /** Which part of its result, by RFC 6901. Left out: the whole. Default: `""`. */
  readonly pointer?: string;
  /** What stands for it where the task has no result, or the pointer finds nothing. */
  readonly default?: unknown;
}

/**
 * A limit of a rule, for tasks of one kind with the same values.
 */
export interface Limit {
  /** What is limited: how many tasks, how much work, or how many starts. */
  readonly type: "Concurrency" | "Capacity" | "Rate";
  /** The kind of the tasks that count. */
  readonly kind: string;
  /** The metadata fields that they have in common. */
  readonly fields: readonly string[];
  /** The values of these fields, in their order. */
  readonly values: readonly unknown[];
  /** The most that may be used. */
  readonly limit: number;
  /** Of a Rate: in a window of so many seconds; else null. */
  readonly per_secs: number | null;
  /** How much is used now: tasks, work that is left to do, or starts. */
  readonly used: number;
  /** The first 10 of the tasks that hold a slot; none of a Rate. */
  readonly holders: readonly string[];
  /** Tasks that could start but for limits, this one among them; counted to 10,000. */
  readonly waiting: number;
}

/**
 * An edge of the graph.
 */
export interface Link {
  /** The task that is depended on. */
  readonly parent_id: string;
  /** The task that depends on it. */
  readonly child_id: string;
  /** Whether the child fails if the parent does not succeed. */
  readonly requires_success: boolean;
  /** When the child runs, as it was sent; null where none was. */
  readonly condition: "always" | "on_success" | "on_failure" | "none_failed" | null;
}

/**
 * A batch: its sums, and how many tasks are in each state.
 */
export interface ListedBatch {
  /** The id of the batch. */
  readonly batch_id: string;
  /** The state of the batch. */
  readonly status: BatchStatus;
  /** How many tasks it has. */
  readonly total_tasks: number;
  /** The sum of `success` over its tasks. */
  readonly total_success: number;
  /** The sum of `failures` over its tasks. */
  readonly total_failures: number;
  /** The sum of `expected_count`; null where any task has none. */
  readonly total_expected: number | null;
  /** How many tasks are in each state. */
  readonly status_counts: StatusCounts;
  /** The name that groups batches. */
  readonly scope: string | null;
  /** The metadata of the batch. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** When it was created. */
  readonly created_at: string;
  /** The same as `created_at`. */
  readonly first_created_at: string;
  /** The newest `last_updated` of its tasks; `created_at` where it has none. */
  readonly latest_updated_at: string;
  /** When its last task ended; null while it is not complete. */
  readonly completed_at: string | null;
  /** The kinds of its tasks, each once, sorted. */
  readonly kinds: readonly string[];
  /** Whether it is paused. */
  readonly paused: boolean;
  /** Whether it stays incomplete, whatever has ended. */
  readonly open: boolean;
  /** Whether what follows from a command or an end is not all done yet. */
  readonly propagating: boolean;
  /** When it is stopped if it is not complete; null: it has no deadline. */
  readonly deadline_at: string | null;
  /** The batch that this one runs again. */
  readonly rerun_of: string | null;
  /** The schedule that it is of, and the time that it was made for; null: of none. */
  readonly schedule: OfSchedule | null;
  /**
   * Who created it. `token:<name>`, `token` (AUTH_TOKEN), `handle` (a signed one), `nats`, `schedule:<name>`,
   * `bulk:<id>`, `anonymous`; `worker:<id>` is Baton itself.
   */
  readonly created_by: string;
}

/**
 * A schedule without the batch that it makes.
 */
export interface ListedSchedule {
  /** Its name. */
  readonly name: string;
  /** The cron line; null where `every_secs` says when. */
  readonly cron: string | null;
  /** How many seconds apart; null where `cron` says when. */
  readonly every_secs: number | null;
  /** The time zone of `cron`. */
  readonly timezone: string;
  /** What a time does while a batch of the schedule is unfinished. */
  readonly overlap: "skip" | "allow" | "replace";
  /** Which missed times are made up. */
  readonly catch_up: "last" | "none" | "all";
  /** Whether it is paused. */
  readonly paused: boolean;
  /** The last moment at which it may run; null: it has no end. */
  readonly until: string | null;
  /** Its next five times; of a paused one those that it would have. */
  readonly next: readonly string[];
  /** The last ten of its batches, newest first. */
  readonly batches: readonly ScheduledBatch[];
  /** The last ten times that made no batch, newest first. */
  readonly skipped: readonly SkippedTime[];
}

/**
 * A task as listings show it: without actions, rules and metadata.
 */
export interface ListedTask {
  /** The id of the task. */
  readonly id: string;
  /** The `id` by which the call named it. */
  readonly local_id: string;
  /** The name for people. */
  readonly name: string;
  /** What sort of work it is. */
  readonly kind: string;
  /** The state of the task. */
  readonly status: TaskStatus;
  /** Seconds without an update after which a Running task is timed out. */
  readonly timeout: number;
  /** Higher ones start first. */
  readonly priority: number;
  /** When it was created. */
  readonly created_at: string;
  /** When it was claimed for its present attempt. */
  readonly started_at: string | null;
  /** When it ended; null while it is unfinished. */
  readonly ended_at: string | null;
  /** When it last changed; the time-out counts from here. */
  readonly last_updated: string;
  /** How many pieces of work succeeded. */
  readonly success: number;
  /** How many pieces of work failed. */
  readonly failures: number;
  /** How much work there is to count. */
  readonly expected_count: number | null;
  /** Why it failed, was canceled or was skipped. */
  readonly failure_reason: string | null;
  /** The id of its batch. */
  readonly batch_id: string;
  /** Whether its parents live on if it is canceled as a dead end. */
  readonly dead_end_barrier: boolean;
  /** Whether it is canceled when no task needs it any more, or goes on. */
  readonly dead_end: "cancel" | "keep";
  /** Whether it starts when all of its dependencies are met, or with any one. */
  readonly join: "all" | "any";
  /** 0 for the first run, one more for each retry. */
  readonly attempt: number;
  /** How it is tried again, with the defaults filled in; null: it is not. */
  readonly retry: Retry | null;
  /** When the next attempt may begin, while it waits for that. */
  readonly next_retry_at: string | null;
  /** The time before which it does not start. */
  readonly run_at: string | null;
  /** What starts it; null: nothing, it only joins others. */
  readonly start_kind: "Webhook" | "Nats" | "Wait" | null;
  /** What the work gave: any JSON; null where there is none. */
  readonly result: unknown;
  /** Seconds from its first claim in which the whole task must end; null: no limit. */
  readonly max_duration_secs: number | null;
  /** Seconds from creation in which it must be claimed for the first time; null: no limit. */
  readonly expires_secs: number | null;
}

/**
 * Which tasks a rule counts: those of a kind whose metadata has the values of the task that carries the rule.
 */
export interface Matcher {
  /** The kind of the tasks that match. */
  readonly kind: string;
  /** Always `Running`: tasks that are Claimed or Running match. */
  readonly status: "Running";
  /** Names of top-level metadata members whose values must be equal, at most 50. */
  readonly fields: readonly string[];
}

/**
 * The tasks of a batch, alone or with what holds for the whole batch.
 */
export type NewBatch = BatchInput | readonly TaskInput[];

/**
 * A schedule and its next time.
 */
export interface NextOfSchedule {
  /** The name of the schedule. */
  readonly name: string;
  /** When it makes its next batch; null: never. */
  readonly next: string | null;
}

/**
 * The schedule and the time that a batch was made for.
 */
export interface OfSchedule {
  /** The name of the schedule. */
  readonly name: string;
  /** The time; of a batch that was run by hand, when that was. */
  readonly at: string;
}

/**
 * The figures of the whole cluster. Counts above 100,000 are rounded.
 */
export interface Overview {
  /** When this was read; at most 10 s ago. */
  readonly at: string;
  /** Claimed and Running tasks. */
  readonly running: number;
  /** The others that are not finished. */
  readonly waiting: WaitingCounts;
  /** Since when the task that is ready the longest is; null: none is, of the 1,000 that are Pending the longest. */
  readonly oldest_ready_at: string | null;
  /** Of the last minute. */
  readonly last_minute: Rates;
  /** Of the last hour. */
  readonly last_hour: Rates;
  /** Receivers whose circuit is not closed. */
  readonly receivers_unhealthy: number;
  /** Deliveries that were given up. */
  readonly exhausted: number;
  /** Messages that could not be worked on. */
  readonly dead_letters: number;
  /** Processes that are alive, in every role. */
  readonly workers: number;
  /** The schedules, those that are next first; at most 100. */
  readonly schedules: readonly NextOfSchedule[];
}

/**
 * Whose starts a Rate counts: those of a kind whose metadata has the values of the task that carries it.
 */
export interface RateMatcher {
  /** The kind of the tasks that match. */
  readonly kind: string;
  /** May be left out; `Running` if it is there. */
  readonly status?: "Running";
  /** Names of top-level metadata members whose values must be equal, at most 50. */
  readonly fields: readonly string[];
}

/**
 * What started and ended in a time, counted by ten seconds as it is published.
 */
export interface Rates {
  /** Claims that led to a start, whatever came of it. */
  readonly starts: number;
  /** Tasks that ended in Success. */
  readonly successes: number;
  /** Tasks that ended in Failure. */
  readonly failures: number;
}

/**
 * Whether the process can do its work now.
 */
export interface Ready {
  /** Whether the process can do its work now. */
  readonly status: "ready" | "not ready";
  /** The same as a boolean. */
  readonly ready: boolean;
  /** Whether Postgres answers. */
  readonly postgres: boolean;
  /** Whether NATS is connected. */
  readonly nats: boolean;
}

/**
 * Whom Baton called in the last day, or has calls for.
 */
export interface Receiver {
  /** Host and port. */
  readonly receiver: string;
  /** `open`: it is not called for now. */
  readonly circuit: "closed" | "open" | "half_open";
  /** When it may be tried again; null while the circuit is closed. */
  readonly until: string | null;
  /** Calls to it that are open: starts and deliveries. */
  readonly calls_open: number;
  /**
   * Starts and deliveries that wait for it, or for a free call slot; counted to 10,000. Of tasks with rules, those
   * of the first 100 queues whose rules admit one.
   */
  readonly waiting: number;
  /** Why the newest call that failed did; null: none has lately. */
  readonly last_error: string | null;
  /** When the newest call to it ended; null: none has lately. */
  readonly at: string | null;
}

/**
 * Which exhausted deliveries are sent again.
 */
export interface ReplaySince {
  /** Deliveries that were exhausted then or later. */
  readonly since: string;
}

/**
 * What came of replaying deliveries.
 */
export interface Replayed {
  /** How many deliveries are due again. */
  readonly replayed: number;
}

/**
 * What of an ended batch runs again.
 */
export interface Rerun {
  /** `failed`: every task that is not Success. `all`: every task. Default: `"failed"`. */
  readonly only?: "failed" | "all";
  /**
   * With `failed`: also every task that depends on one of these, directly or not, though it succeeded. Default:
   * `false`.
   */
  readonly dependents?: boolean;
  /**
   * Ids of tasks of the batch. They run again with what depends on them, and nothing else, whatever `only` says.
   * They start whatever the parents did that are left out.
   */
  readonly from?: readonly string[];
}

/**
 * How a task that fails is tried again. A wait is never shorter, and at most a tenth longer.
 */
export interface Retry {
  /** How many attempts may follow the first. */
  readonly max_retries: number;
  /** Seconds before the first retry. Default: `5`. */
  readonly initial_delay_secs?: number;
  /** Each further retry waits so many times as long. Default: `2`. */
  readonly backoff_multiplier?: number;
  /** The longest wait, in seconds. Default: `300`. */
  readonly max_delay_secs?: number;
  /**
   * What is retried: a time-out, a start action that failed, a report of Failure. Default:
   * `["timeout","start_failure","explicit"]`.
   */
  readonly retry_on?: readonly ("timeout" | "start_failure" | "explicit")[];
}

/**
 * A limit on starting tasks. All rules of a task must admit it; a task that is held up delays no task of other
 * rules or values.
 */
export type Rule = {
  /** At most so many tasks that match are Claimed or Running at once. */
  readonly type: "Concurrency";
  /** How many at once. */
  readonly max_concurrency: number;
  /** Which tasks count, whether or not they carry a rule themselves. */
  readonly matcher: Matcher;
} | {
  /**
   * Starts only while the work that is left of the tasks that match is below a limit. The task needs
   * `expected_count`.
   */
  readonly type: "Capacity";
  /** The sum of `expected_count - success - failures` that is not reached before a start. */
  readonly max_capacity: number;
  /** Which tasks count, whether or not they carry a rule themselves. */
  readonly matcher: Matcher;
} | {
  /** Starts only while fewer tasks that match were started within a window of time; each start call counts. */
  readonly type: "Rate";
  /** How many starts in any window. */
  readonly max_starts: number;
  /** The length of the window in seconds. */
  readonly per_secs: number;
  /** Whose starts count, whether or not they carry a rule themselves. */
  readonly matcher: RateMatcher;
};

/**
 * New rules for the unfinished tasks of one kind.
 */
export interface RulesPatch {
  /** The unfinished tasks of exactly this kind. */
  readonly kind: string;
  /** The rules that these tasks have from now on, at most 50. */
  readonly rules: readonly Rule[];
}

/**
 * What came of new rules.
 */
export interface RulesSet {
  /** The id of the batch. */
  readonly batch_id: string;
  /** The kind of the tasks. */
  readonly kind: string;
  /** How many unfinished tasks have these rules now. */
  readonly updated_count: number;
}

/**
 * What is known so far, where it takes over 10 s.
 */
export interface RulesSetPropagating {
  /** The id of the batch. */
  readonly batch_id: string;
  /** The kind of the tasks. */
  readonly kind: string;
  /** How many unfinished tasks have these rules now. */
  readonly updated_count: number;
  /** The command is committed; what follows from it goes on by itself. */
  readonly propagating: true;
}

/**
 * A schedule, its next times, and what became of the last ones.
 */
export interface Schedule {
  /** Its name. */
  readonly name: string;
  /** The cron line; null where `every_secs` says when. */
  readonly cron: string | null;
  /** How many seconds apart; null where `cron` says when. */
  readonly every_secs: number | null;
  /** The time zone of `cron`. */
  readonly timezone: string;
  /** What a time does while a batch of the schedule is unfinished. */
  readonly overlap: "skip" | "allow" | "replace";
  /** Which missed times are made up. */
  readonly catch_up: "last" | "none" | "all";
  /** Whether it is paused. */
  readonly paused: boolean;
  /** The last moment at which it may run; null: it has no end. */
  readonly until: string | null;
  /** Its next five times; of a paused one those that it would have. */
  readonly next: readonly string[];
  /** The last ten of its batches, newest first. */
  readonly batches: readonly ScheduledBatch[];
  /** The last ten times that made no batch, newest first. */
  readonly skipped: readonly SkippedTime[];
  /** What each time creates, as it was sent. Headers only for tokens that may `operate`. */
  readonly batch: NewBatch;
}

/**
 * A schedule as it is sent.
 */
export interface ScheduleInput {
  /**
   * When it runs: five fields, six with seconds in front, or `@yearly`, `@monthly`, `@weekly`, `@daily`,
   * `@hourly`. Not beside `every_secs`.
   */
  readonly cron?: string;
  /** It runs every so many seconds, first so long after the PUT. Not beside `cron`. */
  readonly every_secs?: number;
  /** The time zone of `cron`, by its IANA name. Default: `"UTC"`. */
  readonly timezone?: string;
  /**
   * What a time does while a batch of the schedule is unfinished: it is left out, makes its batch all the same, or
   * stops the others and makes its batch when they are complete. Default: `"skip"`.
   */
  readonly overlap?: "skip" | "allow" | "replace";
  /**
   * Which of the times that were missed, because no worker was alive, are made up: the newest, none, or the newest
   * 100. Default: `"last"`.
   */
  readonly catch_up?: "last" | "none" | "all";
  /** Whether it is paused. Left out: as it is; a new one is not. */
  readonly paused?: boolean;
  /** The last moment at which it may run, itself included. Left out: it has no end. */
  readonly until?: string;
  /** What each time creates: a body of `POST /task`. */
  readonly batch: NewBatch;
}

/**
 * A batch of a schedule.
 */
export interface ScheduledBatch {
  /** The id of the batch. */
  readonly batch_id: string;
  /** The time that it was made for; of one that was run by hand, when that was. */
  readonly at: string;
  /** The state of the batch. */
  readonly status: "running" | "paused" | "success" | "failure" | "canceled";
}

/**
 * A time that made no batch.
 */
export interface SkippedTime {
  /** The time. */
  readonly at: string;
  /**
   * `overlap`: batches of the schedule were unfinished, or a newer time replaced it. `missed`: no worker was
   * alive. `refused`: the batch could not be created until the next time came.
   */
  readonly reason: "overlap" | "missed" | "refused";
}

/**
 * What starts a task: an HTTP call, a message that a worker pulls, or nothing but somebody's word.
 */
export type StartAction = {
  /** An HTTP call. */
  readonly kind: "Webhook";
  /**
   * When the action is taken. Its place says so already, so it may be left out; another one than its place says is
   * refused.
   */
  readonly trigger?: "Start" | "End" | "Cancel";
  /** What is called, and how. */
  readonly params: {
    /** Where the call goes: http or https, at most 2,048 characters. */
    readonly url: string;
    /** The HTTP method. */
    readonly verb: "Get" | "Post" | "Put" | "Patch" | "Delete";
    /**
     * Any JSON, sent as it is; for an HTTP call with `inputs` an object, to which the member `baton` is added. A Get
     * sends none.
     */
    readonly body?: unknown;
    /** Headers of the call by name, at most 32. Those that Baton sets are refused. */
    readonly headers?: Readonly<Record<string, string>>;
    /**
     * `on_callback`: the service reports later, by its handle. `on_response`: the answer of the call is the report.
     * Default: `"on_callback"`.
     */
    readonly completes?: "on_callback" | "on_response";
    /**
     * `"parents"`: the results of all tasks that this one depends on directly, by local id. Or at most 50 inputs by
     * name (1 to 100 characters). They are read when the task is claimed, and are sent with the call.
     */
    readonly inputs?: "parents" | Readonly<Record<string, Input>>;
  };
} | {
  /** A message on NATS JetStream. */
  readonly kind: "Nats";
  /**
   * When the action is taken. Its place says so already, so it may be left out; another one than its place says is
   * refused.
   */
  readonly trigger?: "Start" | "End" | "Cancel";
  /** What is published, and where. */
  readonly params: {
    /** A subject under `baton.work.`, without wildcards, at most 255 characters. */
    readonly subject: string;
    /**
     * Any JSON, sent as it is; for an HTTP call with `inputs` an object, to which the member `baton` is added. A Get
     * sends none.
     */
    readonly body?: unknown;
    /** Headers of the call by name, at most 32. Those that Baton sets are refused. */
    readonly headers?: Readonly<Record<string, string>>;
    /**
     * `"parents"`: the results of all tasks that this one depends on directly, by local id. Or at most 50 inputs by
     * name (1 to 100 characters). They are read when the task is claimed, and are sent with the call.
     */
    readonly inputs?: "parents" | Readonly<Record<string, Input>>;
    /**
     * Seconds that the message may wait in its queue: the task is timed out then, unless somebody is heard of who
     * works on it. From the first heartbeat or progress on, `timeout` holds. Default: `86400`.
     */
    readonly queue_timeout_secs?: number;
  };
} | {
  /** A gate: nothing is called. The task is Running until somebody reports. */
  readonly kind: "Wait";
  /**
   * When the action is taken. Its place says so already, so it may be left out; another one than its place says is
   * refused.
   */
  readonly trigger?: "Start" | "End" | "Cancel";
  /** What is waited for. Default: `{}`. */
  readonly params?: {
    /** What is asked of the person who opens the gate, at most 1,000 characters. */
    readonly prompt?: string;
  };
};

/**
 * How many tasks are in each state.
 */
export interface StatusCounts {
  /** Tasks that are waiting. */
  readonly waiting: number;
  /** Tasks that are pending. */
  readonly pending: number;
  /** Tasks that are claimed. */
  readonly claimed: number;
  /** Tasks that are running. */
  readonly running: number;
  /** Tasks that are retrying. */
  readonly retrying: number;
  /** Tasks that are paused. */
  readonly paused: number;
  /** Tasks that are success. */
  readonly success: number;
  /** Tasks that are failure. */
  readonly failure: number;
  /** Tasks that are canceled. */
  readonly canceled: number;
  /** Tasks that are skipped. */
  readonly skipped: number;
}

/**
 * How many tasks were canceled, by the state they were in.
 */
export interface Stopped {
  /** The id of the batch. */
  readonly batch_id: string;
  /** Tasks that were waiting and are canceled. */
  readonly canceled_waiting: number;
  /** Tasks that were pending and are canceled. */
  readonly canceled_pending: number;
  /** Tasks that were claimed and are canceled. */
  readonly canceled_claimed: number;
  /** Tasks that were running and are canceled. */
  readonly canceled_running: number;
  /** Tasks that were paused and are canceled. */
  readonly canceled_paused: number;
  /** Tasks that were retrying and are canceled. */
  readonly canceled_retrying: number;
  /** Tasks that had ended before. */
  readonly already_terminal: number;
}

/**
 * What is known so far, where it takes over 10 s.
 */
export interface StoppedPropagating {
  /** The id of the batch. */
  readonly batch_id: string;
  /** Tasks that were waiting and are canceled. */
  readonly canceled_waiting: number;
  /** Tasks that were pending and are canceled. */
  readonly canceled_pending: number;
  /** Tasks that were claimed and are canceled. */
  readonly canceled_claimed: number;
  /** Tasks that were running and are canceled. */
  readonly canceled_running: number;
  /** Tasks that were paused and are canceled. */
  readonly canceled_paused: number;
  /** Tasks that were retrying and are canceled. */
  readonly canceled_retrying: number;
  /** Tasks that had ended before. */
  readonly already_terminal: number;
  /** The command is committed; what follows from it goes on by itself. */
  readonly propagating: true;
}

/**
 * A whole task.
 */
export interface Task {
  /** The id of the task. */
  readonly id: string;
  /** The `id` by which the call named it. */
  readonly local_id: string;
  /** The name for people. */
  readonly name: string;
  /** What sort of work it is. */
  readonly kind: string;
  /** The state of the task. */
  readonly status: TaskStatus;
  /** Seconds without an update after which a Running task is timed out. */
  readonly timeout: number;
  /** Higher ones start first. */
  readonly priority: number;
  /** When it was created. */
  readonly created_at: string;
  /** When it was claimed for its present attempt. */
  readonly started_at: string | null;
  /** When it ended; null while it is unfinished. */
  readonly ended_at: string | null;
  /** When it last changed; the time-out counts from here. */
  readonly last_updated: string;
  /** How many pieces of work succeeded. */
  readonly success: number;
  /** How many pieces of work failed. */
  readonly failures: number;
  /** How much work there is to count. */
  readonly expected_count: number | null;
  /** Why it failed, was canceled or was skipped. */
  readonly failure_reason: string | null;
  /** The id of its batch. */
  readonly batch_id: string;
  /** Whether its parents live on if it is canceled as a dead end. */
  readonly dead_end_barrier: boolean;
  /** Whether it is canceled when no task needs it any more, or goes on. */
  readonly dead_end: "cancel" | "keep";
  /** Whether it starts when all of its dependencies are met, or with any one. */
  readonly join: "all" | "any";
  /** 0 for the first run, one more for each retry. */
  readonly attempt: number;
  /** How it is tried again, with the defaults filled in; null: it is not. */
  readonly retry: Retry | null;
  /** When the next attempt may begin, while it waits for that. */
  readonly next_retry_at: string | null;
  /** The time before which it does not start. */
  readonly run_at: string | null;
  /** What starts it; null: nothing, it only joins others. */
  readonly start_kind: "Webhook" | "Nats" | "Wait" | null;
  /** What the work gave: any JSON; null where there is none. */
  readonly result: unknown;
  /** Seconds from its first claim in which the whole task must end; null: no limit. */
  readonly max_duration_secs: number | null;
  /** Seconds from creation in which it must be claimed for the first time; null: no limit. */
  readonly expires_secs: number | null;
  /** Its rules, as they were sent. */
  readonly rules: readonly Rule[];
  /** Its metadata. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Its actions, the start action first. */
  readonly actions: readonly TaskAction[];
  /** Why it does not run now; only while it is unfinished. */
  readonly blocked_by?: readonly Blocker[];
}

/**
 * An action of a task as it is kept.
 */
export interface TaskAction {
  /** An HTTP call, a message, or a gate. */
  readonly kind: "Webhook" | "Nats" | "Wait";
  /** When it happens. */
  readonly trigger: "Start" | "End" | "Cancel";
  /** With which end, for `End`. */
  readonly on?: "success" | "failure";
  /** What is called or published, as it was sent. */
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * A claim of a task, and how its start call went.
 */
export interface TaskAttempt {
  /** The attempt, from 0. */
  readonly attempt: number;
  /** When a worker claimed the task. */
  readonly claimed_at: string;
  /** When the start call began; null: none was made, or how it went is not known. */
  readonly started_at: string | null;
  /** When the start call ended; null as before. */
  readonly ended_at: string | null;
  /** The worker, as events name it. */
  readonly worker: string;
  /**
   * What held the task before it was claimed, where Baton knows it: a rule, a receiver to which no call could be
   * sent, or a time.
   */
  readonly waited_for: "rule" | "unreachable" | "run_at" | null;
  /** HTTP status of the answer; null where there was none, or no HTTP. */
  readonly status: number | null;
  /** What went wrong with the call. */
  readonly error: string | null;
  /** How long the call took. */
  readonly ms: AttemptTimes;
}

/**
 * The fields of a command to one task, by NATS.
 */
export interface TaskCommand {
  /** How many pieces of work succeeded since the last update. Default: `0`. */
  readonly new_success?: number;
  /** How many pieces of work failed since the last update. Default: `0`. */
  readonly new_failures?: number;
  /** Why it failed, or was skipped: required with Failure, allowed with Skipped. */
  readonly failure_reason?: string;
  /** Replaces the metadata, at most 65,536 bytes. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** How much work there is to count. */
  readonly expected_count?: number;
  /** Higher ones start first. */
  readonly priority?: number;
  /**
   * When a task that is not started may start, at most a year ahead, or be tried next; null, or a time that has
   * passed, is now.
   */
  readonly run_at?: string;
  /** What the work gave: any JSON of at most 65,536 bytes. */
  readonly result?: unknown;
  /** The attempt that the command speaks of; left out: the present one. */
  readonly attempt?: number;
  /** Why: with cancel, pause and resume. It stands in the event. */
  readonly reason?: string;
}

/**
 * One transition of a task, or a report that was refused.
 */
export interface TaskEvent {
  /** Ids grow; a stream is resumed after one. */
  readonly id: number;
  /** The task. */
  readonly task_id: string;
  /** Its batch. */
  readonly batch_id: string;
  /** The state before. */
  readonly from: TaskStatus;
  /** The state after; the same as `from` for a report that was refused. */
  readonly to: TaskStatus;
  /** What happened: the event of the task's machine. */
  readonly event: string;
  /** When. */
  readonly at: string;
  /** 0 for the first run, one more for each retry. */
  readonly attempt: number;
  /** Why: the failure reason, or what who asked gave as `reason`. */
  readonly reason: string | null;
  /**
   * Who did it. `token:<name>`, `token` (AUTH_TOKEN), `handle` (a signed one), `nats`, `schedule:<name>`,
   * `bulk:<id>`, `anonymous`; `worker:<id>` is Baton itself.
   */
  readonly actor: string;
}

/**
 * A task as it is sent.
 */
export interface TaskInput {
  /** A name within the call; dependencies refer to it. */
  readonly id: string;
  /** A name for people. */
  readonly name: string;
  /** What sort of work it is; rules and filters go by it. */
  readonly kind: string;
  /**
   * Seconds without an update after which a Running task is timed out; 31,536,000 by default for a `Wait` start.
   * Default: `60`.
   */
  readonly timeout?: number;
  /**
   * Seconds from its first claim in which the whole task must end, over all retries and pauses. Left out: no
   * limit.
   */
  readonly max_duration_secs?: number;
  /**
   * Seconds from creation in which it must be claimed for the first time, else it fails. Not less than it is
   * delayed. Left out: no limit.
   */
  readonly expires_secs?: number;
  /** A JSON object, at most 65,536 bytes; rules and filters go by it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** What starts the work. Left out: the task only joins others, and succeeds by itself. */
  readonly on_start?: StartAction;
  /** What follows when the task ends in Success. Default: `[]`. */
  readonly on_success?: readonly Action[];
  /** What follows when the task ends in Failure. Default: `[]`. */
  readonly on_failure?: readonly Action[];
  /**
   * What tells the service to stop: when a task that was started is canceled, timed out, or fails to start.
   * Default: `[]`.
   */
  readonly on_cancel?: readonly Action[];
  /** The tasks that must have ended before, each once. Default: `[]`. */
  readonly dependencies?: readonly DependencyInput[];
  /** Limits that must admit the task before it starts, at most 50. Default: `[]`. */
  readonly rules?: readonly Rule[];
  /**
   * `all`: it starts when every dependency is met. `any`: with the first one that is; it is lost only when none
   * can be met any more. Default: `"all"`.
   */
  readonly join?: "all" | "any";
  /** The task is left out if any of these matches; what depends on it takes it for met. Default: `[]`. */
  readonly dedupe_strategy?: readonly Dedupe[];
  /** How much work there is to count, for Capacity rules and for those who look. */
  readonly expected_count?: number;
  /** Higher ones start first. Default: `0`. */
  readonly priority?: number;
  /** If the task is canceled as a dead end, its parents are not. Default: `false`. */
  readonly dead_end_barrier?: boolean;
  /**
   * It is created Paused, and stays so until somebody resumes it; a resume of its batch does not. Default:
   * `false`.
   */
  readonly paused?: boolean;
  /**
   * What becomes of it when the last unfinished task that depends on it ends: it is canceled as a dead end, or
   * goes on. Left out: as the batch says. Default: `"cancel"`.
   */
  readonly dead_end?: "cancel" | "keep";
  /** How it is tried again when it fails. Left out: it is not. */
  readonly retry?: Retry;
  /** It does not start before; at most one year ahead. Not beside `delay_secs`. */
  readonly run_at?: string;
  /** Seconds from creation before which it does not start. Default: `0`. */
  readonly delay_secs?: number;
}

/**
 * An operator's word on how an unfinished task ends.
 */
export interface TaskOverride {
  /** How the task ends. */
  readonly status: "Success" | "Failure" | "Skipped";
  /** Why: kept in the event, and as `failure_reason` of Failure and Skipped. */
  readonly reason: string;
  /** What the work gave: any JSON of at most 65,536 bytes. */
  readonly result?: unknown;
}

/**
 * An operator's word on how an unfinished task ends, by NATS.
 */
export interface TaskOverrideMessage {
  /** How the task ends. */
  readonly status: "Success" | "Failure" | "Skipped";
  /** Why: kept in the event, and as `failure_reason` of Failure and Skipped. */
  readonly reason: string;
  /** What the work gave: any JSON of at most 65,536 bytes. */
  readonly result?: unknown;
  /** The attempt that the command speaks of; left out: the present one. */
  readonly attempt?: number;
}

/**
 * A report that a task has ended, or a change of its other fields. Without any of them it is a heartbeat.
 */
export interface TaskPatch {
  /**
   * How the task ended. Skipped: there was nothing to do, and neither on_success nor on_failure follows. Left out:
   * the other fields change.
   */
  readonly status?: "Success" | "Failure" | "Skipped";
  /** How many pieces of work succeeded since the last update. Default: `0`. */
  readonly new_success?: number;
  /** How many pieces of work failed since the last update. Default: `0`. */
  readonly new_failures?: number;
  /** Why it failed, or was skipped: required with Failure, allowed with Skipped. */
  readonly failure_reason?: string;
  /** Replaces the metadata, at most 65,536 bytes. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** How much work there is to count. */
  readonly expected_count?: number;
  /** Higher ones start first. */
  readonly priority?: number;
  /**
   * When a task that is not started may start, at most a year ahead, or be tried next; null, or a time that has
   * passed, is now.
   */
  readonly run_at?: string;
  /** What the work gave: any JSON of at most 65,536 bytes. */
  readonly result?: unknown;
}

/**
 * What is added to the counters of a task, by NATS. Nothing, or zeros: a heartbeat.
 */
export interface TaskProgress {
  /** How many pieces of work succeeded since the last update. Default: `0`. */
  readonly new_success?: number;
  /** How many pieces of work failed since the last update. Default: `0`. */
  readonly new_failures?: number;
  /** The attempt that the command speaks of; left out: the present one. */
  readonly attempt?: number;
}

/**
 * A rule, with the task that carries it.
 */
export interface TaskRule {
  /** The `id` of the task. */
  readonly id: string;
  /** One of its rules. */
  readonly rule: Rule;
}

/**
 * Where a task stands now.
 */
export interface TaskState {
  /** The id of the task. */
  readonly id: string;
  /** The state of the task. */
  readonly status: TaskStatus;
  /** 0 for the first run, one more for each retry. */
  readonly attempt: number;
}

/**
 * What is known so far, where it takes over 10 s.
 */
export interface TaskStatePropagating {
  /** The id of the task. */
  readonly id: string;
  /** The state of the task. */
  readonly status: TaskStatus;
  /** 0 for the first run, one more for each retry. */
  readonly attempt: number;
  /** The command is committed; what follows from it goes on by itself. */
  readonly propagating: true;
}

/**
 * The state of a task. Success, Failure, Canceled and Skipped are final.
 */
export type TaskStatus = "Waiting" | "Pending" | "Claimed" | "Running" | "Retrying" | "Paused" | "Success" | "Failure" | "Canceled" | "Skipped";

/**
 * Why a batch was not created.
 */
export interface ValidationError {
  /** A short sentence. */
  readonly error: string;
  /** A stable word for programs. */
  readonly code: "malformed_json" | "invalid_id" | "validation_failed" | "not_in_this_state" | "unauthorized" | "forbidden" | "unknown_task" | "unknown_batch" | "unknown_delivery" | "unknown_schedule" | "unknown_bulk" | "unknown_dead_letter" | "unknown_route" | "method_not_allowed" | "wrong_attempt" | "batch_complete" | "batch_not_complete" | "delivery_pending" | "key_in_flight" | "body_too_large" | "unsupported_media_type" | "key_reused" | "too_many_unfinished" | "too_many_streams" | "internal" | "unavailable" | "busy";
  /** Every fault for people: `<path>: <what is wrong>`. */
  readonly details: readonly string[];
  /** The same faults for programs. */
  readonly faults: readonly Fault[];
  /** An id that the batch would have had. There is no such batch. */
  readonly batch_id?: string;
}

/**
 * Unfinished tasks that do not run, by what they wait for.
 */
export interface WaitingCounts {
  /** Waiting tasks: a dependency has not been met. */
  readonly dependency: number;
  /** Tasks that could start, in queues that a rule does not admit now. */
  readonly rule: number;
  /** Tasks whose time has not come. */
  readonly run_at: number;
  /** Tasks that wait for their next attempt. */
  readonly backoff: number;
  /** Paused tasks. */
  readonly paused: number;
  /** Tasks without rules that could start, whose receiver has an open circuit. */
  readonly circuit: number;
  /** Tasks whose start could not be sent, until it is tried again. */
  readonly unreachable: number;
  /** All other tasks that could start now. */
  readonly ready: number;
}

/**
 * Who calls, as events name it.
 */
export interface WhoAmI {
  /**
   * Whom the token that was sent stands for. `token:<name>`, `token` (AUTH_TOKEN), `handle` (a signed one),
   * `nats`, `schedule:<name>`, `bulk:<id>`, `anonymous`; `worker:<id>` is Baton itself.
   */
  readonly actor: string;
  /** What it allows. Without tokens everybody may do everything. */
  readonly role: "read" | "submit" | "operate";
}

/**
 * What a Nats action publishes; workers pull it from a queue group.
 */
export interface Work {
  /** The task; missing when a batch is complete. */
  readonly task_id?: string;
  /** The attempt of the task. */
  readonly attempt?: number;
  /** The URL to report to. */
  readonly handle?: string;
  /** What the message is about. */
  readonly trigger: "start" | "end" | "cancel";
  /** The body of the action. */
  readonly body?: unknown | null;
  /** Of a start that asks for them: the results of other tasks, by name. */
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/**
 * A process of Baton that is alive.
 */
export interface WorkerProcess {
  /** Its number: events name it as `worker:<id>`. */
  readonly id: number;
  /** What it does. */
  readonly roles: readonly string[];
  /** Its version. */
  readonly version: string;
  /** When it started. */
  readonly started_at: string;
  /** It counts as alive until then, and renews this while it is. */
  readonly alive_until: string;
  /** Calls to services that it has open: starts and deliveries. */
  readonly calls_open: number;
  /** The longest that it was held up lately, in milliseconds. */
  readonly lag_ms: number;
  /** How far it finds the clock of NATS ahead of that of Postgres, in milliseconds. */
  readonly skew_ms: number;
}
