// Tasks and their events as the API answers them. `ListedTask` is also what is read of a task for a listing.
import * as Schema from "effect/Schema";
import { startKinds } from "#domain/action";
import { deadEnds, joins } from "#domain/propagation/edges";
import { Rule } from "#domain/rules/rule";
import { Retry } from "#domain/schema/task";
import { actor, anyObject, at, atOrNull, countMax, field, id, int, yearSecs } from "#domain/schema/text";
import { taskStates } from "#domain/state";

export const State = Schema.Literals(taskStates).annotate({
  identifier: "TaskStatus",
  description: "The state of a task. Success, Failure, Canceled and Skipped are final.",
});
const status = field(State, "The state of the task.", { example: "Running" });
const attempt = field(int(0, 2 ** 31 - 1), "0 for the first run, one more for each retry.", { example: 0 });
const counted = (what: string) => field(int(0, countMax), what, { example: 10 });

const listed = {
  id: id("The id of the task."),
  local_id: field(Schema.String, "The `id` by which the call named it.", { example: "load" }),
  name: field(Schema.String, "The name for people.", { example: "Load the orders" }),
  kind: field(Schema.String, "What sort of work it is.", { example: "etl" }),
  status,
  timeout: field(int(1, 2 ** 31 - 1), "Seconds without an update after which a Running task is timed out.", {
    example: 60,
  }),
  priority: field(int(-1000, 1000), "Higher ones start first.", { example: 0 }),
  created_at: at("When it was created."),
  started_at: atOrNull("When it was claimed for its present attempt."),
  ended_at: atOrNull("When it ended; null while it is unfinished."),
  last_updated: at("When it last changed; the time-out counts from here."),
  success: counted("How many pieces of work succeeded."),
  failures: counted("How many pieces of work failed."),
  expected_count: field(Schema.NullOr(int(0, countMax)), "How much work there is to count.", { example: 1000 }),
  failure_reason: field(Schema.NullOr(Schema.String), "Why it failed, was canceled or was skipped.", {
    example: "Timeout after 60 s",
  }),
  batch_id: id("The id of its batch."),
  dead_end_barrier: field(Schema.Boolean, "Whether its parents live on if it is canceled as a dead end.", {
    example: false,
  }),
  dead_end: field(Schema.Literals(deadEnds), "Whether it is canceled when no task needs it any more, or goes on.", {
    example: "cancel",
  }),
  join: field(Schema.Literals(joins), "Whether it starts when all of its dependencies are met, or with any one.", {
    example: "all",
  }),
  attempt,
  retry: field(Schema.NullOr(Retry), "How it is tried again, with the defaults filled in; null: it is not."),
  next_retry_at: atOrNull("When the next attempt may begin, while it waits for that."),
  run_at: atOrNull("The time before which it does not start."),
  start_kind: field(
    Schema.NullOr(Schema.Literals(startKinds)),
    "What starts it; null: nothing, it only joins others.",
    {
      example: "Webhook",
    },
  ),
  result: field(Schema.Unknown, "What the work gave: any JSON; null where there is none.", { example: { rows: 1000 } }),
  max_duration_secs: field(
    Schema.NullOr(int(1, yearSecs)),
    "Seconds from its first claim in which the whole task must end; null: no limit.",
    { example: null },
  ),
  expires_secs: field(
    Schema.NullOr(int(1, yearSecs)),
    "Seconds from creation in which it must be claimed for the first time; null: no limit.",
    { example: null },
  ),
};

export const ListedTask = Schema.Struct(listed).annotate({
  identifier: "ListedTask",
  description: "A task as listings show it: without actions, rules and metadata.",
});

const TaskAction = Schema.Struct({
  kind: field(Schema.Literals(startKinds), "An HTTP call, a message, or a gate.", { example: "Webhook" }),
  trigger: field(Schema.Literals(["Start", "End", "Cancel"]), "When it happens.", { example: "End" }),
  on: field(Schema.optionalKey(Schema.Literals(["success", "failure"])), "With which end, for `End`.", {
    example: "success",
  }),
  params: field(anyObject, "What is called or published, as it was sent.", {
    example: { url: "https://service.example.com/run", verb: "Post" },
  }),
}).annotate({ identifier: "TaskAction", description: "An action of a task as it is kept." });

// biome-ignore format: one line
const blockers = ["dependency", "rule", "run_at", "backoff", "paused", "circuit", "unreachable", "slots"] as const;
const Blocker = Schema.Struct({
  type: field(Schema.Literals(blockers), "What holds the task up.", { example: "rule" }),
  task_id: field(Schema.optionalKey(Schema.String), "The unfinished task, of a `dependency`.", {
    format: "uuid",
    example: "019b0000-0000-7000-8000-00000000000a",
  }),
  until: field(Schema.optionalKey(Schema.Date), "When it is over.", {
    format: "date-time",
    example: "2030-01-31T12:00:00.000Z",
  }),
  host: field(
    Schema.optionalKey(Schema.String),
    "Host and port that cannot be called, `nats` for a message; of `slots`, the receiver whose share of the call slots is used up.",
    {
      example: "service.example.com:443",
    },
  ),
  error: field(Schema.optionalKey(Schema.String), "Why the start could not be sent, of `unreachable`.", {
    example: "connect refused",
  }),
  rule: field(Schema.optionalKey(Schema.Unknown), "The rule as it was sent.", {
    example: { type: "Concurrency", max_concurrency: 1, matcher: { kind: "etl", status: "Running", fields: [] } },
  }),
  used: field(Schema.optionalKey(int(0, countMax)), "How much of the limit is used.", { example: 1 }),
  limit: field(Schema.optionalKey(int(0, countMax)), "The limit of the rule.", { example: 1 }),
  holders: field(Schema.optionalKey(Schema.Array(Schema.String)), "The tasks that use it, at most 100 of them.", {
    example: ["019b0000-0000-7000-8000-00000000000b"],
  }),
  missing: field(
    Schema.optionalKey(Schema.Array(Schema.String)),
    "Metadata members that the rule names and the task lacks.",
    { example: ["tenant"] },
  ),
}).annotate({ identifier: "Blocker", description: "Why an unfinished task does not run now." });

export const Task = Schema.Struct({
  ...listed,
  rules: field(Schema.Array(Rule), "Its rules, as they were sent."),
  metadata: field(Schema.NullOr(anyObject), "Its metadata.", { example: { tenant: "a" } }),
  actions: field(Schema.Array(TaskAction), "Its actions, the start action first."),
  blocked_by: field(Schema.optionalKey(Schema.Array(Blocker)), "Why it does not run now; only while it is unfinished."),
}).annotate({ identifier: "Task", description: "A whole task." });
export const CreatedTasks = Schema.Array(Task).annotate({
  identifier: "CreatedTasks",
  description: "The created tasks, in the order sent.",
});

export const TaskState = Schema.Struct({ id: id("The id of the task."), status, attempt }).annotate({
  identifier: "TaskState",
  description: "Where a task stands now.",
});
export const Accepted = Schema.Struct({ id: id("The id of the task.") }).annotate({
  identifier: "Accepted",
  description: "The update is stored and will be counted exactly once.",
});

export const TaskEvent = Schema.Struct({
  id: field(int(1, countMax), "Ids grow; a stream is resumed after one.", { example: 42 }),
  task_id: id("The task."),
  batch_id: id("Its batch."),
  from: field(State, "The state before.", { example: "Claimed" }),
  to: field(State, "The state after; the same as `from` for a report that was refused.", { example: "Running" }),
  event: field(Schema.String, "What happened: the event of the task's machine.", { example: "started" }),
  at: at("When."),
  attempt,
  reason: field(Schema.NullOr(Schema.String), "Why: the failure reason, or what who asked gave as `reason`.", {
    example: "disk full",
  }),
  actor: actor("Who did it."),
}).annotate({ identifier: "TaskEvent", description: "One transition of a task, or a report that was refused." });

export const DryRun = Schema.Struct({
  levels: field(Schema.Array(Schema.Array(Schema.String)), "Ids as sent, by how far each task is from the start.", {
    example: [["extract"], ["load"]],
  }),
  deduplicated: field(Schema.Array(Schema.String), "Ids of the tasks that would be left out.", { example: [] }),
  rules: field(
    Schema.Array(
      Schema.Struct({
        id: field(Schema.String, "The `id` of the task.", { example: "load" }),
        rule: field(Rule, "One of its rules."),
      }).annotate({ identifier: "TaskRule", description: "A rule, with the task that carries it." }),
    ),
    "All rules of all tasks.",
  ),
  warnings: field(
    Schema.Array(Schema.String),
    "What is sound and surely not meant, such as a rule that can admit nothing.",
    {
      example: [],
    },
  ),
}).annotate({ identifier: "DryRun", description: "What a call would create." });
