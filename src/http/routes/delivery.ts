// Reading the deliveries: what Baton told others, or still tries to. Start calls are not among them.
import type { FastifyInstance } from "fastify";
import * as query from "#http/query";
import type { Deps, RouteDoc } from "#http/route";
import { listOf } from "#http/shapes";
import { listDeliveries } from "#store/list";

const filters = {
  ...query.paging,
  status: query.oneOf(["pending", "success", "exhausted"], "Deliveries in this state."),
  task_id: query.uuid("Deliveries about this task."),
};

const list: RouteDoc = {
  tag: "deliveries",
  summary: "List end, cancel and batch-complete notifications, newest first",
  query: filters,
  answers: {
    200: { what: "A page of deliveries, one for each action.", schema: listOf("Delivery") },
    400: "A malformed filter.",
  },
};

export function deliveryRoutes(app: FastifyInstance, { db, config }: Deps): void {
  app.get("/webhook-deliveries", { config: { doc: list, right: "read" } }, async (request) => {
    const { page, page_size, task_id, status } = query.readQuery(request.query, filters);
    return listDeliveries(db, {
      ...query.pageOf({ page, page_size }, config),
      ...(status === undefined ? {} : { status }),
      ...(task_id === undefined ? {} : { taskId: task_id }),
    });
  });
}
