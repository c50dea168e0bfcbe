// Running an ended batch again.
import type { FastifyInstance } from "fastify";
import { operations } from "#http/operations/table";
import { type Deps, route, send } from "#http/route";
import { rerunAny } from "#intake/rerun";

export function rerunRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, operations.rerunBatch, async ({ id: source, body: ask, key, request: { actor } }, out) => {
    // A key belongs to its path.
    const own = key === undefined ? undefined : `/batch/${source}/rerun ${key}`;
    return send(out, await rerunAny(deps, { source, ask, actor, key: own }));
  });
}
