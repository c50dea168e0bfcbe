// A worker whose turns leave what is too large for them, and the portions of it one by one: after each, what must hold after
// every commit is looked at.
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type Portion, portion } from "#actor/portions/portion";
import { limits } from "#config";
import type { Answer } from "#domain/command";
import type { Db } from "#store/pg/pool";
import { until, within } from "#test/until";
import { broken } from "./portions.facts.ts";
import { create, env, openStage, type Rig, type Seen, startRig } from "./stage.ts";

export let db: Db;
/** Nobody goes on with what its turns leave, but for `next`. */
export let rig: Rig;
let free = 0;
beforeAll(async () => {
  ({ db } = await openStage());
});
beforeEach(async () => {
  await db.use((sql) => sql`truncate batch, task cascade`);
  free = 0;
  rig = startRig(db, 1, { free: () => free, limited: () => [], freeMax: 64, freeFor: () => 64 }, false);
});
afterEach(() => rig.stop());

export const many = 2 * limits.portionTasksMax + 100;
const onComplete = [{ kind: "Webhook", params: { url: "http://127.0.0.1:9/", verb: "Post" } }] as never;
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
export const needs = (...ids: number[]) => ({
  dependencies: ids.map((i) => ({ id: `t${i}`, requires_success: true })),
});
export const made = (tasks: readonly object[]) => create(db, tasks as never, { onComplete });
export const tally = (rows: readonly Seen[]) =>
  Object.fromEntries([...Map.groupBy(rows, ({ status }) => status)].map(([status, some]) => [status, some.length]));
export const fields = { failure_reason: "broken" };

export async function claimAll(count: number) {
  const before = rig.started.length;
  free = count;
  rig.look();
  await until(() => rig.started.length >= before + count, 20_000);
  free = 0;
}

/** The next portion, whose answers are sent; what must hold then, holds. */
export async function next(batch: string): Promise<Portion | null> {
  const done = await portion(db, env, batch);
  if (done) await rig.works.answer(done.ended);
  expect(await broken(db)).toEqual({});
  return done;
}

/** The rest; how many portions it took. */
export async function finish(batch: string): Promise<number> {
  let portions = 0;
  while ((await next(batch))?.isMore) portions++;
  return portions + 1;
}

/** Begins a command that leaves something; the answer to come. */
export async function begun(command: Parameters<Rig["begin"]>[0]) {
  const { first, final } = await within(() => rig.begin(command), 20_000);
  expect(first).toMatchObject({ status: 202, propagating: true });
  expect(await broken(db)).toEqual({});
  let answer: Answer | null | undefined;
  void final.then((given) => {
    answer = given;
  });
  return { first, final, isAnswered: () => answer !== undefined };
}

export const batchOf = (id: string) =>
  db.use(async (sql) => {
    const [row] = await sql`
      select unfinished, works, paused, stopping, completed_at is not null as complete,
        (select count(*)::int from delivery d where d.batch_id = b.id and d.task_id is null) as notified,
        (select count(*)::int from propagation p where p.batch_id = b.id) as steps,
        (select count(*)::int from batch_work w where w.batch_id = b.id) as "workRows"
      from batch b where id = ${id}`;
    return row;
  });
export const nothingLeft = { works: 0, steps: 0, workRows: 0 };
