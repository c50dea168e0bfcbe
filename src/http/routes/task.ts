// Creating tasks and reading them. Creation is one transaction at the door and needs no worker; reads need only Postgres.
import type { FastifyInstance } from "fastify";
import { taskStates } from "#domain/state";
import { blockersOf, listedTask, wholeTask } from "#domain/task";
import { createFrom, rehearse } from "#http/create";
import * as query from "#http/query";
import { type Deps, found, idOf, keyOf, type RouteDoc, send, tooMany } from "#http/route";
import { listOf, ref } from "#http/shapes";
import { findDag, findTask, listEvents, listTasks } from "#store/list";

const creation = { dry_run: query.flag("1: validate and plan only, write nothing.") };

const filters = {
  ...query.paging,
  status: query.oneOf(taskStates, "Tasks in this state."),
  kind: query.text("Tasks whose kind contains this text, case-sensitive."),
  name: query.text("Tasks whose name contains this text, case-sensitive."),
  batch_id: query.uuid("Tasks of this batch."),
  metadata: query.object("Tasks whose metadata contains this JSON object."),
  timeout: query.integer(0, 2 ** 31 - 1, "Tasks with this timeout, in seconds."),
};

const docs = {
  create: {
    tag: "tasks",
    summary: "Create a batch of tasks: a bare array, or an object with tasks, on_batch_complete, scope and metadata",
    keyed: true,
    query: creation,
    body: ref("NewBatch"),
    answers: {
      200: { what: "With dry_run=1: what would be created.", schema: ref("DryRun") },
      201: {
        what: "The created tasks, in the order sent.",
        schema: listOf("Task"),
        headers: { "X-Batch-ID": "The id of the batch." },
      },
      204: {
        what: "Nothing to create: the array is empty, or all tasks were deduplicated.",
        headers: { "X-Batch-ID": "The id of the batch." },
      },
      400: { what: "Every fault of the body; its key is not kept.", schema: ref("ValidationError") },
      409: {
        what: "The first call with this Idempotency-Key has been under way for over 10 s.",
        schema: ref("Error"),
        headers: { "Retry-After": "Seconds until the call may be repeated." },
      },
      429: tooMany,
    },
  },
  list: {
    tag: "tasks",
    summary: "List tasks, newest first",
    query: filters,
    answers: {
      200: { what: "A page of tasks, without actions, rules and metadata.", schema: listOf("ListedTask") },
      400: "A malformed filter.",
    },
  },
  get: {
    tag: "tasks",
    summary: "Get a task, with its actions and why it does not run now",
    answers: { 200: { what: "The task.", schema: ref("Task") }, 400: "The id is no UUID.", 404: "No such task." },
  },
  events: {
    tag: "tasks",
    summary: "List the transitions of a task, oldest first",
    answers: {
      200: {
        what: "Its events. A refused report is an event whose from and to are the same.",
        schema: listOf("Event"),
      },
      400: "The id is no UUID.",
      404: "No such task.",
    },
  },
  dag: {
    tag: "batches",
    summary: "Get the graph of a batch",
    answers: {
      200: { what: "Its tasks in the order sent, and every edge as it was sent.", schema: ref("Dag") },
      400: "The id is no UUID.",
      404: "No such batch.",
    },
  },
} satisfies Record<string, RouteDoc>;

export function taskRoutes(app: FastifyInstance, deps: Deps): void {
  const { db, config } = deps;

  app.post("/task", { config: { doc: docs.create, right: "submit" } }, async (request, out) => {
    const { dry_run } = query.readQuery(request.query, creation);
    const { body, bodyBytes } = request;
    return send(
      out,
      await (dry_run ? rehearse(deps, body, bodyBytes) : createFrom(deps, body, bodyBytes, keyOf(request))),
    );
  });

  app.get("/task", { config: { doc: docs.list, right: "read" } }, async (request) => {
    const { batch_id, page, page_size, ...rest } = query.readQuery(request.query, filters);
    const filter = { ...rest, ...query.pageOf({ page, page_size }, config) };
    const tasks = await listTasks(db, batch_id === undefined ? filter : { ...filter, batchId: batch_id });
    return tasks.map(listedTask);
  });

  app.get("/task/:id", { config: { doc: docs.get, right: "read" } }, async (request) => {
    const { task, parents, rules, circuits, now } = found(await findTask(db, idOf(request)), "task");
    if (task.ended_at !== null) return wholeTask(task);
    const obstacles = { parents, rules, circuits: config.circuitBreakerEnabled ? circuits : [] };
    return { ...wholeTask(task), blocked_by: blockersOf(task, obstacles, now) };
  });

  app.get("/task/:id/events", { config: { doc: docs.events, right: "read" } }, async (request) =>
    found(await listEvents(db, idOf(request)), "task"),
  );

  app.get("/dag/:id", { config: { doc: docs.dag, right: "read" } }, async (request) => {
    const { tasks, links } = found(await findDag(db, idOf(request)), "batch");
    return { tasks: tasks.map(listedTask), links };
  });
}
