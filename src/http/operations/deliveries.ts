// The operations on deliveries, and on the circuits of their receivers.
import {
  Circuit,
  Delivery,
  DeliveryReplayed,
  DeliveryWithAttempts,
  deliveryStates,
  Replayed,
} from "#domain/schema/answers/delivery";
import { DeliveryConflict } from "#domain/schema/answers/system";
import { ReplaySince, readReplaySince } from "#domain/schema/replay";
import { operation } from "#http/operations/operation";
import * as query from "#http/query";

const sameCall = "It is sent at once, with the key and the bytes that it had before, and has all its attempts again.";

export const deliveryOperations = {
  listDeliveries: operation({
    method: "get",
    path: "/webhook-deliveries",
    tag: "deliveries",
    summary: "List end, cancel and batch-complete notifications, newest first",
    right: "read",
    query: {
      ...query.paging,
      after: query.after("webhook-deliveries"),
      status: query.someOf(deliveryStates, "Deliveries in this state.", "exhausted"),
      task_id: query.uuid("Deliveries about this task."),
      batch_id: query.uuid("Deliveries about this batch and its tasks."),
      receiver: query.text("Deliveries to this receiver, as `host:port`.", "service.example.com:443"),
    },
    answers: {
      200: {
        what: "A page of deliveries, one for each action. It may be short: the end is where there is no `Link`.",
        listOf: Delivery,
        headers: query.pageHeaders,
      },
    },
    refusals: ["busy"],
  }),
  getDelivery: operation({
    method: "get",
    path: "/webhook-deliveries/{id}",
    tag: "deliveries",
    summary: "Get a delivery with each of its attempts",
    right: "read",
    answers: { 200: { what: "The delivery, and every attempt, oldest first.", schema: DeliveryWithAttempts } },
    refusals: ["unknown_delivery", "busy"],
  }),
  replayDelivery: operation({
    method: "post",
    path: "/webhook-deliveries/{id}/replay",
    tag: "deliveries",
    summary: "Send a delivery again that arrived or is exhausted",
    description: sameCall,
    right: "operate",
    keyed: true,
    answers: { 202: { what: "It is due now.", schema: DeliveryReplayed } },
    refusals: ["unknown_delivery", { code: "delivery_pending", what: "It is still being tried." }, "busy"],
    refusalSchemas: { 409: DeliveryConflict },
  }),
  replayDeliveries: operation({
    method: "post",
    path: "/webhook-deliveries/replay",
    tag: "deliveries",
    summary: "Send all deliveries again that were exhausted since some time",
    description: `All or none of them. ${sameCall} After a 503 it may have been done all the same; with an Idempotency-Key the repetition tells how many they were.`,
    right: "operate",
    body: { schema: ReplaySince, read: readReplaySince, example: { since: "2030-01-31T12:00:00.000Z" } },
    keyed: true,
    answers: { 202: { what: "How many are due now.", schema: Replayed } },
    refusals: ["busy"],
  }),
  listCircuits: operation({
    method: "get",
    path: "/circuits",
    tag: "deliveries",
    summary: "List the receivers that have failed lately, by name",
    description:
      "A receiver that fails `CIRCUIT_BREAKER_FAILURE_THRESHOLD` times in a row is `open`: it is not called, its tasks stay Pending and its deliveries wait, until single calls have tried it (`half_open`). One that is `closed` has failed, not often enough; all others are not listed. Empty with `CIRCUIT_BREAKER_ENABLED=0`.",
    right: "read",
    answers: { 200: { what: "Every circuit that is not as if nothing had happened.", listOf: Circuit } },
    refusals: ["busy"],
  }),
} as const;
