// What services and operators say about one task: validated here, decided by the actor, whose answer is sent.
// No database on the way of PATCH, but for what to warn of where a task that waits gets other metadata. A 503 means that nothing
// was done or that it is not known; repeating is safe.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { reasonIn } from "#domain/actor";
import type { ClientCommand, Fields, Override, TaskVerb } from "#domain/command";
import { isBeforeStart, metadataWarnings } from "#domain/create/warnings";
import { uuidv7 } from "#domain/values/uuid";
import { operations } from "#http/operations/table";
import { type Deps, route, send } from "#http/route";
import { Counting } from "#intake/counting";
import { warned } from "#intake/created";
import { refusal, replyTo } from "#intake/reply";
import { rulesOfTask } from "#store/rules/lacking";

export function reportRoutes(app: FastifyInstance, deps: Deps): void {
  const { commands, db, log } = deps;
  const counting = new Counting(deps);

  route(app, operations.patchTask, async (call, out) => {
    const { verb, fields } = call.body;
    if (call.request.signedAttempt !== null && fields.priority !== undefined) return send(out, notByHandle);
    const answer = await commands.ask(commandOf(call, verb, { fields }));
    const said = replyTo(answer, "task");
    const { metadata } = fields;
    if (said.status >= 300 || metadata === undefined || !isBeforeStart(answer.state)) return send(out, said);
    return send(out, { ...said, headers: { ...said.headers, ...warned(await warningsOf(call.id, metadata)) } });
  });

  /** The metadata is changed: what cannot be looked at now is not warned of. */
  const warningsOf = async (task: string, metadata: NonNullable<Fields["metadata"]>): Promise<readonly string[]> => {
    try {
      return metadataWarnings(metadata, await rulesOfTask(db, task));
    } catch (error) {
      log.warn({ err: error, task }, "what new metadata lacks of its rules could not be looked at");
      return [];
    }
  };

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
