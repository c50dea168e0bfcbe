// Adding tasks to a batch, and closing one that was open. Adding is one transaction of the API; closing is for the actor.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Faults } from "#domain/faults";
import { operations } from "#http/operations/table";
import { type Deps, route, send } from "#http/route";
import { closeBatch } from "#intake/close";
import { answerAdd } from "#intake/grow";
import type { Target } from "#store/create/grow";

interface Asked {
  readonly request: FastifyRequest;
  readonly faults: Faults;
  readonly key: string | undefined;
  readonly query: { readonly dry_run?: boolean };
}

export function growingRoutes(app: FastifyInstance, deps: Deps): void {
  const add = async (target: Target, { request, faults, key, query }: Asked) => {
    const { body, bodyBytes: bytes, actor, role } = request;
    const asking = { actor, role, key, isRehearsal: query.dry_run === true };
    if (body instanceof Uint8Array) return deps.large.add(target, body, asking, faults);
    return answerAdd(deps, target, { body, bytes, faults }, asking);
  };

  route(app, operations.addToBatch, async (call, out) => send(out, await add({ batch: call.id, task: null }, call)));

  route(app, operations.addByTask, async (call, out) => {
    const { signedAttempt } = call.request;
    const attempt = signedAttempt ?? call.query.attempt;
    return send(out, await add({ task: call.id, attempt, byHandle: signedAttempt !== null }, call));
  });

  route(app, operations.closeBatch, async ({ id, key, request: { actor } }, out) =>
    send(out, await closeBatch(deps, id, actor, key)),
  );
}
