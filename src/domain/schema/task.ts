// What POST /task takes: a task and the two forms of a batch, as schemas. What a schema cannot say is in schema/batch.ts.
import * as Schema from "effect/Schema";
import { Dedupe, Rule } from "#domain/rule";
import { LaterAction, StartAction } from "#domain/schema/action";
import { anyObject, count, int, name, number, opt, priority, time } from "#domain/schema/text";

const causes = ["timeout", "start_failure", "explicit"] as const;
const yearSecs = 365 * 86_400;

export const Retry = Schema.Struct({
  max_retries: int(0, 1000),
  initial_delay_secs: opt(number(0, yearSecs)),
  backoff_multiplier: opt(number(1, 1000)),
  max_delay_secs: opt(number(0, yearSecs)),
  retry_on: opt(Schema.Array(Schema.Literals(causes))),
});

export const Dependency = Schema.Struct({
  id: name(255),
  requires_success: opt(Schema.Boolean),
  condition: opt(Schema.Literals(["always", "on_success", "on_failure"])),
});

/** A task as sent. */
export const NewTask = Schema.Struct({
  id: name(255),
  name: name(255),
  kind: name(100),
  timeout: opt(int(1, 86_400)),
  metadata: opt(anyObject),
  on_start: opt(StartAction),
  on_success: opt(Schema.Array(LaterAction)),
  on_failure: opt(Schema.Array(LaterAction)),
  on_cancel: opt(Schema.Array(LaterAction)),
  dependencies: opt(Schema.Array(Dependency)),
  rules: opt(Schema.Array(Rule)),
  dedupe_strategy: opt(Schema.Array(Dedupe)),
  expected_count: opt(count),
  priority: opt(priority),
  dead_end_barrier: opt(Schema.Boolean),
  retry: opt(Retry),
  run_at: opt(time),
  delay_secs: opt(int(0, yearSecs)),
});
export type NewTask = (typeof NewTask)["Type"];

const envelope = {
  on_batch_complete: opt(Schema.Union([LaterAction, Schema.Array(LaterAction)])),
  scope: opt(name(255)),
  metadata: opt(anyObject),
};

/** The object form of the body; its tasks are decoded one by one. */
export const Envelope = Schema.Struct({ ...envelope, tasks: Schema.Array(Schema.Unknown) });
export type Envelope = (typeof Envelope)["Type"];

/** Both forms, for the documentation. */
export const NewBatch = Schema.Union([
  Schema.Array(NewTask),
  Schema.Struct({ ...envelope, tasks: Schema.Array(NewTask) }),
]);
