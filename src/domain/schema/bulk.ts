// What POST /bulk takes, and how bulk operations are answered. The filters are those of the listings; how their values are read
// is for whoever knows the queries (src/http/bulk).
import * as Schema from "effect/Schema";
import { startKinds } from "#domain/action";
import { reasonCharsMax } from "#domain/actor";
import { bulkActions, bulkKinds, bulkStates } from "#domain/bulk";
import { batchStates } from "#domain/schema/answers/batch";
import { deliveryStates } from "#domain/schema/answers/delivery";
import { decoder } from "#domain/schema/decode";
import { actor, anyObject, at, atOrNull, countMax, exampleId, field, id, int, opt, text } from "#domain/schema/text";
import { taskStates } from "#domain/state";

const states = <T extends string>(all: readonly T[], what: string, example: T) =>
  opt(Schema.Union([Schema.Array(Schema.Literals(all)), Schema.String]), `${what} A list, or a text with commas.`, {
    example: [example],
  });
const part = (what: string, example: string) => opt(Schema.String, what, { example });
const object = (what: string) =>
  opt(Schema.Union([anyObject, Schema.String]), `${what} An object, or its JSON as a text.`, {
    example: { tenant: "a" },
  });
const idOf = (what: string) => opt(Schema.String, what, { format: "uuid", example: exampleId });
const time = (what: string) => opt(Schema.String, what, { format: "date-time", example: "2030-01-31T12:00:00.000Z" });

const BulkTasks = Schema.Struct({
  status: states(
    taskStates,
    "Tasks in one of these states. Those that have left them by their turn are skipped.",
    "Pending",
  ),
  kind: part("Tasks whose kind contains this text.", "etl"),
  name: part("Tasks whose name contains this text.", "orders"),
  batch_id: idOf("Tasks of this batch."),
  metadata: object("Tasks whose metadata contains this."),
  timeout: opt(Schema.Union([int(0, 2 ** 31 - 1), Schema.String]), "Tasks with this timeout, in seconds.", {
    example: 60,
  }),
  start_kind: opt(Schema.Literals([...startKinds, "none"]), "Tasks that start so.", { example: "Wait" }),
}).annotate({ identifier: "BulkTasks", description: "Filters of `GET /task`; at least one." });

const BulkBatches = Schema.Struct({
  status: states(
    [...taskStates, ...batchStates],
    "Batches with a task in one of these states or, in lower case, in one of these themselves.",
    "running",
  ),
  kind: part("Batches with a task whose kind contains this text.", "etl"),
  name: part("Batches with a task whose name contains this text.", "orders"),
  scope: part("Batches of exactly this scope.", "nightly"),
  metadata: object("Batches whose own metadata contains this."),
  created_after: time("Batches created after this time."),
  created_before: time("Batches created before this time."),
}).annotate({ identifier: "BulkBatches", description: "Filters of `GET /batches`; at least one." });

const BulkDeliveries = Schema.Struct({
  status: states(deliveryStates, "Deliveries in one of these states.", "exhausted"),
  task_id: idOf("Deliveries about this task."),
  batch_id: idOf("Deliveries about this batch and its tasks."),
  receiver: part("Deliveries to this receiver, as `host:port`.", "service.example.com:443"),
}).annotate({ identifier: "BulkDeliveries", description: "Filters of `GET /webhook-deliveries`; at least one." });

const action = field(
  Schema.Literals(bulkActions),
  "`cancel`, `pause` and `resume` take tasks or batches; `rerun` takes batches, and runs what failed in them; `replay` takes deliveries.",
  { example: "cancel" },
);
const rest = {
  reason: opt(text(reasonCharsMax), "Why: it stands in the events of what is changed. An empty one is none.", {
    example: "wrong input",
  }),
  dry_run: opt(Schema.Boolean, "Only count what matches now.", { default: false, example: true }),
};

/** Body of POST /bulk, as it is documented. */
export const Bulk = Schema.Struct({
  action,
  tasks: opt(BulkTasks, "The tasks that are meant; one of the three."),
  batches: opt(BulkBatches, "The batches that are meant."),
  deliveries: opt(BulkDeliveries, "The deliveries that are meant."),
  ...rest,
}).annotate({
  identifier: "Bulk",
  description:
    "An action on everything that matches. Filters have the values of the listing's query, or JSON; an empty text and `{}` are no filter.",
});

const filters = opt(anyObject, "Filters of the listing.");
/** The same, but for what is inside of the filters. */
export const decodeBulk = decoder(
  Schema.Struct({ action, tasks: filters, batches: filters, deliveries: filters, ...rest }),
);

const counted = (what: string) => field(int(0, countMax), what, { example: 120 });
const matched = field(Schema.NullOr(int(0, countMax)), "How many match; null while it is not known.", { example: 120 });

export const BulkMatched = Schema.Struct({
  matched: counted("How many match now."),
  sample: field(Schema.Array(Schema.String), "Ids of the first of them, at most 10.", { example: [exampleId] }),
  more: Schema.optionalKey(Schema.Literal(true)).annotateKey({
    description: "There are more, which were not counted.",
    examples: [true],
  }),
}).annotate({ identifier: "BulkMatched", description: "What a bulk operation would take." });

export const BulkAsked = Schema.Struct({ bulk_id: id("The id of the operation."), matched }).annotate({
  identifier: "BulkAsked",
  description: "A bulk operation that was begun.",
});

export const BulkOperation = Schema.Struct({
  bulk_id: id("The id of the operation: its events have the actor `bulk:<id>`."),
  action,
  filter: field(anyObject, `What it takes: ${bulkKinds.join(", ")} by these filters.`, {
    example: { tasks: { status: ["Pending"], kind: "etl" } },
  }),
  reason: field(Schema.NullOr(Schema.String), "Why.", { example: "wrong input" }),
  actor: actor("Who asked for it:"),
  state: field(
    Schema.Literals(bulkStates),
    "`collecting`: the set is not known yet. `running`: it is worked off. `done`, `stopped`: it is over, and its counts are exact.",
    { example: "running" },
  ),
  matched,
  done: counted("How many were taken."),
  skipped: counted("How many did not take it in their state, or had left the status of the filter."),
  failed: counted("How many could not be done for another reason: they are gone, or could not be decided."),
  created_at: at("When it was asked for."),
  ended_at: atOrNull("When it was over."),
}).annotate({ identifier: "BulkOperation", description: "A bulk operation, and how far it is." });
