// Admission rules and dedupe matchers: their shapes as sent. Rules are kept and returned as they were sent; the form without
// aliases, by which they are decided, is made where their keys are: in Postgres (`rule_terms`).
import * as Schema from "effect/Schema";
import { countMax, int, name } from "#domain/schema/text";
import { taskStates } from "#domain/state";

const limit = int(1, countMax);
const fields = Schema.Array(name(255));
const Matcher = Schema.Struct({ kind: name(100), status: Schema.Literal("Running"), fields });

/** A rule as sent; the second is ArcRun's spelling of the first. */
export const Rule = Schema.Union([
  Schema.Struct({ type: Schema.Literal("Concurrency"), max_concurrency: limit, matcher: Matcher }),
  Schema.Struct({ type: Schema.Literal("Concurency"), max_concurency: limit, matcher: Matcher }),
  Schema.Struct({ type: Schema.Literal("Capacity"), max_capacity: limit, matcher: Matcher }),
]);
export type Rule = (typeof Rule)["Type"];

/** A matcher of `dedupe_strategy`: a task of this kind and status with equal values of these metadata fields. */
export const Dedupe = Schema.Struct({ kind: name(100), status: Schema.Literals(taskStates), fields });
export type Dedupe = (typeof Dedupe)["Type"];

/** The most rules, dedupe matchers of one task, and fields of one matcher. */
export const rulesMax = 50;
export const matcherFieldsMax = 50;
