// Batches as the API answers them, and what came of asking something of a whole batch.
import * as Schema from "effect/Schema";
import { conditions } from "#domain/propagation/edges";
import { ListedTask } from "#domain/schema/answers/task";
import { actor, anyObject, at, atOrNull, countMax, field, id, idOrNull, int } from "#domain/schema/text";
import { taskStates } from "#domain/state";

const count = (what: string) => field(int(0, countMax), what, { example: 3 });
const batch_id = id("The id of the batch.");
const counts = (names: readonly string[], what: (name: string) => string) =>
  Object.fromEntries(names.map((name) => [name, count(what(name))]));

const StatusCounts = Schema.Struct(
  counts(
    taskStates.map((state) => state.toLowerCase()),
    (state) => `Tasks that are ${state}.`,
  ),
).annotate({ identifier: "StatusCounts", description: "How many tasks are in each state." });

export const batchStates = ["running", "paused", "success", "failure", "canceled"] as const;
const BatchState = Schema.Literals(batchStates).annotate({
  identifier: "BatchStatus",
  description:
    "When complete: `failure` if any task failed, else `canceled` if any was, dead ends aside, else `success`.",
});

const OfSchedule = Schema.Struct({
  name: field(Schema.String, "The name of the schedule.", { example: "nightly" }),
  at: at("The time; of a batch that was run by hand, when that was."),
}).annotate({ identifier: "OfSchedule", description: "The schedule and the time that a batch was made for." });

const listed = {
  batch_id,
  status: field(BatchState, "The state of the batch.", { example: "running" }),
  total_tasks: count("How many tasks it has."),
  total_success: field(Schema.Finite, "The sum of `success` over its tasks.", { example: 30 }),
  total_failures: field(Schema.Finite, "The sum of `failures` over its tasks.", { example: 0 }),
  total_expected: field(Schema.NullOr(Schema.Finite), "The sum of `expected_count`; null where any task has none.", {
    example: 3000,
  }),
  status_counts: field(StatusCounts, "How many tasks are in each state."),
  scope: field(Schema.NullOr(Schema.String), "The name that groups batches.", { example: "nightly" }),
  metadata: field(Schema.NullOr(anyObject), "The metadata of the batch.", { example: { owner: "data" } }),
  created_at: at("When it was created."),
  first_created_at: at("The same as `created_at`."),
  latest_updated_at: at("The newest `last_updated` of its tasks; `created_at` where it has none."),
  completed_at: atOrNull("When its last task ended; null while it is not complete."),
  kinds: field(Schema.Array(Schema.String), "The kinds of its tasks, each once, sorted.", { example: ["etl"] }),
  paused: field(Schema.Boolean, "Whether it is paused.", { example: false }),
  open: field(Schema.Boolean, "Whether it stays incomplete, whatever has ended.", { example: false }),
  propagating: field(Schema.Boolean, "Whether what follows from a command or an end is not all done yet.", {
    example: false,
  }),
  deadline_at: atOrNull("When it is stopped if it is not complete; null: it has no deadline."),
  rerun_of: idOrNull("The batch that this one runs again."),
  schedule: field(
    Schema.NullOr(OfSchedule),
    "The schedule that it is of, and the time that it was made for; null: of none.",
  ),
  created_by: actor("Who created it."),
};
export const ListedBatch = Schema.Struct(listed).annotate({
  identifier: "ListedBatch",
  description: "A batch: its sums, and how many tasks are in each state.",
});

const FirstFailure = Schema.Struct({
  task_id: id("The id of the task."),
  local_id: field(Schema.String, "The `id` by which the call named it.", { example: "load" }),
  name: field(Schema.String, "The name for people.", { example: "Load the orders" }),
  reason: field(Schema.NullOr(Schema.String), "Why it failed.", { example: "Timeout after 60 s" }),
  at: at("When it failed."),
  followed: count("How many tasks of the batch failed because a parent did."),
}).annotate({ identifier: "FirstFailure", description: "The first task of a batch that failed by itself." });

export const Batch = Schema.Struct({
  ...listed,
  first_failure: field(Schema.NullOr(FirstFailure), "The first task that failed by itself; null where none has."),
}).annotate({ identifier: "Batch", description: "A batch as listings show it, and what failed first." });

const Link = Schema.Struct({
  parent_id: id("The task that is depended on."),
  child_id: id("The task that depends on it."),
  requires_success: field(Schema.Boolean, "Whether the child fails if the parent does not succeed.", { example: true }),
  condition: field(
    Schema.NullOr(Schema.Literals(conditions)),
    "When the child runs, as it was sent; null where none was.",
    { example: null },
  ),
}).annotate({ identifier: "Link", description: "An edge of the graph." });

export const Dag = Schema.Struct({
  tasks: field(Schema.Array(ListedTask), "Its tasks in the order of creation, but parents before children."),
  links: field(Schema.Array(Link), "Every edge from a task of this page to one above it."),
}).annotate({ identifier: "Dag", description: "The graph of a batch." });

export const stoppedCounts = [
  ...["waiting", "pending", "claimed", "running", "paused", "retrying"].map((state) => `canceled_${state}`),
  "already_terminal",
] as const;
export const Stopped = Schema.Struct({
  batch_id,
  ...counts(stoppedCounts, (name) =>
    name === "already_terminal" ? "Tasks that had ended before." : `Tasks that were ${name.slice(9)} and are canceled.`,
  ),
}).annotate({ identifier: "Stopped", description: "How many tasks were canceled, by the state they were in." });

export const BatchPaused = Schema.Struct({ batch_id, paused: count("How many tasks were paused.") }).annotate({
  identifier: "BatchPaused",
  description: "What came of pausing a batch.",
});
export const BatchResumed = Schema.Struct({ batch_id, resumed: count("How many tasks were resumed.") }).annotate({
  identifier: "BatchResumed",
  description: "What came of resuming a batch.",
});
export const BatchClosed = Schema.Struct({
  batch_id,
  open: field(Schema.Literal(false), "It is not open any more.", { example: false }),
}).annotate({ identifier: "BatchClosed", description: "What came of closing a batch." });
export const RulesSet = Schema.Struct({
  batch_id,
  kind: field(Schema.String, "The kind of the tasks.", { example: "resize" }),
  updated_count: count("How many unfinished tasks have these rules now."),
}).annotate({ identifier: "RulesSet", description: "What came of new rules." });

/** The same answer while what follows from the command is not done yet. */
export const goingOn = <Fields extends Schema.Struct.Fields>(name: string, fields: Fields) =>
  Schema.Struct({
    ...fields,
    propagating: field(Schema.Literal(true), "The command is committed; what follows from it goes on by itself.", {
      example: true,
    }),
  }).annotate({ identifier: `${name}Propagating`, description: "What is known so far, where it takes over 10 s." });
