// Admission rules and dedupe matchers: their shapes as sent. Rules are kept and returned as they were sent; the form without
// aliases, by which they are decided, is made where their keys are: in Postgres (`rule_terms`).
import * as Schema from "effect/Schema";
import { countMax, field, int, name, opt } from "#domain/schema/text";
import { taskStates } from "#domain/state";

const limit = int(1, countMax);
const fields = field(
  Schema.Array(name(255)),
  "Names of top-level metadata members whose values must be equal, at most 50.",
  {
    example: ["tenant"],
  },
);
const kindOf = field(name(100), "The kind of the tasks that match.", { example: "resize" });
const Matcher = Schema.Struct({
  kind: kindOf,
  status: field(Schema.Literal("Running"), "Always `Running`: tasks that are Claimed or Running match.", {
    example: "Running",
  }),
  fields,
}).annotate({
  identifier: "Matcher",
  description:
    "Which tasks a rule counts: those of a kind whose metadata has the values of the task that carries the rule.",
});
const matcher = field(Matcher, "Which tasks count, whether or not they carry a rule themselves.", {
  example: { kind: "resize", status: "Running", fields: ["tenant"] },
});
const Started = Schema.Struct({
  kind: kindOf,
  status: opt(Schema.Literal("Running"), "May be left out; `Running` if it is there.", {
    example: "Running",
  }),
  fields,
}).annotate({
  identifier: "RateMatcher",
  description: "Whose starts a Rate counts: those of a kind whose metadata has the values of the task that carries it.",
});
/** A window of a Rate is at most a day. */
export const perSecsMax = 86_400;
const concurrency = "At most so many tasks that match are Claimed or Running at once.";
/** Understood, and named in no error and no document: it is a misspelling of others. */
const hidden = { hidden: true } as const;

/** A rule as sent; the second is ArcRun's spelling of the first. */
export const Rule = Schema.Union([
  Schema.Struct({
    type: field(Schema.Literal("Concurrency"), concurrency, { example: "Concurrency" }),
    max_concurrency: field(limit, "How many at once.", { example: 5 }),
    matcher,
  }),
  Schema.Struct({
    type: field(Schema.Literal("Concurency").annotate(hidden), concurrency),
    max_concurency: field(limit, "How many at once."),
    matcher,
  }).annotate(hidden),
  Schema.Struct({
    type: field(
      Schema.Literal("Capacity"),
      "Starts only while the work that is left of the tasks that match is below a limit. The task needs `expected_count`.",
      { example: "Capacity" },
    ),
    max_capacity: field(limit, "The sum of `expected_count - success - failures` that is not reached before a start.", {
      example: 1000,
    }),
    matcher,
  }),
  Schema.Struct({
    type: field(
      Schema.Literal("Rate"),
      "Starts only while fewer tasks that match were started within a window of time; each start call counts.",
      { example: "Rate" },
    ),
    max_starts: field(limit, "How many starts in any window.", { example: 100 }),
    per_secs: field(int(1, perSecsMax), "The length of the window in seconds.", { example: 60 }),
    matcher: field(Started, "Whose starts count, whether or not they carry a rule themselves.", {
      example: { kind: "resize", fields: ["tenant"] },
    }),
  }),
]).annotate({
  identifier: "Rule",
  description:
    "A limit on starting tasks. All rules of a task must admit it; a task that is held up delays no task of other rules or values.",
});
export type Rule = (typeof Rule)["Type"];

/** A matcher of `dedupe_strategy`: a task of this kind and status with equal values of these metadata fields. */
export const Dedupe = Schema.Struct({
  kind: kindOf,
  status: field(Schema.Literals(taskStates), "The state of the task that is there already.", { example: "Pending" }),
  fields,
}).annotate({
  identifier: "Dedupe",
  description:
    "Leaves the new task out if there is a task of this kind and status with equal values of these metadata members.",
});
export type Dedupe = (typeof Dedupe)["Type"];

/** The most rules, dedupe matchers of one task, and fields of one matcher. */
export const rulesMax = 50;
export const matcherFieldsMax = 50;
