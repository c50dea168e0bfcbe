// The functions of the database that make keys, terms and queues, and the sweep that finds what is not as it should be.
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Db, Sql } from "#store/pg/pool";
import { lockAndOpenQueues } from "#store/rules/queues";
import { fromStart, repairRules } from "#store/rules/repair";
import { until } from "#test/until";
import { create, holdFrom, openStage } from "../actor/stage.ts";

let db: Db;
let url: string;
beforeAll(async () => {
  ({ db, url } = await openStage());
});
const ask = async <T>(work: (sql: Sql) => Promise<readonly object[]>): Promise<T> =>
  Object.values((await db.use(work))[0] as object)[0] as T;

const matcher = (...fields: string[]) => ({ kind: "k", status: "Running", fields });
const terms = (rules: readonly object[], metadata: object | null, counted = false) =>
  ask<unknown>(
    (sql) => sql`
    select rule_terms(${JSON.stringify(rules)}::text::jsonb, ${metadata && JSON.stringify(metadata)}::text::jsonb, ${counted})`,
  );

describe("terms", () => {
  const one = (max: number, ...fields: string[]) => ({
    type: "Concurrency",
    max_concurrency: max,
    matcher: matcher(...fields),
  });

  it("are the same whatever the spelling, and the order of rules, fields and keys", async () => {
    const alias = { type: "Concurency", max_concurency: 3, matcher: matcher("b", "a", "b") };
    const some = await terms([one(3, "a", "b"), one(1)], { a: 1, b: { x: 1, y: 2 } });
    expect(some).toEqual(await terms([one(1), alias, one(1)], { b: { y: 2, x: 1 }, a: 1, c: 3 }));
    expect(some).toHaveLength(2);
  });

  it.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: "1" }],
    [{ a: null }, { a: false }],
    [{ a: [] }, { a: {} }],
    [{ a: [1, 2] }, { a: [2, 1] }],
  ])("tell %j from %j", async (left, right) => {
    expect(await terms([one(1, "a")], left)).not.toEqual(await terms([one(1, "a")], right));
  });

  it("tell kinds and fields apart, though the values be the same", async () => {
    const other = { ...one(1, "a"), matcher: { ...matcher("a"), kind: "l" } };
    const all = [await terms([one(1, "a")], { a: 1, b: 1 }), await terms([one(1, "b")], { a: 1, b: 1 })];
    expect(new Set([...all, await terms([other], { a: 1 })].map((each) => JSON.stringify(each))).size).toBe(3);
  });

  it("have no key where a field is missing, or where Capacity has nothing to go by", async () => {
    const lacking = [{ type: "Concurrency", limit: 1, key: null }];
    expect(await terms([one(1, "a")], { b: 1 })).toEqual(lacking);
    expect(await terms([one(1, "a")], null)).toEqual(lacking);
    const work = { type: "Capacity", max_capacity: 5, matcher: matcher() };
    expect(await terms([work], null)).toEqual([{ type: "Capacity", limit: 5, key: null }]);
    expect(await terms([work], null, true)).toEqual([{ type: "Capacity", limit: 5, key: expect.any(String) }]);
    expect(await terms([], { a: 1 })).toBe(null);
  });

  it("make one queue, for all transactions that ask at once", async () => {
    const wanted = JSON.stringify([{ type: "Concurrency", limit: 1, key: randomUUID() }]);
    const asked = Array.from({ length: 8 }, () => ask<number>((sql) => sql`select queue_for(${wanted}::text::jsonb)`));
    expect(new Set(await Promise.all(asked)).size).toBe(1);
    expect(await ask((sql) => sql`select queue_for(null)`)).toBe(0);
  });
});

it("has key templates that were made while it waited for the lock, though the statement began before", async () => {
  const lock = 4_711;
  let waiting: Promise<readonly object[]> | undefined;
  await db.tx(async (sql) => {
    await sql`select pg_advisory_xact_lock(${lock})`;
    await sql`delete from key_template`;
    await sql`insert into key_template (kind, fields) values ('made meanwhile', '{}')`;
    waiting = db.use(
      (other) => other`
      select exists (select from key_template where kind = 'made meanwhile') as before, has_key_templates() as now
      from (select pg_advisory_xact_lock(${lock}) offset 0) l`,
    );
    await until(async () => (await sql`select from pg_locks where not granted and locktype = 'advisory'`).length > 0);
  });
  expect(await waiting).toEqual([{ before: false, now: true }]);
  await db.use((sql) => sql`delete from key_template`);
});

it("others find the queues of a large creation while it goes on", async () => {
  const rules = [{ type: "Concurrency", max_concurrency: 7, matcher: matcher() }];
  const letGo = await holdFrom(url, "lock table task in share mode");
  const creating = create(db, Array.from({ length: 1_001 }, () => ({ rules })) as never);
  await until(() => db.use(async (sql) => (await sql`select from limit_key where "limit" = 7`).length === 1));
  await letGo();
  await creating;
  await db.use((sql) => sql.unsafe("truncate batch, task cascade; delete from signal; delete from admission_queue"));
});

it("a signal is heard at once, however many others came before it", async () => {
  await db.use((sql) => sql`insert into signal (key) select gen_random_uuid() from generate_series(1, 3000)`);
  await db.use((sql) => sql`insert into signal (queue) values (7)`);
  expect(await db.tx((sql) => lockAndOpenQueues(sql, 1, new Date()))).toMatchObject({ more: true });
  expect(await db.use((sql) => sql`select from signal where queue is not null`)).toHaveLength(0);
  expect(await db.use((sql) => sql`delete from signal returning id`)).toHaveLength(2001);
});

describe("the sweep", () => {
  const [batch, task, gone] = [randomUUID(), randomUUID(), randomUUID()];
  const keyOf = () => ask<string>((sql) => sql`select limit_key_of('swept', '{}', null)`);
  const slots = () => db.use((sql) => sql<{ task_id: string }[]>`select task_id from slot order by task_id`);
  const signals = () => db.use((sql) => sql`delete from signal returning key, queue`);

  beforeAll(async () => {
    await db.use((sql) => sql`insert into batch (id, total, unfinished) values (${batch}, 1, 1)`);
    await db.use(
      (sql) => sql`
      insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts, due_at)
      values (${task}, ${batch}, 0, 'Running', 'swept', 0, 0, 60, 0, now())`,
    );
    await db.use(
      (sql) => sql`insert into task_spec (id, batch_id, local_id, name) values (${task}, ${batch}, 't', 't')`,
    );
    await db.use((sql) => sql`insert into key_template (kind, fields, complete) values ('swept', '{}', true)`);
    expect(await repairRules(db, fromStart())).toBe(1);
  });

  it("gives a slot to a task that is active, once", async () => {
    expect(await slots()).toEqual([{ task_id: task }]);
    expect(await repairRules(db, fromStart())).toBe(0);
  });

  it("frees slots that no active task uses or that say something else, and signals the queues that wait for them", async () => {
    const [key, other] = [await keyOf(), randomUUID()];
    await db.use((sql) => sql`insert into slot (key, task_id) values (${key}, ${gone}), (${other}, ${task})`);
    expect(await repairRules(db, fromStart())).toBe(2);
    expect(await slots()).toEqual([{ task_id: task }]);
    expect((await signals()).map((signal) => signal.key).sort()).toEqual([key, other].sort());
  });

  it("comes past a key that very many tasks use", async () => {
    const [key, gone] = [await keyOf(), randomUUID()];
    await db.use(
      (sql) => sql`
      with made as (
        insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts, due_at)
        select gen_random_uuid(), ${batch}, 1, 'Running', 'swept', 0, 0, 60, 0, now() from generate_series(1, 5000) returning id),
      specs as (insert into task_spec (id, batch_id, local_id, name) select id, ${batch}, id::text, 't' from made)
      insert into slot (key, task_id) select ${key}::uuid, id from made
      union all select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, ${gone}::uuid`,
    );
    await db.use((sql) => sql.unsafe("analyze task, task_spec, slot"));
    const progress = fromStart();
    const found = [await repairRules(db, progress), await repairRules(db, progress)];
    expect(found).toEqual([0, 1]);
    await db.use((sql) => sql`delete from task where pos = 1`);
    await db.use((sql) => sql`delete from slot where task_id <> ${task}`);
    await signals();
  });

  it("does what is left where one of its steps fails", async () => {
    await db.use(
      (sql) => sql`
      insert into rate_start (claim_id, template, key, at) values (1, 7, gen_random_uuid(), now() - interval '1 day')`,
    );
    let asked = 0;
    const broken: Db = Object.assign(Object.create(db), {
      use: (work: Parameters<Db["use"]>[0]) => (asked++ === 0 ? Promise.reject(new Error("no")) : db.use(work)),
    });
    await expect(repairRules(broken, fromStart())).rejects.toThrow("no");
    expect(await db.use((sql) => sql`select from rate_start`)).toHaveLength(0);
  });

  it("signals a queue that waits for an open key, and leaves one that waits for a full one", async () => {
    const key = await keyOf();
    const queue = (limit: number, waits = key) =>
      ask<number>(
        (sql) => sql`
        insert into admission_queue (hash, terms, ready, waiting_on, waiting_type, waiting_limit)
        values (gen_random_uuid(), '[]', true, ${waits}, 'Concurrency', ${limit}) returning id`,
      );
    await queue(1);
    expect(await repairRules(db, fromStart())).toBe(0);
    const open = await queue(2);
    expect(await repairRules(db, fromStart())).toBe(1);
    expect(await repairRules(db, fromStart())).toBe(0);
    expect(await signals()).toEqual([{ key, queue: null }]);
    await db.use((sql) => sql`delete from admission_queue where id = ${open}`);
  });

  it("signals a queue with a task that no round looks at", async () => {
    const queue = await ask<number>(
      (sql) => sql`insert into admission_queue (hash, terms) values (gen_random_uuid(), '[]') returning id`,
    );
    const pending = randomUUID();
    await db.use(
      (sql) => sql`
      insert into task (id, batch_id, pos, status, kind, queue, wait_finished, wait_success, timeout, acts)
      values (${pending}, ${batch}, 1, 'Pending', 'other', ${queue}, 0, 0, 60, 0)`,
    );
    expect(await repairRules(db, fromStart())).toBe(1);
    expect(await signals()).toEqual([{ key: null, queue }]);
    await db.use((sql) => sql`update admission_queue set since = now() - interval '2 hours'`);
    await repairRules(db, fromStart());
    expect((await db.use((sql) => sql`select id from admission_queue order by id`)).map(({ id }) => id)).toEqual([
      queue,
    ]);
  });
});
