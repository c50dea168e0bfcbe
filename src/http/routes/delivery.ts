// The deliveries: what Baton told others, or still tries to, and how each attempt went. And asking to send exhausted ones
// again: the actor answers when it is committed. Start calls are not among them.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { anyDelivery, type DeliveryCommand } from "#domain/command";
import { Invalid } from "#domain/errors";
import { Faults } from "#domain/schema/decode";
import { readReplaySince } from "#domain/schema/replay";
import { uuidv7 } from "#domain/uuid";
import { reply } from "#http/errors";
import * as query from "#http/query";
import { type Deps, found, idOf, keyOf, type RouteDoc, replyToTask, send } from "#http/route";
import { listOf, ref } from "#http/shapes";
import { findDelivery, listDeliveries } from "#store/list";

const filters = {
  ...query.paging,
  status: query.oneOf(["pending", "success", "exhausted"], "Deliveries in this state."),
  task_id: query.uuid("Deliveries about this task."),
};

const unknown = { 400: "The id is no UUID.", 404: "No such delivery." };
const unanswered = "Postgres or NATS is away, or no worker answered: repeat the call.";
const sameCall = "It is sent at once, with the key and the bytes that it had before, and has all its attempts again.";

const docs = {
  list: {
    tag: "deliveries",
    summary: "List end, cancel and batch-complete notifications, newest first",
    query: filters,
    answers: {
      200: { what: "A page of deliveries, one for each action.", schema: listOf("Delivery") },
      400: "A malformed filter.",
    },
  },
  get: {
    tag: "deliveries",
    summary: "Get a delivery with the history of its attempts",
    answers: {
      200: { what: "The delivery, and every attempt, oldest first.", schema: ref("DeliveryHistory") },
      ...unknown,
    },
  },
  replay: {
    tag: "deliveries",
    summary: "Send an exhausted delivery again",
    description: sameCall,
    keyed: true,
    answers: {
      202: { what: "It is due now.", schema: ref("DeliveryState") },
      ...unknown,
      409: { what: "It is not exhausted.", schema: ref("DeliveryConflict") },
      503: unanswered,
    },
  },
  replaySince: {
    tag: "deliveries",
    summary: "Send all deliveries again that were exhausted since some time",
    description: `All or none of them. ${sameCall}`,
    keyed: true,
    body: ref("ReplaySince"),
    answers: {
      202: { what: "How many are due now.", schema: ref("Replayed") },
      400: "Every fault of the body.",
      503: `${unanswered} It may have been done all the same; with an Idempotency-Key the repetition tells how many they were.`,
    },
  },
} satisfies Record<string, RouteDoc>;

export function deliveryRoutes(app: FastifyInstance, { db, door, config }: Deps): void {
  app.get("/webhook-deliveries", { config: { doc: docs.list, right: "read" } }, async (request) => {
    const { page, page_size, task_id, status } = query.readQuery(request.query, filters);
    return listDeliveries(db, {
      ...query.pageOf({ page, page_size }, config),
      ...(status === undefined ? {} : { status }),
      ...(task_id === undefined ? {} : { taskId: task_id }),
    });
  });

  app.get("/webhook-deliveries/:id", { config: { doc: docs.get, right: "read" } }, async (request) =>
    found(await findDelivery(db, idOf(request)), "delivery"),
  );

  app.post(
    "/webhook-deliveries/:id/replay",
    { config: { doc: docs.replay, right: "operate" } },
    async (request, out) => {
      const answer = await door.ask(command(request, "replay", idOf(request)));
      if (answer.status === 404) return send(out, reply(404, { error: "No such delivery", details: [] }));
      return send(out, replyToTask(answer));
    },
  );

  app.post(
    "/webhook-deliveries/replay",
    { config: { doc: docs.replaySince, right: "operate" } },
    async (request, out) => {
      const faults = new Faults();
      const since = readReplaySince(request.body, faults);
      if (since === undefined) throw new Invalid("Validation failed", faults.list);
      const answer = await door.ask({ ...command(request, "replay_since", anyDelivery), since });
      if (answer.status >= 300) return send(out, replyToTask(answer));
      return send(out, reply(answer.status, { ...answer.counts }));
    },
  );
}

function command(request: FastifyRequest, verb: DeliveryCommand["verb"], target: string): DeliveryCommand {
  const key = keyOf(request);
  return { id: uuidv7(Date.now()), verb, target, ...(key === undefined ? {} : { key }) };
}
