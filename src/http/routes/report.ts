// What services and operators say about one task: validated here, decided by the task's actor, answered with its word.
// No database on the way of PATCH. A 503 means that nothing was done or that it is not known; repeating is safe.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { TaskVerb } from "#domain/command";
import { Invalid } from "#domain/errors";
import { Faults } from "#domain/schema/decode";
import { readPatch, readPut } from "#domain/schema/report";
import { uuidv7 } from "#domain/uuid";
import { Counting } from "#http/counting";
import { reply } from "#http/errors";
import * as query from "#http/query";
import { type Deps, idOf, keyOf, type RouteDoc, replyToTask, send } from "#http/route";
import { ref } from "#http/shapes";

const handle = {
  attempt: query.integer(0, 2 ** 31 - 1, "The attempt that the report speaks of; none means the present one."),
};

/** Read before the route is: by whoever asks for a token. */
const signedHandle = {
  ...handle,
  sig: query.text(
    "The signature of a handle (where HANDLE_SECRET is set), which needs no token for this task and attempt.",
  ),
};

const changed = {
  what: "The task as it is now; propagation to its children is committed too.",
  schema: ref("TaskState"),
};
const unknown = { 404: "No such task.", 503: "Postgres or NATS is away, or no worker answered: repeat the call." };
const moved = (verb: string): RouteDoc => ({
  tag: "tasks",
  summary: `${verb} a task`,
  keyed: true,
  answers: {
    200: changed,
    400: { what: "The id is no UUID, or the task's state, which is named, does not allow it.", schema: ref("Error") },
    ...unknown,
  },
});

const docs = {
  patch: {
    tag: "tasks",
    summary: "Report that a task succeeded or failed, or change its other fields (the handle)",
    keyed: true,
    query: signedHandle,
    body: ref("TaskPatch"),
    answers: {
      200: changed,
      400: "Every fault of the body.",
      403: "The token's role does not allow this, or a signed handle asks for another priority.",
      409: { what: "The task does not accept it; nothing was changed.", schema: ref("Conflict") },
      ...unknown,
    },
  },
  put: {
    tag: "tasks",
    summary: "Add to the counters of a task",
    description:
      "Without an `Idempotency-Key`, an update that is sent again after a 503 or a lost answer may count twice: the first one may have been stored. With one it counts once.",
    keyed: true,
    query: signedHandle,
    body: ref("Counters"),
    answers: {
      202: { what: "Stored; it will be counted exactly once.", schema: ref("Accepted") },
      400: "Every fault of the body, or a sum that would exceed 2^53-1.",
      409: { what: "The task has ended.", schema: ref("Conflict") },
      422: "The key was used with another update.",
      ...unknown,
    },
  },
} satisfies Record<string, RouteDoc>;

export function reportRoutes(app: FastifyInstance, deps: Deps): void {
  const { door } = deps;
  const counting = new Counting(deps);

  app.patch("/task/:id", { config: { doc: docs.patch, right: "operate", isHandle: true } }, async (request, out) => {
    const target = idOf(request);
    const faults = new Faults();
    const report = readPatch(request.body, faults);
    if (!report) throw new Invalid("Validation failed", faults.list);
    if (request.signedAttempt !== null && report.fields.priority !== undefined) return send(out, notByHandle);
    return send(out, replyToTask(await door.ask(command(request, report.verb, target, { fields: report.fields }))));
  });

  app.put("/task/:id", { config: { doc: docs.put, right: "operate", isHandle: true } }, async (request, out) => {
    const task = idOf(request);
    const key = keyOf(request);
    const faults = new Faults();
    const counts = readPut(request.body, faults);
    if (!counts) throw new Invalid("Validation failed", faults.list);
    return send(out, await counting.accept(task, counts, key));
  });

  const moves = [
    ["delete", "/task/:id", "cancel"],
    ["patch", "/task/pause/:id", "pause"],
    ["patch", "/task/resume/:id", "resume"],
  ] as const;
  for (const [method, path, verb] of moves) {
    const doc = moved(`${verb[0]?.toUpperCase()}${verb.slice(1)}`);
    app[method](path, { config: { doc, right: "operate" } }, async (request, out) => {
      return send(out, replyToTask(await door.ask(command(request, verb, idOf(request)))));
    });
  }
}

/** What comes first is for operators to say, not for the service that does the work. */
const notByHandle = reply(403, { error: "A signed handle may not change the priority", details: [] });

function command(request: FastifyRequest, verb: TaskVerb, target: string, rest: { fields?: object } = {}) {
  const sent = query.readQuery(request.query, handle, false);
  // A signature is good for one attempt, whether or not the task can have another.
  const attempt = request.signedAttempt ?? sent.attempt;
  const key = keyOf(request);
  return {
    id: uuidv7(Date.now()),
    verb,
    target,
    ...rest,
    ...(attempt === undefined ? {} : { attempt }),
    ...(key === undefined ? {} : { key }),
  };
}
