// What the API answers about itself, and how it says no.
import * as Schema from "effect/Schema";
import { roles } from "#domain/actor";
import { acceptedVerbs } from "#domain/command";
import { type ErrorCode, errorCodes } from "#domain/errors";
import { type FaultCode, faultCodes } from "#domain/faults";
import { DeliveryState } from "#domain/schema/answers/delivery";
import { State } from "#domain/schema/answers/task";
import { actor, field, int } from "#domain/schema/text";

const upDown = Schema.Literals(["up", "down"]);
export const Health = Schema.Struct({
  status: field(Schema.Literals(["ok", "degraded"]), "`degraded` while Postgres or NATS is away.", { example: "ok" }),
  database: field(upDown, "Whether Postgres answers.", { example: "up" }),
  nats: field(upDown, "Whether NATS is connected.", { example: "up" }),
  pool_size: field(int(0, 100_000), "Connections to Postgres that are open.", { example: 5 }),
  pool_idle: field(int(0, 100_000), "Those of them that are idle.", { example: 5 }),
}).annotate({ identifier: "Health", description: "Whether the process is alive, and what it lacks." });
export const Ready = Schema.Struct({
  status: field(Schema.Literals(["ready", "not ready"]), "Whether the process can do its work now.", {
    example: "ready",
  }),
  ready: field(Schema.Boolean, "The same as a boolean.", { example: true }),
  postgres: field(Schema.Boolean, "Whether Postgres answers.", { example: true }),
  nats: field(Schema.Boolean, "Whether NATS is connected.", { example: true }),
}).annotate({ identifier: "Ready", description: "Whether the process can do its work now." });

export const WhoAmI = Schema.Struct({
  actor: actor("Whom the token that was sent stands for."),
  role: field(Schema.Literals(roles), "What it allows. Without tokens everybody may do everything.", {
    example: "operate",
  }),
}).annotate({ identifier: "WhoAmI", description: "Who calls, as events name it." });

export const Fault = Schema.Struct({
  path: field(
    Schema.String,
    "Where: an RFC 6901 pointer into the body (to the missing member where one is missing), `?name` for a query parameter, `header:Name`, `:id` for the id in the path.",
    { example: "/tasks/2/name" },
  ),
  code: field(Schema.Literals(Object.keys(faultCodes) as FaultCode[]), "What kind of fault it is.", {
    example: "required",
  }),
  message: field(Schema.String, "What is wrong, and what is allowed.", { example: "is required" }),
}).annotate({ identifier: "Fault", description: "One thing that is wrong with a request." });

const refusal = {
  error: field(Schema.String, "A short sentence.", { example: "Validation failed" }),
  code: field(Schema.Literals(Object.keys(errorCodes) as ErrorCode[]), "A stable word for programs.", {
    example: "validation_failed",
  }),
  details: field(Schema.Array(Schema.String), "Every fault for people: `<path>: <what is wrong>`.", {
    example: ["tasks[2].name: is required"],
  }),
  faults: field(Schema.Array(Fault), "The same faults for programs."),
};
export const ErrorAnswer = Schema.Struct(refusal).annotate({
  identifier: "ErrorAnswer",
  description: "Why a call was refused.",
});
export const ValidationError = Schema.Struct({
  ...refusal,
  batch_id: field(Schema.optionalKey(Schema.String), "An id that the batch would have had. There is no such batch.", {
    format: "uuid",
    example: "019b0000-0000-7000-8000-00000000000a",
  }),
}).annotate({ identifier: "ValidationError", description: "Why a batch was not created." });
export const Conflict = Schema.Struct({
  ...refusal,
  current_status: field(State, "The state of the task.", { example: "Success" }),
  allowed: field(Schema.Array(Schema.Literals(acceptedVerbs)), "What the task accepts now; empty when it has ended.", {
    example: [],
  }),
}).annotate({ identifier: "Conflict", description: "The task does not accept this; nothing was changed." });
export const AddingConflict = Schema.Struct({
  ...refusal,
  current_status: field(Schema.optionalKey(State), "The state of the task that would add.", { example: "Success" }),
  allowed: field(
    Schema.optionalKey(Schema.Array(Schema.Literals(acceptedVerbs))),
    "What that task accepts now; empty when it has ended.",
    { example: [] },
  ),
}).annotate({ identifier: "AddingConflict", description: "No task can be added now; nothing was changed." });
export const DeliveryConflict = Schema.Struct({
  ...refusal,
  current_status: field(DeliveryState, "The state of the delivery.", { example: "pending" }),
  allowed: field(Schema.Array(Schema.Literals(acceptedVerbs)), "Always empty.", { example: [] }),
}).annotate({ identifier: "DeliveryConflict", description: "The delivery is still being tried." });
