// Creating tasks and reading them. Creation is one transaction of the API and needs no worker; reads need only Postgres.
import type { FastifyInstance } from "fastify";
import { mayOperate } from "#domain/actor";
import { hostOf } from "#domain/calls/circuit";
import { found } from "#domain/errors";
import { type Blocker, blockersOf, listedTask, masked, wholeTask } from "#domain/task";
import { isShareUsed } from "#flow/receiver-capacity";
import { operations } from "#http/operations/table";
import { listsInPieces } from "#http/pieces";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route, send } from "#http/route";
import { answerCreate } from "#intake/create";
import { receiverLoad } from "#store/read/blocked";
import { compactDag, dagTasksMax, findDag, findTask, listEvents, listTasks } from "#store/read/tasks";

export function taskRoutes(app: FastifyInstance, deps: Deps): void {
  const { db, config } = deps;

  route(app, operations.createBatch, async ({ query: { dry_run }, key, faults, request }, out) => {
    const { body, bodyBytes: bytes, actor, role } = request;
    const asking = { actor, role, key, isRehearsal: dry_run === true };
    if (body instanceof Uint8Array) return send(out, await deps.large.create(body, asking, faults));
    return send(out, await answerCreate(deps, { body, bytes, faults }, asking));
  });

  route(app, operations.listTasks, async ({ query, request }, out) => {
    const { batch_id, start_kind, page, page_size, after, ...rest } = query;
    const range = pageOf({ page, page_size, after }, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listTasks(db, {
      ...rest,
      ...range,
      ...(batch_id === undefined ? {} : { batchId: batch_id }),
      ...(start_kind === undefined ? {} : { startKind: start_kind }),
    });
    sayNext(request, out, "task", range, next);
    return rows.map(listedTask);
  });

  route(app, operations.getTask, async ({ id, request }) => {
    const { task, parents, rules, circuits, unsent, now } = found(await findTask(db, id), "task");
    const whole = mayOperate(request) ? wholeTask(task) : masked(wholeTask(task));
    if (task.ended_at !== null) return whole;
    const obstacles = { parents, rules, unsent, circuits: config.circuitBreakerEnabled ? circuits : [] };
    const blockers = blockersOf(task, obstacles, now);
    return { ...whole, blocked_by: blockers[0]?.type === "slots" ? [await slotsOf(id)] : blockers };
  });

  /** Names the receiver where there are free call slots, and none of them is for it. */
  const slotsOf = async (id: string): Promise<Blocker> => {
    const load = await receiverLoad(db, id);
    const limits = { total: config.workerWebhookConcurrency, perReceiver: config.webhookHostConcurrency };
    const isFull = load !== undefined && isShareUsed(load.processes, load.deliveries, limits);
    return { type: "slots", ...(isFull ? { host: hostOf(load.receiver) } : {}) };
  };

  route(app, operations.listTaskEvents, async ({ id }) => found(await listEvents(db, id), "task"));

  route(app, operations.getDag, async ({ id, query: { compact, ...sent }, request }, out) => {
    const range = pageOf(sent, dagTasksMax, dagTasksMax);
    if (compact) {
      const { next, ...dag } = found(await compactDag(db, id, range), "batch");
      sayNext(request, out, "dag", range, next);
      return send(out, await listsInPieces({ ...dag }));
    }
    const { next, tasks, links } = found(await findDag(db, id, range), "batch");
    sayNext(request, out, "dag", range, next);
    return send(out, await listsInPieces({ tasks: tasks.map(listedTask), links }));
  });
}
