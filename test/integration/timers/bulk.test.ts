// Bulk operations are worked off by the commands of single calls: what each action does, who is said to have done it, that every
// item is counted once whoever dies, and that a stop is exact.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { BulkCommand } from "#domain/bulk";
import { collectBulk, type TakenBulk, takeBulk } from "#store/bulk/work";
import { renderMetrics } from "#telemetry/metrics";
import { until } from "#test/until";
import { type BulkStage, openBulkStage } from "./bulk.stage.ts";

let stage: BulkStage;
beforeAll(async () => {
  stage = await openBulkStage();
});
afterAll(() => stage.close());

const many = (n: number, more: object = {}) => Array.from({ length: n }, () => more);
const statusesOf = async (batch: string) => {
  const { body } = await stage.call("GET", `/batch/${batch}`);
  return body.status_counts;
};
/** How often each task was canceled. */
const cancels = (batch: string) =>
  stage.db.use(
    (sql) => sql<{ task_id: string; n: number; actor: string; reason: string }[]>`
      select task_id, count(*)::int as n, min(actor) as actor, min(reason) as reason from event
      where batch_id = ${batch} and "to" = 'Canceled' group by task_id`,
  );

it("cancels tasks in the name of the operation, for its reason, and what follows, follows", async () => {
  const { batch, ids } = await stage.create([
    ...many(300, { kind: "mail" }),
    { id: "end", kind: "other", dependencies: [{ id: "t0", requires_success: true }] },
  ]);
  const { bulk_id, matched } = await stage.ask({
    action: "cancel",
    tasks: { batch_id: batch, kind: "mail" },
    reason: "wrong",
  });
  expect(matched).toBe(300);
  expect(await stage.get(bulk_id)).toMatchObject({ state: "running", matched: 300, done: 0, ended_at: null });
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({
    ...{ action: "cancel", filter: { tasks: { batch_id: batch, kind: "mail" } }, reason: "wrong", actor: "anonymous" },
    ...{ state: "done", matched: 300, done: 300, skipped: 0, failed: 0 },
  });
  expect(await statusesOf(batch)).toMatchObject({ canceled: 300, failure: 1 });
  const seen = await cancels(batch);
  expect(new Set(seen.map(({ n, actor, reason }) => `${n} ${actor} ${reason}`))).toEqual(
    new Set([`1 bulk:${bulk_id} wrong`]),
  );
  const { body } = await stage.call("GET", `/task/${ids[1]}`);
  expect(body.failure_reason).toBe("wrong");
  expect(await stage.items()).toBe(0);
});

it("skips what its machine does not take, and what has left the status of the filter", async () => {
  const { batch, ids } = await stage.create(many(6));
  const { bulk_id } = await stage.ask({ action: "pause", tasks: { batch_id: batch, status: "Pending,Paused" } });
  const later = await stage.ask({ action: "cancel", tasks: { batch_id: batch, status: ["Pending"] } });
  await stage.rig.ask({ verb: "cancel", target: ids[0] as string });
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({ matched: 6, done: 5, skipped: 1, failed: 0 });
  // Paused takes a cancel, and is no longer Pending.
  expect(await stage.over(later.bulk_id)).toMatchObject({ matched: 6, done: 0, skipped: 6 });
  expect(await statusesOf(batch)).toMatchObject({ paused: 5, canceled: 1 });
  const resumed = await stage.ask({ action: "resume", tasks: { batch_id: batch, status: "Paused" } });
  expect(await stage.over(resumed.bulk_id)).toMatchObject({ matched: 5, done: 5 });
  expect(await statusesOf(batch)).toMatchObject({ pending: 5, canceled: 1 });
});

it("stops, pauses and resumes batches; one that is complete, or has left the status, is skipped", async () => {
  const scope = "whole batches";
  const batches = await Promise.all([1, 2, 3].map(() => stage.create(many(3), { scope })));
  const done = await stage.create(many(1), { scope });
  await stage.rig.ask({ verb: "stop_batch", target: done.batch });
  const paused = await stage.ask({ action: "pause", batches: { scope } });
  stage.work();
  expect(await stage.over(paused.bulk_id)).toMatchObject({ matched: 4, done: 3, skipped: 1 });
  for (const { batch } of batches) expect(await statusesOf(batch)).toMatchObject({ paused: 3 });
  const stopped = await stage.ask({ action: "cancel", batches: { scope, status: "paused" } });
  expect(await stage.over(stopped.bulk_id)).toMatchObject({ matched: 3, done: 3, skipped: 0 });
  for (const { batch } of batches) expect(await statusesOf(batch)).toMatchObject({ canceled: 3 });
});

it("asks the tasks of a batch again whether it still has one in the status", async () => {
  const scope = "states of tasks";
  const [kept, left] = await Promise.all([1, 2].map(() => stage.create(many(2), { scope })));
  const { bulk_id } = await stage.ask({ action: "pause", batches: { scope, status: "Pending" } });
  for (const id of left?.ids ?? []) await stage.rig.ask({ verb: "pause", target: id });
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({ matched: 2, done: 1, skipped: 1 });
  expect((await stage.call("GET", `/batch/${kept?.batch}`)).body.paused).toBe(true);
  expect((await stage.call("GET", `/batch/${left?.batch}`)).body.paused).toBe(false);
});

it("runs batches again, each once, whatever is repeated; what has nothing to take is skipped", async () => {
  const scope = "reruns";
  const batches = await Promise.all([1, 2, 3].map(() => stage.create(many(2), { scope })));
  for (const { batch } of batches) await stage.rig.ask({ verb: "stop_batch", target: batch });
  const fine = await stage.create([], { scope });
  expect(fine.ids).toEqual([]);
  const open = await stage.create(many(1), { scope });
  const { bulk_id, matched } = await stage.ask({ action: "rerun", batches: { scope } });
  expect(matched).toBe(5);
  // A worker ran them again, and died before it counted them.
  const again = stage.work(undefined, 300);
  await until(async () => (await reruns(bulk_id)).length === 3);
  await stage.over(bulk_id);
  await again.stop();
  await stage.db.use(
    (sql) => sql`
      update bulk set state = 'running', reached = 0, taken = 5, done = 0, skipped = 0, ended_at = null, open = true where id = ${bulk_id}`,
  );
  await stage.db.use(async (sql) => {
    const targets = [...batches.map(({ batch }) => batch), open.batch];
    for (const [n, id] of targets.entries())
      await sql`insert into bulk_item (bulk_id, n, target) values (${bulk_id}, ${n + 1}, ${id})`;
    await sql`insert into bulk_item (bulk_id, n, target) select ${bulk_id}, 5, b.id from batch b join batch_spec s using (id) where s.scope = ${scope} and b.total = 0`;
  });
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({ matched: 5, done: 3, skipped: 2, failed: 0 });
  expect(new Set((await reruns(bulk_id)).map((one) => one.rerun_of))).toEqual(
    new Set(batches.map(({ batch }) => batch)),
  );
  expect(await reruns(bulk_id)).toHaveLength(3);
});

const reruns = (bulk: string) =>
  stage.db.use((sql) => sql<{ rerun_of: string }[]>`select rerun_of from batch where created_by = ${`bulk:${bulk}`}`);

it("replays deliveries that are still exhausted", async () => {
  const batch = crypto.randomUUID();
  await stage.db.use(
    (sql) => sql`
      insert into delivery (id, key, batch_id, trigger, action, facts, status, attempts, done_at)
      select id, id::text, ${batch}, 'end', '{}', '{}', 'exhausted', 10, now() from (select gen_random_uuid() as id from generate_series(1, 5)) u`,
  );
  const { bulk_id } = await stage.ask({ action: "replay", deliveries: { batch_id: batch, status: "exhausted" } });
  await stage.db.use(
    (sql) =>
      sql`update delivery set status = 'success' where id = (select id from delivery where batch_id = ${batch} limit 1)`,
  );
  await stage.db.use(
    (sql) =>
      sql`delete from delivery where id = (select id from delivery where batch_id = ${batch} and status = 'exhausted' limit 1)`,
  );
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({ matched: 5, done: 3, skipped: 1, failed: 1 });
});

it("counts each once when a worker dies with a portion whose commands are decided, and another takes it up", async () => {
  const { batch } = await stage.create(many(150));
  const { bulk_id } = await stage.ask({ action: "cancel", tasks: { batch_id: batch, status: "Pending" } });
  let decided = 0;
  // Decided by the actor, and never heard of by the loop: its process is gone.
  const dead = (_: BulkCommand, ask: () => Promise<unknown>) =>
    ask().then(() => {
      decided++;
      return new Promise(() => {});
    });
  const frozen = stage.work(dead, 300);
  await until(() => decided === 128);
  // It does not renew its lease any more: as if it stood still.
  await stage.db.use((sql) => sql`update bulk set fence = fence + 1, free_at = now() where id = ${bulk_id}`);
  await frozen.stop();
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({ state: "done", matched: 150, done: 150, skipped: 0, failed: 0 });
  expect((await cancels(batch)).every(({ n }) => n === 1)).toBe(true);
});

it("does not count a portion that another worker has taken up", async () => {
  const { batch } = await stage.create(many(3));
  const { bulk_id } = await stage.ask({ action: "cancel", tasks: { batch_id: batch } });
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const slow = stage.work(async (_, ask) => {
    asked++;
    const answer = await ask();
    await gate.promise;
    return answer;
  }, 60_000);
  await until(() => asked === 3);
  await stage.db.use((sql) => sql`update bulk set free_at = now() where id = ${bulk_id}`);
  stage.work();
  await stage.over(bulk_id);
  gate.resolve();
  await slow.stop();
  expect(await stage.get(bulk_id)).toMatchObject({ state: "done", done: 3, skipped: 0 });
  // It noticed that before it wrote; the table would have refused it.
  expect(stage.errors).toEqual([]);
});

it("keeps its lease while a portion takes long", async () => {
  const { batch } = await stage.create(many(2));
  const { bulk_id } = await stage.ask({ action: "cancel", tasks: { batch_id: batch } });
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const between = async (_: BulkCommand, ask: () => Promise<unknown>) => {
    asked++;
    await gate.promise;
    return ask();
  };
  stage.work(between, 300);
  await until(() => asked === 2);
  stage.work(between, 300);
  const freeAt = async () =>
    (await stage.db.use((sql) => sql<{ at: Date }[]>`select free_at as at from bulk where id = ${bulk_id}`))[0]
      ?.at as Date;
  const begun = await freeAt();
  await until(async () => (await freeAt()).getTime() > begun.getTime() + 600);
  expect(asked).toBe(2);
  gate.resolve();
  expect(await stage.over(bulk_id)).toMatchObject({ done: 2 });
});

it("stops after the portion under way: nothing is done after the answer, and the counts are exact", async () => {
  const { batch } = await stage.create(many(600));
  const { bulk_id } = await stage.ask({ action: "cancel", tasks: { batch_id: batch } });
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  stage.work(async (_, ask) => {
    asked++;
    if (asked > 128) await gate.promise;
    return ask();
  });
  await until(() => asked > 128);
  const stopping = stage.call("DELETE", `/bulk/${bulk_id}`);
  await until(
    async () => (await stage.db.use((sql) => sql`select from bulk where id = ${bulk_id} and stop_asked`)).length > 0,
  );
  gate.resolve();
  const { status, body } = await stopping;
  expect(status).toBe(200);
  expect(body).toMatchObject({ state: "stopped", matched: 600, skipped: 0, failed: 0 });
  expect(await statusesOf(batch)).toMatchObject({ canceled: body.done, pending: 600 - body.done });
  expect(body.done).toBe(256);
  await until(async () => (await stage.items()) === 0);
  expect(await stage.get(bulk_id)).toEqual(body);
  // Over is over.
  expect((await stage.call("DELETE", `/bulk/${bulk_id}`)).body).toEqual(body);
});

it("collects a set page by page, of what was created before the call, and takes each once", async () => {
  const size = 4_100;
  await stage.create(many(size, { kind: "large set" }));
  const { bulk_id } = await stage.ask({ action: "pause", tasks: { kind: "large set" } });
  // As if it had been too large to be known at once.
  await stage.db.tx(async (sql) => {
    await sql`update bulk set state = 'collecting', matched = null, collected = 0 where id = ${bulk_id}`;
    await sql`delete from bulk_item where bulk_id = ${bulk_id}`;
  });
  const late = await stage.create(many(3, { kind: "large set" }));
  // Two at it at once; what they would do waits, so that the whole set is seen.
  const rest = Promise.withResolvers<void>();
  const between = (_: BulkCommand, ask: () => Promise<unknown>) => rest.promise.then(ask);
  stage.work(between);
  stage.work(between);
  await until(async () => (await stage.get(bulk_id)).matched !== null, 20_000);
  expect(await stage.get(bulk_id)).toMatchObject({ state: "running", matched: size });
  const [items] = await stage.db.use(
    (sql) => sql`
      select count(*)::int as n, count(distinct target)::int as targets, max(n) as last from bulk_item where bulk_id = ${bulk_id}`,
  );
  expect(items).toEqual({ n: size, targets: size, last: size });
  rest.resolve();
  expect((await stage.call("DELETE", `/bulk/${bulk_id}`)).body).toMatchObject({ state: "stopped" });
  expect(await statusesOf(late.batch)).toMatchObject({ pending: 3 });
});

it("writes no page that was collected while the operation was stopped", async () => {
  await stage.create(many(3, { kind: "stopped set" }));
  const { bulk_id } = await stage.ask({ action: "pause", tasks: { kind: "stopped set" } });
  await stage.db.tx(async (sql) => {
    await sql`update bulk set state = 'collecting', matched = null, collected = 0, free_at = '-infinity' where id = ${bulk_id}`;
    await sql`delete from bulk_item where bulk_id = ${bulk_id}`;
  });
  const taken = await takeBulk(stage.db, 60_000);
  expect(taken).toMatchObject({ bulk: { id: bulk_id }, life: { state: "collecting" } });
  const stopped = await stage.call("DELETE", `/bulk/${bulk_id}`);
  expect(stopped.body).toMatchObject({ state: "stopped", matched: null });
  await collectBulk(stage.db, taken as TakenBulk);
  expect((await stage.call("GET", `/bulk/${bulk_id}`)).body).toEqual(stopped.body);
  // Those of the test before may not be gone yet.
  expect(await stage.items(bulk_id)).toBe(0);
});

it("counts what became of each item", async () => {
  const { batch } = await stage.create(many(2));
  const before = total("skipped");
  const { bulk_id } = await stage.ask({ action: "resume", tasks: { batch_id: batch } });
  stage.work();
  expect(await stage.over(bulk_id)).toMatchObject({ done: 0, skipped: 2 });
  expect(total("skipped") - before).toBe(2);
});

const total = (outcome: string): number =>
  Number(new RegExp(`^baton_bulk_items_total\\{outcome="${outcome}"\\} (\\d+)$`, "m").exec(renderMetrics())?.[1] ?? 0);
