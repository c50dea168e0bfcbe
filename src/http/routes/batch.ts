// Reading batches, and asking to stop, pause or resume one whole: the actor answers how many tasks that touched.
import type { FastifyInstance } from "fastify";
import type { BatchVerb } from "#domain/command";
import { Invalid } from "#domain/errors";
import { Faults } from "#domain/schema/decode";
import { readRules } from "#domain/schema/rules";
import { taskStates } from "#domain/state";
import { uuidv7 } from "#domain/uuid";
import { reply } from "#http/errors";
import * as query from "#http/query";
import { type Deps, found, idOf, keyOf, type RouteDoc, replyToTask, send } from "#http/route";
import { listOf, ref } from "#http/shapes";
import { findBatch, listBatches } from "#store/list";
import { ensureShapes } from "#store/shapes";

const filters = {
  ...query.paging,
  kind: query.text("Batches with a task whose kind contains this text."),
  name: query.text("Batches with a task whose name contains this text."),
  status: query.oneOf(taskStates, "Batches with a task in this state."),
  scope: query.text("Batches of exactly this scope."),
  metadata: query.object("Batches whose own metadata contains this JSON object."),
  created_after: query.time("Batches created after this time."),
  created_before: query.time("Batches created before this time."),
};

const unknown = { 400: "The id is no UUID.", 404: "No such batch." };
const asked = { ...unknown, 503: "Postgres or NATS is away, or no worker answered: repeat the call." };

const docs = {
  get: {
    tag: "batches",
    summary: "Get a batch: its sums, and how many tasks are in which state",
    answers: { 200: { what: "The batch.", schema: ref("Batch") }, ...unknown },
  },
  list: {
    tag: "batches",
    summary: "List batches, newest first",
    query: filters,
    answers: { 200: { what: "A page of batches.", schema: listOf("Batch") }, 400: "A malformed filter." },
  },
  stop: {
    tag: "batches",
    summary: "Cancel every unfinished task of a batch",
    keyed: true,
    answers: {
      200: { what: "How many tasks were canceled, by the state they were in.", schema: ref("Stopped") },
      ...asked,
    },
  },
  pause: {
    tag: "batches",
    summary: "Pause a batch; Claimed and Running tasks go on",
    keyed: true,
    answers: { 200: { what: "How many tasks were paused.", schema: ref("Paused") }, ...asked },
  },
  resume: {
    tag: "batches",
    summary: "Resume a paused batch",
    keyed: true,
    answers: { 200: { what: "How many tasks were resumed.", schema: ref("Resumed") }, ...asked },
  },
  rules: {
    tag: "batches",
    summary: "Replace the rules of the unfinished tasks of one kind",
    description:
      "Tasks that are Claimed or Running go on, and count as before. What waits is judged by the new rules at once.",
    keyed: true,
    body: ref("RulesPatch"),
    answers: {
      200: { what: "How many tasks have these rules now.", schema: ref("RulesSet") },
      ...asked,
      400: "The id is no UUID, or every fault of the body.",
    },
  },
} satisfies Record<string, RouteDoc>;

const stopped = ["waiting", "pending", "claimed", "running", "paused", "retrying"].map((state) => `canceled_${state}`);

/** The calls that act on a whole batch, and the counts that each always answers. */
const moves: readonly {
  method: "delete" | "post";
  path: string;
  verb: BatchVerb;
  doc: RouteDoc;
  counts: readonly string[];
}[] = [
  {
    method: "delete",
    path: "/batch/:id",
    verb: "stop_batch",
    doc: docs.stop,
    counts: [...stopped, "already_terminal"],
  },
  { method: "post", path: "/batch/:id/pause", verb: "pause_batch", doc: docs.pause, counts: ["paused"] },
  { method: "post", path: "/batch/:id/resume", verb: "resume_batch", doc: docs.resume, counts: ["resumed"] },
];

export function batchRoutes(app: FastifyInstance, { db, door, config }: Deps): void {
  app.get("/batch/:id", { config: { doc: docs.get, right: "read" } }, async (request) =>
    found(await findBatch(db, idOf(request)), "batch"),
  );

  app.get("/batches", { config: { doc: docs.list, right: "read" } }, async (request) => {
    const { page, page_size, created_after, created_before, ...rest } = query.readQuery(request.query, filters);
    return listBatches(db, {
      ...rest,
      ...query.pageOf({ page, page_size }, config),
      ...(created_after === undefined ? {} : { createdAfter: created_after }),
      ...(created_before === undefined ? {} : { createdBefore: created_before }),
    });
  });

  app.patch("/batch/:id/rules", { config: { doc: docs.rules, right: "operate" } }, async (request, out) => {
    const target = idOf(request);
    const key = keyOf(request);
    const faults = new Faults();
    const rules = readRules(request.body, faults);
    if (!rules) throw new Invalid("Validation failed", faults.list);
    await ensureShapes(db, rules.rules);
    const id = uuidv7(Date.now());
    const answer = await door.ask({ id, verb: "set_rules", target, rules, ...(key === undefined ? {} : { key }) });
    if (answer.status === 404) return send(out, reply(404, { error: "No such batch", details: [] }));
    if (answer.status >= 300) return send(out, replyToTask(answer));
    return { batch_id: target, kind: rules.kind, ...answer.counts };
  });

  for (const { method, path, verb, doc, counts } of moves) {
    app[method](path, { config: { doc, right: "operate" } }, async (request, out) => {
      const target = idOf(request);
      const key = keyOf(request);
      const answer = await door.ask({ id: uuidv7(Date.now()), verb, target, ...(key === undefined ? {} : { key }) });
      if (answer.status === 404) return send(out, reply(404, { error: "No such batch", details: [] }));
      if (answer.status >= 300) return send(out, replyToTask(answer));
      const zeros = Object.fromEntries(counts.map((name) => [name, 0]));
      return { batch_id: target, ...zeros, ...answer.counts };
    });
  }
}
