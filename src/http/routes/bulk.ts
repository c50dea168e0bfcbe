// Bulk operations: asking for one, how far it is, and stopping it.
import { setTimeout as pause } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { limits } from "#config";
import { found } from "#domain/errors";
import { operations } from "#http/operations/table";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route, send } from "#http/route";
import { answerBulk } from "#intake/bulk/ask";
import { findBulk, listBulks, stopBulk } from "#store/bulk/rows";

/** How often a stop looks whether the portion under way is over. */
const lookMs = 50;

export function bulkRoutes(app: FastifyInstance, deps: Deps): void {
  const { db, commands, config } = deps;

  route(app, operations.createBulk, async ({ body, key, request: { actor } }, out) =>
    send(out, await answerBulk(deps, body, { actor, key })),
  );

  route(app, operations.listBulks, async ({ query, request }, out) => {
    const range = pageOf(query, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listBulks(db, range);
    sayNext(request, out, "bulk", range, next);
    return rows;
  });

  route(app, operations.getBulk, async ({ id }) => found(await findBulk(db, id), "bulk"));

  // A repetition changes nothing, and tells how far it is: so no key is kept.
  route(app, operations.stopBulk, async ({ id }) => {
    const endAt = performance.now() + limits.bulkStopWaitMs;
    let { isAtWork } = found(await stopBulk(db, id), "bulk");
    commands.notifyBulk();
    for (;;) {
      const bulk = found(await findBulk(db, id), "bulk");
      isAtWork &&= bulk.ended_at === null;
      if (!isAtWork || performance.now() > endAt) return bulk;
      await pause(lookMs);
    }
  });
}
