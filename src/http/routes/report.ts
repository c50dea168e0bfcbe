// What services and operators say about one task: validated here, decided by the actor, whose answer is sent.
// No database on the way of PATCH. A 503 means that nothing was done or that it is not known; repeating is safe.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { reasonIn } from "#domain/actor";
import type { ClientCommand, Override, TaskVerb } from "#domain/command";
import { uuidv7 } from "#domain/values/uuid";
import { operations } from "#http/operations/table";
import { type Deps, route, send } from "#http/route";
import { Counting } from "#intake/counting";
import { refusal, replyTo } from "#intake/reply";

export function reportRoutes(app: FastifyInstance, deps: Deps): void {
  const { commands } = deps;
  const counting = new Counting(deps);

  route(app, operations.patchTask, async (call, out) => {
    const { verb, fields } = call.body;
    if (call.request.signedAttempt !== null && fields.priority !== undefined) return send(out, notByHandle);
    return send(out, replyTo(await commands.ask(commandOf(call, verb, { fields })), "task"));
  });

  route(app, operations.addProgress, async ({ id, body, key, query, request }, out) =>
    send(out, await counting.accept(id, body, key, request.signedAttempt ?? query.attempt)),
  );

  route(app, operations.overrideTask, async (call, out) =>
    send(out, replyTo(await commands.ask(commandOf(call, "override", { override: call.body })), "task")),
  );

  const moves = { cancel: operations.cancelTask, pause: operations.pauseTask, resume: operations.resumeTask } as const;
  for (const [verb, operation] of Object.entries(moves) as [keyof typeof moves, (typeof moves)["cancel"]][]) {
    route(app, operation, async (call, out) => send(out, replyTo(await commands.ask(commandOf(call, verb)), "task")));
  }
}

/** What comes first is for operators to say, not for the service that does the work. */
const notByHandle = refusal("forbidden", "A signed handle may not change the priority");

interface Asked {
  readonly id: string;
  readonly query: { readonly attempt?: number; readonly reason?: string };
  readonly key: string | undefined;
  readonly request: FastifyRequest;
}

type Said = { readonly fields?: object; readonly override?: Override };

function commandOf({ id, query, key, request }: Asked, verb: TaskVerb, rest: Said = {}): ClientCommand {
  // A signature is good for one attempt, whether or not the task can have another.
  const attempt = request.signedAttempt ?? query.attempt;
  return {
    id: uuidv7(Date.now()),
    verb,
    target: id,
    actor: request.actor,
    ...reasonIn(query.reason),
    ...rest,
    ...(attempt === undefined ? {} : { attempt }),
    ...(key === undefined ? {} : { key }),
  };
}
