// What POST /task takes: a task and the two forms of a batch, as schemas. What a schema cannot say is in schema/batch.ts.
import * as Schema from "effect/Schema";
import { conditions, deadEnds, joins } from "#domain/propagation/edges";
import { Dedupe, Rule } from "#domain/rules/rule";
import { LaterAction, StartAction } from "#domain/schema/action";
import { anyObject, count, field, int, name, number, opt, priority, time, yearSecs } from "#domain/schema/text";

const causes = ["timeout", "start_failure", "explicit"] as const;

export const Retry = Schema.Struct({
  max_retries: field(int(0, 1000), "How many attempts may follow the first.", { example: 3 }),
  initial_delay_secs: opt(number(0, yearSecs), "Seconds before the first retry.", { default: 5, example: 10 }),
  backoff_multiplier: opt(number(1, 1000), "Each further retry waits so many times as long.", {
    default: 2,
    example: 2,
  }),
  max_delay_secs: opt(number(0, yearSecs), "The longest wait, in seconds.", { default: 300, example: 600 }),
  retry_on: opt(
    Schema.Array(Schema.Literals(causes)),
    "What is retried: a time-out, a start action that failed, a report of Failure.",
    { default: causes, example: ["timeout"] },
  ),
}).annotate({
  identifier: "Retry",
  description: "How a task that fails is tried again. A wait is never shorter, and at most a tenth longer.",
});

const Dependency = Schema.Struct({
  id: field(name(255), "The `id` of another task of the call.", { example: "extract" }),
  requires_success: opt(
    Schema.Boolean,
    "`true`: if that task does not end in Success, this one fails. `false`: as `condition: always`. Not beside `condition`.",
    { example: true },
  ),
  condition: opt(
    Schema.Literals(conditions),
    "When this task runs, by how that one ended; else it is Skipped. `always` where neither is given. The table is in docs/edges.md.",
    { default: "always", example: "on_failure" },
  ),
}).annotate({
  identifier: "DependencyInput",
  description: "An edge to another task of the same call, in any order. This task starts when that one has ended.",
  message: 'must be an object with the id of a task, such as {"id": "extract"}',
});

const deadEnd = Schema.Literals(deadEnds);

/** A task as sent. */
export const NewTask = Schema.Struct({
  id: field(name(255), "A name within the call; dependencies refer to it.", { example: "load" }),
  name: field(name(255), "A name for people.", { example: "Load the orders" }),
  kind: field(name(100), "What sort of work it is; rules and filters go by it.", { example: "etl" }),
  timeout: opt(
    int(1, yearSecs),
    "Seconds without an update after which a Running task is timed out; 31,536,000 by default for a `Wait` start.",
    { default: 60, example: 300 },
  ),
  max_duration_secs: opt(
    int(1, yearSecs),
    "Seconds from its first claim in which the whole task must end, over all retries and pauses. Left out: no limit.",
    { example: 3600 },
  ),
  expires_secs: opt(
    int(1, yearSecs),
    "Seconds from creation in which it must be claimed for the first time, else it fails. Not less than it is delayed. Left out: no limit.",
    { example: 600 },
  ),
  metadata: opt(anyObject, "A JSON object, at most 65,536 bytes; rules and filters go by it.", {
    example: { tenant: "a" },
  }),
  on_start: opt(StartAction, "What starts the work. Left out: the task only joins others, and succeeds by itself."),
  on_success: opt(Schema.Array(LaterAction), "What follows when the task ends in Success.", {
    default: [],
    example: [],
  }),
  on_failure: opt(Schema.Array(LaterAction), "What follows when the task ends in Failure.", {
    default: [],
    example: [],
  }),
  on_cancel: opt(
    Schema.Array(LaterAction),
    "What tells the service to stop: when a task that was started is canceled, timed out, or fails to start.",
    { default: [], example: [] },
  ),
  dependencies: opt(Schema.Array(Dependency), "The tasks that must have ended before, each once.", {
    default: [],
    example: [{ id: "extract", requires_success: true }],
  }),
  rules: opt(Schema.Array(Rule), "Limits that must admit the task before it starts, at most 50.", {
    default: [],
    example: [],
  }),
  join: opt(
    Schema.Literals(joins),
    "`all`: it starts when every dependency is met. `any`: with the first one that is; it is lost only when none can be met any more.",
    { default: "all", example: "any" },
  ),
  dedupe_strategy: opt(
    Schema.Array(Dedupe),
    "The task is left out if any of these matches; what depends on it takes it for met.",
    { default: [], example: [{ kind: "etl", status: "Pending", fields: ["tenant"] }] },
  ),
  expected_count: opt(count, "How much work there is to count, for Capacity rules and for those who look.", {
    example: 1000,
  }),
  priority: opt(priority, "Higher ones start first.", { default: 0, example: 10 }),
  dead_end_barrier: opt(Schema.Boolean, "If the task is canceled as a dead end, its parents are not.", {
    default: false,
    example: true,
  }),
  paused: opt(
    Schema.Boolean,
    "It is created Paused, and stays so until somebody resumes it; a resume of its batch does not.",
    { default: false, example: true },
  ),
  dead_end: opt(
    deadEnd,
    "What becomes of it when the last unfinished task that depends on it ends: it is canceled as a dead end, or goes on. Left out: as the batch says.",
    { default: "cancel", example: "keep" },
  ),
  retry: opt(Retry, "How it is tried again when it fails. Left out: it is not."),
  run_at: opt(time, "It does not start before; at most one year ahead. Not beside `delay_secs`.", {
    example: "2030-01-31T12:00:00.000Z",
  }),
  delay_secs: opt(int(0, yearSecs), "Seconds from creation before which it does not start.", {
    default: 0,
    example: 60,
  }),
}).annotate({ identifier: "TaskInput", description: "A task as it is sent." });
export type NewTask = (typeof NewTask)["Type"];

const envelope = {
  on_batch_complete: opt(
    Schema.Union([LaterAction, Schema.Array(LaterAction)]),
    "What follows, once, when the last task of the batch has ended: one action or several.",
    { example: [] },
  ),
  scope: opt(name(255), "A name that groups batches; listings filter by it.", { example: "nightly" }),
  metadata: opt(anyObject, "A JSON object of the batch, at most 65,536 bytes.", { example: { owner: "data" } }),
  paused: opt(Schema.Boolean, "The batch is created paused: nothing of it starts until it is resumed.", {
    default: false,
    example: true,
  }),
  open: opt(
    Schema.Boolean,
    "The batch does not complete, whatever has ended, until it is closed, stopped, or its deadline passes; until then no task of it is a dead end.",
    { default: false, example: true },
  ),
  deadline_secs: opt(
    int(1, yearSecs),
    "Seconds from creation after which the batch is stopped if it is not complete. Left out: it has no deadline.",
    { example: 86_400 },
  ),
  dead_end: opt(deadEnd, "The `dead_end` of all its tasks that say nothing themselves.", {
    default: "cancel",
    example: "keep",
  }),
};

/** The object form of the body; its tasks are decoded one by one. */
export const Envelope = Schema.Struct({ ...envelope, tasks: Schema.Array(Schema.Unknown) });
export type Envelope = (typeof Envelope)["Type"];

/** The object form of what is added to a batch. */
export const AddedEnvelope = Schema.Struct({ tasks: Schema.Array(Schema.Unknown) });

/** Both forms, for the documentation. */
const BatchInput = Schema.Struct({
  tasks: field(Schema.Array(NewTask), "The tasks, each with an `id` of its own.", {
    example: [{ id: "a", name: "A", kind: "demo" }],
  }),
  ...envelope,
}).annotate({ identifier: "BatchInput", description: "A batch as it is sent." });
export const NewBatch = Schema.Union([BatchInput, Schema.Array(NewTask)]).annotate({
  identifier: "NewBatch",
  description: "The tasks of a batch, alone or with what holds for the whole batch.",
});

const AddedInput = Schema.Struct({
  tasks: field(Schema.Array(NewTask), "The tasks, each with an `id` that the batch does not have.", {
    example: [{ id: "a", name: "A", kind: "demo" }],
  }),
}).annotate({ identifier: "AddedInput", description: "Tasks that are added to a batch." });
export const AddedTasks = Schema.Union([AddedInput, Schema.Array(NewTask)]).annotate({
  identifier: "AddedTasks",
  description: "The tasks to add, alone or as `tasks`. Dependencies may also name tasks of the batch.",
});
