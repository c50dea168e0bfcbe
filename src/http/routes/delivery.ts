// The deliveries: what Baton sent to services, or still tries to, and how each attempt went. And asking to send settled ones
// again: the actor answers when it is committed. Start calls are not among them.
import type { FastifyInstance } from "fastify";
import { anyDelivery, type DeliveryCommand } from "#domain/command";
import { found } from "#domain/errors";
import { uuidv7 } from "#domain/values/uuid";
import { operations } from "#http/operations/table";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route, send } from "#http/route";
import { reply, replyTo } from "#intake/reply";
import { findDelivery, listDeliveries } from "#store/read/tasks";

export function deliveryRoutes(app: FastifyInstance, { db, commands, config }: Deps): void {
  route(app, operations.listDeliveries, async ({ query, request }, out) => {
    const { task_id, batch_id, status, receiver, ...sent } = query;
    const range = pageOf(sent, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listDeliveries(db, {
      ...range,
      ...(status === undefined ? {} : { status }),
      ...(receiver === undefined ? {} : { receiver }),
      ...(task_id === undefined ? {} : { taskId: task_id }),
      ...(batch_id === undefined ? {} : { batchId: batch_id }),
    });
    sayNext(request, out, "webhook-deliveries", range, next);
    return rows;
  });

  route(app, operations.getDelivery, async ({ id }) => found(await findDelivery(db, id), "delivery"));

  route(app, operations.replayDelivery, async ({ id, key }, out) =>
    send(out, replyTo(await commands.ask(commandOf("replay", id, key)), "delivery")),
  );

  route(app, operations.replayDeliveries, async ({ body: since, key }, out) => {
    const answer = await commands.ask({ ...commandOf("replay_since", anyDelivery, key), since });
    if (answer.status >= 300) return send(out, replyTo(answer, "delivery"));
    return send(out, reply(answer.status, { ...answer.counts }));
  });
}

const commandOf = (verb: DeliveryCommand["verb"], target: string, key: string | undefined): DeliveryCommand => ({
  ...{ id: uuidv7(Date.now()), verb, target },
  ...(key === undefined ? {} : { key }),
});
