// The functions of the database that make keys, terms and lanes, and the sweep that finds what is not as it should be.
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Db, Sql } from "#store/client";
import { fromStart, repairRules } from "#store/repair";
import { until } from "#test/until";
import { openStage } from "../actor/stage.ts";

let db: Db;
beforeAll(async () => {
  ({ db } = await openStage());
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

  it("make one lane, for everybody who asks at once", async () => {
    const wanted = JSON.stringify([{ type: "Concurrency", limit: 1, key: randomUUID() }]);
    const asked = Array.from({ length: 8 }, () => ask<number>((sql) => sql`select lane_for(${wanted}::text::jsonb)`));
    expect(new Set(await Promise.all(asked)).size).toBe(1);
    expect(await ask((sql) => sql`select lane_for(null)`)).toBe(0);
  });
});

it("has shapes that were made while somebody waited for the lock, though the statement began before", async () => {
  const lock = 4_711;
  let waiting: Promise<readonly object[]> | undefined;
  await db.tx(async (sql) => {
    await sql`select pg_advisory_xact_lock(${lock})`;
    await sql`delete from shape`;
    await sql`insert into shape (kind, fields) values ('made meanwhile', '{}')`;
    waiting = db.use(
      (other) => other`
      select exists (select from shape where kind = 'made meanwhile') as before, has_shapes() as now
      from (select pg_advisory_xact_lock(${lock}) offset 0) l`,
    );
    await until(async () => (await sql`select from pg_locks where not granted and locktype = 'advisory'`).length > 0);
  });
  expect(await waiting).toEqual([{ before: false, now: true }]);
  await db.use((sql) => sql`delete from shape`);
});

describe("the sweep", () => {
  const [batch, task, gone] = [randomUUID(), randomUUID(), randomUUID()];
  const keyOf = () => ask<string>((sql) => sql`select rule_key('swept', '{}', null)`);
  const holders = () => db.use((sql) => sql<{ task_id: string }[]>`select task_id from holder order by task_id`);
  const wakes = () => db.use((sql) => sql`delete from wake returning key, lane`);

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
    await db.use((sql) => sql`insert into shape (kind, fields, complete) values ('swept', '{}', true)`);
    expect(await repairRules(db, fromStart())).toBe(1);
  });

  it("gives a holder to a task that is active, once", async () => {
    expect(await holders()).toEqual([{ task_id: task }]);
    expect(await repairRules(db, fromStart())).toBe(0);
  });

  it("takes holders away that nobody is or that say something else, and wakes whoever waits for them", async () => {
    const [key, other] = [await keyOf(), randomUUID()];
    await db.use((sql) => sql`insert into holder (key, task_id) values (${key}, ${gone}), (${other}, ${task})`);
    expect(await repairRules(db, fromStart())).toBe(2);
    expect(await holders()).toEqual([{ task_id: task }]);
    expect((await wakes()).map((wake) => wake.key).sort()).toEqual([key, other].sort());
  });

  it("wakes a lane that waits for an open key, and leaves one that waits for a full one", async () => {
    const key = await keyOf();
    const lane = (limit: number, waits = key) =>
      ask<number>(
        (sql) => sql`
        insert into lane (hash, terms, ready, waiting_on, waiting_type, waiting_limit)
        values (gen_random_uuid(), '[]', true, ${waits}, 'Concurrency', ${limit}) returning id`,
      );
    await lane(1);
    expect(await repairRules(db, fromStart())).toBe(0);
    const open = await lane(2);
    expect(await repairRules(db, fromStart())).toBe(1);
    expect(await repairRules(db, fromStart())).toBe(0);
    expect(await wakes()).toEqual([{ key, lane: null }]);
    await db.use((sql) => sql`delete from lane where id = ${open}`);
  });

  it("wakes a lane with a task that nobody looks at", async () => {
    const lane = await ask<number>(
      (sql) => sql`insert into lane (hash, terms) values (gen_random_uuid(), '[]') returning id`,
    );
    const pending = randomUUID();
    await db.use(
      (sql) => sql`
      insert into task (id, batch_id, pos, status, kind, lane, wait_finished, wait_success, timeout, acts)
      values (${pending}, ${batch}, 1, 'Pending', 'other', ${lane}, 0, 0, 60, 0)`,
    );
    expect(await repairRules(db, fromStart())).toBe(1);
    expect(await wakes()).toEqual([{ key: null, lane }]);
    await db.use((sql) => sql`update lane set since = now() - interval '2 hours'`);
    await repairRules(db, fromStart());
    expect((await db.use((sql) => sql`select id from lane order by id`)).map(({ id }) => id)).toEqual([lane]);
  });
});
