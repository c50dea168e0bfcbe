// A batch as the call that makes it again, sent part by part as it is read: a large one is never in memory as a whole.
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { type Sent, sentBatch, sentTask, withoutOrphans } from "#domain/create/definition";
import { found } from "#domain/errors";
import { distantOf, orphansOf } from "#domain/inputs/ancestors";
import { operations } from "#http/operations/table";
import { type Deps, route } from "#http/route";
import type { Db } from "#store/pg/pool";
import { aboveOf, type Definition, definedTasks, findDefinition } from "#store/read/operators/definition";

/** Each has at most so many links as a task may have dependencies. */
const tasksInPart = 200;

export function definitionRoutes(app: FastifyInstance, { db }: Deps): void {
  route(app, operations.getBatchDefinition, async ({ id }, out) => {
    const parts = partsOf(db, found(await findDefinition(db, id), "batch"));
    // What the first part fails for is still answered as an error.
    const first = await parts.next();
    return out.type("application/json; charset=utf-8").send(Readable.from(joined(first.value ?? "", parts)));
  });
}

async function* joined(first: string, rest: AsyncGenerator<string, void>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

async function* partsOf(db: Db, batch: Definition): AsyncGenerator<string, void> {
  const { ids, now } = batch;
  let opening = '{"tasks":[';
  for (let from = 0; from < ids.length; from += tasksInPart) {
    const { tasks, links } = await definedTasks(db, ids.slice(from, from + tasksInPart));
    const parents = Map.groupBy(links, ({ child_id }) => child_id);
    const names = new Map(links.map(({ parent_id, parent }) => [parent_id, parent]));
    const nameOf = (id: string) => names.get(id) as string;
    const sent = tasks.map((task) => sentTask(task, batch, parents.get(task.id) ?? [], nameOf, now));
    const whole = batch.mayLack ? await withoutOrphansOf(db, batch.id, sent) : sent;
    yield opening + whole.map((task) => JSON.stringify(task)).join();
    opening = ",";
  }
  const rest = JSON.stringify(sentBatch(batch)).slice(1);
  yield `${ids.length === 0 ? opening : ""}]${rest === "}" ? "" : ","}${rest}`;
}

/** Inputs have to name tasks above, or the call would be refused. */
async function withoutOrphansOf(db: Db, batch: string, tasks: readonly Sent[]): Promise<readonly Sent[]> {
  const distant = distantOf(tasks.map(({ dependencies, on_start }) => ({ dependencies, on_start })));
  return distant === null ? tasks : withoutOrphans(tasks, orphansOf(tasks, await aboveOf(db, batch, distant)));
}
