// The answers as ArcRun's clients read them: every field that they need, with the type that they need it in. What is not named
// here they pass over. Their states are widened by our two, and integers are theirs: 32 bits where they take 32.
import * as Schema from "effect/Schema";

const int = (bits: 32 | 64) =>
  Schema.Int.check(
    Schema.isBetween({
      minimum: bits === 32 ? -(2 ** 31) : Number.MIN_SAFE_INTEGER,
      maximum: bits === 32 ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER,
    }),
  );
const uuid = Schema.String.check(Schema.isPattern(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const time = Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/));
const orNull = <T extends Schema.Top>(type: T) => Schema.NullOr(type);
const anyObject = Schema.Record(Schema.String, Schema.Unknown);

const own = ["Waiting", "Pending", "Claimed", "Running", "Failure", "Success", "Paused", "Canceled"] as const;
const Status = Schema.Literals([...own, "Retrying", "Skipped"]);
const Matcher = Schema.Struct({ status: Status, kind: Schema.String, fields: Schema.Array(Schema.String) });
const Strategy = Schema.Union([
  Schema.Struct({ type: Schema.Literal("Concurency"), max_concurency: int(32), matcher: Matcher }),
  Schema.Struct({ type: Schema.Literal("Capacity"), max_capacity: int(32), matcher: Matcher }),
]);

const basic = {
  id: uuid,
  name: Schema.String,
  kind: Schema.String,
  status: Status,
  created_at: time,
  started_at: orNull(time),
  success: int(32),
  failures: int(32),
  expected_count: orNull(int(32)),
  ended_at: orNull(time),
  batch_id: uuid,
  dead_end_barrier: Schema.Boolean,
  priority: int(32),
};

/** A task in listings, in answers to a creation and in a DAG. */
export const BasicTask = Schema.Struct(basic);
export const BasicTasks = Schema.Array(BasicTask);

export const TaskDetail = Schema.Struct({
  ...basic,
  timeout: int(32),
  rules: Schema.Array(Strategy),
  metadata: anyObject,
  actions: Schema.Array(
    Schema.Struct({
      kind: Schema.Literal("Webhook"),
      trigger: Schema.Literals(["Start", "End", "Cancel"]),
      params: anyObject,
    }),
  ),
  last_updated: time,
  failure_reason: orNull(Schema.String),
});

export const Dag = Schema.Struct({
  tasks: BasicTasks,
  links: Schema.Array(Schema.Struct({ parent_id: uuid, child_id: uuid, requires_success: Schema.Boolean })),
});

const counts = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, int(64)]));
export const BatchSummaries = Schema.Array(
  Schema.Struct({
    batch_id: uuid,
    total_tasks: int(64),
    first_created_at: time,
    latest_updated_at: time,
    status_counts: Schema.Struct(counts(...own.map((state) => state.toLowerCase()))),
    kinds: Schema.Array(Schema.String),
  }),
);
export const StoppedBatch = Schema.Struct({
  batch_id: uuid,
  ...counts("canceled_waiting", "canceled_pending", "canceled_claimed", "canceled_running", "canceled_paused"),
  ...counts("already_terminal"),
});
export const RulesUpdated = Schema.Struct({ batch_id: uuid, kind: Schema.String, updated_count: int(64) });

export const Health = Schema.Struct({
  status: Schema.String,
  database: Schema.String,
  pool_size: int(32),
  pool_idle: int(32),
});
export const Ready = Schema.Struct({ status: Schema.String });
/** Of every refusal. */
export const ApiError = Schema.Struct({ error: Schema.String, details: Schema.Array(Schema.String) });
