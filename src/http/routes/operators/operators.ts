// What operators read of the whole cluster.
import type { FastifyInstance } from "fastify";
import { attemptsOf } from "#domain/attempts";
import { hostOf } from "#domain/calls/circuit";
import { found, Invalid } from "#domain/errors";
import { operations } from "#http/operations/table";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route } from "#http/route";
import { deadLetterRoutes } from "#http/routes/operators/dead-letters";
import { definitionRoutes } from "#http/routes/operators/definition";
import { overviewRoutes } from "#http/routes/operators/overview";
import { readAttempts } from "#store/read/operators/attempts";
import { listLimits } from "#store/read/operators/limits";
import { listReceivers } from "#store/read/operators/receivers";
import { search } from "#store/read/operators/search";
import { listWorkers } from "#store/read/operators/workers";

const attemptsMax = 100;

export function operatorRoutes(app: FastifyInstance, deps: Deps): void {
  const { db, config } = deps;
  route(app, operations.listWorkers, async ({ query, request }, out) => {
    const range = pageOf(query, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listWorkers(db, range);
    sayNext(request, out, "workers", range, next);
    return rows;
  });

  route(app, operations.listLimits, async ({ query, request }, out) => {
    const range = pageOf(query, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listLimits(db, range);
    sayNext(request, out, "limits", range, next);
    return rows;
  });

  route(app, operations.listReceivers, async ({ query, request }, out) => {
    const range = pageOf(query, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listReceivers(db, range);
    sayNext(request, out, "receivers", range, next);
    return rows.map((row) => ({ ...row, receiver: hostOf(row.receiver) }));
  });

  route(app, operations.search, async ({ query: { q } }) => {
    if (q === undefined) throw Invalid.outside("Validation failed", "?q", "q", "required", "is required");
    return search(db, q);
  });

  route(app, operations.listTaskAttempts, async ({ id }) => {
    const { events, ...task } = found(await readAttempts(db, id), "task");
    return attemptsOf(events, task).slice(-attemptsMax);
  });

  deadLetterRoutes(app, deps);
  definitionRoutes(app, deps);
  overviewRoutes(app, deps);
}
