// Deliveries and circuits as the API answers them.
import * as Schema from "effect/Schema";
import { at, atOrNull, countMax, field, id, idOrNull, int } from "#domain/schema/text";

export const deliveryStates = ["pending", "success", "exhausted"] as const;
export const DeliveryState = Schema.Literals(deliveryStates).annotate({
  identifier: "DeliveryStatus",
  description: "`pending`: still being tried. `success`: it arrived. `exhausted`: every attempt failed.",
});
const status = field(DeliveryState, "How far it is.", { example: "pending" });
const httpStatus = Schema.NullOr(int(100, 999));

const delivery = {
  id: id("The id of the delivery."),
  task_id: idOrNull("The task it is about; null: a batch is complete."),
  batch_id: id("The batch."),
  trigger: field(Schema.Literals(["end", "cancel"]), "What happened.", { example: "end" }),
  key: field(Schema.String, "The `Idempotency-Key` of all its attempts.", {
    example: "019b0000-0000-7000-8000-00000000000a:end:success",
  }),
  receiver: field(Schema.NullOr(Schema.String), "Host and port that are called; null for a message.", {
    example: "service.example.com:443",
  }),
  status,
  attempts: field(int(0, countMax), "Attempts since it was created, or replayed.", { example: 1 }),
  next_at: at("When it is tried next."),
  last_status: field(httpStatus, "HTTP status of the last attempt; null where there was no answer.", { example: 503 }),
  last_error: field(Schema.NullOr(Schema.String), "What went wrong with the last attempt.", { example: "HTTP 503" }),
  created_at: at("When it was created."),
};
export const Delivery = Schema.Struct(delivery).annotate({
  identifier: "Delivery",
  description: "A notification that a task or a batch has ended, or that a task is canceled: one for each action.",
});

const DeliveryAttempt = Schema.Struct({
  n: field(
    int(1, countMax),
    "From 1; goes on over a replay, while the number of `attempts` in the listing begins at 0 again.",
    { example: 1 },
  ),
  at: at("When the attempt began."),
  status: field(httpStatus, "HTTP status; null where there was no answer, or no HTTP.", { example: 503 }),
  duration_ms: field(int(0, countMax), "How long it took, in milliseconds.", { example: 12 }),
  error: field(Schema.NullOr(Schema.String), "What went wrong.", { example: "HTTP 503" }),
  answer: field(Schema.NullOr(Schema.String), "The first 2 KB of what was answered.", { example: "try later" }),
}).annotate({ identifier: "DeliveryAttempt", description: "How one attempt to deliver went." });

export const DeliveryWithAttempts = Schema.Struct({
  ...delivery,
  attempts: field(Schema.Array(DeliveryAttempt), "Every attempt, oldest first."),
}).annotate({ identifier: "DeliveryWithAttempts", description: "A delivery with its attempts." });

export const DeliveryReplayed = Schema.Struct({ id: id("The id of the delivery."), status }).annotate({
  identifier: "DeliveryReplayed",
  description: "The delivery is due now.",
});
export const Replayed = Schema.Struct({
  replayed: field(int(0, countMax), "How many deliveries are due again.", { example: 3 }),
}).annotate({ identifier: "Replayed", description: "What came of replaying deliveries." });

export const Circuit = Schema.Struct({
  receiver: field(Schema.String, "Scheme, host and port, as actions name it.", {
    example: "https://service.example.com",
  }),
  host: field(Schema.String, "Host and port.", { example: "service.example.com:443" }),
  state: field(Schema.Literals(["closed", "open", "half_open"]), "`open`: it is not called for now.", {
    example: "open",
  }),
  failures: field(int(0, countMax), "Failures in a row.", { example: 5 }),
  until: atOrNull("When it may be tried again; null while the circuit is closed."),
}).annotate({ identifier: "Circuit", description: "The circuit of a receiver that has failed lately." });
