// What one full slot holds up costs a claim round nothing, however much it is: Postgres counts what the round reads, and its
// plan is looked at. With tables that were known when the statements were prepared, and with ones that were empty then.
import { beforeAll, describe, expect, it } from "vitest";
import type { Db, Sql } from "#store/pg/pool";
import { hasQueuesToSee, lockAndOpenQueues } from "#store/rules/queues";
import { until } from "#test/until";
import { create, openStage } from "./stage.ts";
import { explaining, inside, look, measured, type Scan } from "./turn.blocked.meter.ts";

const inOneQueue = 30_000;
const queues = 3_000;
/** Far less than what is blocked, in tasks or in queues. */
const few = 60;
/** A round that opens or claims reads some rows for each of so few tasks and queues. */
const some = 400;
/** Each looks at 64 queues at least. */
const roundsMax = 2 * Math.ceil(queues / 64);
/** Planned for these values at first, and for all later. */
const times = 7;

const slot = (...fields: string[]) =>
  JSON.stringify({ type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields } });

/**
 * One task holds the only slot of kind `k`; behind it wait a queue of many tasks, and many queues of one task each, which also
 * have a slot of their own. Queues differ in priority, from 0 to 4; the large one has 5.
 */
const fill = `
  insert into batch (id, total, unfinished) values (bid(0), ${inOneQueue + queues + 1}, ${inOneQueue + queues + 1});
  insert into key_template (kind, fields, complete) values ('k', '{}', true), ('k', '{own}', true);
  create temp table made on commit drop as
    select n, metadata, rule_terms(case when n < ${inOneQueue} then '[${slot()}]' else '[${slot()}, ${slot("own")}]' end::jsonb,
      metadata, false) as terms
    from generate_series(0, ${inOneQueue + queues - 1}) n, lateral (select jsonb_build_object('own', n) as metadata) m;
  select queue_for(terms) from (select distinct terms from made order by 1) t;
  insert into task (id, batch_id, pos, status, kind, priority, queue, receiver, wait_finished, wait_success, timeout, acts)
    select tid(n), bid(0), n, 'Pending', 'k', case when n < ${inOneQueue} then 5 else n % 5 end,
      (select id from admission_queue where hash = md5(made.terms::text)::uuid), 'http://r' || n % 7, 0, 0, 60, 0 from made;
  insert into task_spec (id, batch_id, local_id, name, metadata) select tid(n), bid(0), n::text, 'n', metadata from made;
  insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts, due_at)
    values (tid(${inOneQueue + queues}), bid(0), ${inOneQueue + queues}, 'Running', 'k', 0, 0, 60, 0, now() + interval '1 day');
  insert into task_spec (id, batch_id, local_id, name) values (tid(${inOneQueue + queues}), bid(0), 'held', 'n');
  insert into slot (key, task_id) values (limit_key_of('k', '{}', null), tid(${inOneQueue + queues}));
  insert into signal (queue, priority, since) select queue, max(priority), min(created_at) from task where queue <> 0 group by queue;`;
const functions = `
  create function bid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-b' || lpad(n::text, 11, '0'))::uuid $$;
  create function tid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-0' || lpad(n::text, 11, '0'))::uuid $$;`;

const ask = async <T>(db: Db, work: (sql: Sql) => Promise<readonly object[]>): Promise<T> =>
  Object.values((await db.use(work))[0] as object)[0] as T;
const hasAny = (db: Db) => ask<boolean>(db, (sql) => sql`select ${hasQueuesToSee(sql)}`);
const blocked = (sql: Sql) =>
  sql<
    { count: number }[]
  >`select count(*)::int as count from admission_queue where ready and waiting_on is not null`.then(
    ([row]) => row?.count,
  );

/** Looks as often as there is something to look at: all find their key full. */
async function block(db: Db): Promise<void> {
  for (let round = 0; round < roundsMax && (await hasAny(db)); round++)
    expect((await look(db)).claimed.map(({ task }) => task)).toEqual([]);
  expect(await db.use(blocked)).toBe(queues + 1);
}

/** No task is read but by the index of what can start, within one queue; and by its id, to be locked. */
function expectReady(scans: readonly Scan[], mostTasks: number): void {
  const tasks = scans.filter(({ table, index }) => table === "task" && index !== "task_pkey");
  for (const { index, rows } of scans) if (index === "task_pkey") expect(rows).toBeLessThanOrEqual(mostTasks);
  expect(tasks.length).toBeGreaterThan(0);
  for (const scan of tasks) {
    expect(scan).toMatchObject({ index: "task_ready", inVain: 0 });
    expect(scan.node).toMatch(/^Index (Only )?Scan$/);
    expect(scan.condition).toMatch(/\(queue = /);
    expect(scan.rows).toBeLessThanOrEqual(mostTasks);
  }
  expect(scans.filter(({ node }) => node === "Seq Scan")).toEqual([]);
}

const released = (sql: Sql) => sql`
  with gone as (delete from slot where task_id = tid(${inOneQueue + queues}) returning key) insert into signal (key) select key from gone`;

async function plansOf(db: Db): Promise<Scan[]> {
  const scans: Scan[] = [];
  await measured(db, (sql) => look(inside(db, explaining(sql, scans))));
  return scans;
}

describe.each(["filled, then analyzed, then prepared", "prepared on empty tables, then filled, never analyzed"])(
  "with tables that were %s",
  (order) => {
    let db: Db;
    beforeAll(async () => {
      ({ db } = await openStage(1));
      await db.use((sql) => sql.unsafe(functions));
      const isEarly = order.startsWith("prepared");
      if (isEarly) {
        for (const table of ["task", "task_spec", "batch", "admission_queue", "signal", "slot", "key_template"])
          await db.use((sql) => sql.unsafe(`alter table ${table} set (autovacuum_enabled = off)`));
        for (let i = 0; i < times; i++)
          await measured(db, async (sql) => {
            await sql`insert into signal (key) values (gen_random_uuid())`;
            return look(inside(db, sql));
          });
      }
      await db.tx((sql) => sql.unsafe(`set local statement_timeout = 0; ${fill}`), 60_000);
      await block(db);
      if (!isEarly) await db.use((sql) => sql`vacuum analyze`, 30_000);
      // Entries that blocking left dead in the index are met once, by the first look after nobody can see them any more.
      await until(async () => (await measured(db, (sql) => look(inside(db, sql)))).entries <= few, 20_000);
    }, 120_000);

    it("a round with no queue to look at touches nothing of what is blocked", async () => {
      for (let time = 0; time < times; time++) {
        const { result, ...seen } = await measured(db, (sql) => look(inside(db, sql)));
        expect([time, result.claimed, result.state.hasQueuesToSee, seen.whole]).toEqual([time, [], false, []]);
        expect([seen.rows <= few, seen.entries <= few], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
      expectReady(await plansOf(db), 0);
    });

    it("a release opens at most as many of the waiting queues as there are free call slots, the best ones", async () => {
      const best = await db.use(
        (sql) =>
          sql`select id from admission_queue where waiting_on is not null order by priority desc, since, pos, id limit 3`,
      );
      for (let time = 0; time < times; time++) {
        const after = (sql: Sql) => sql`
          select id from admission_queue where ready and waiting_on is null order by priority desc, since, pos, id`;
        const seen = await measured(db, (sql) => lockAndOpenQueues(sql, 3, new Date()), { before: released, after });
        expect([time, seen.whole, seen.after?.length, [...(seen.after ?? [])]]).toEqual([time, [], 3, [...best]]);
        expect([seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
    });

    it("the round after a release starts the one task that may, and leaves all others waiting", async () => {
      for (let time = 0; time < times; time++) {
        const seen = await measured(db, (sql) => look(inside(db, sql)), { before: released, after: blocked });
        expect([time, seen.whole, seen.result.claimed.length, seen.after]).toEqual([time, [], 1, queues + 1]);
        expect([seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
    });

    it("a round with one queue that is signaled reads that one, and nothing of what is blocked", async () => {
      const matcher = { kind: "free", status: "Running", fields: [] };
      const rules = [{ type: "Concurrency", max_concurrency: 4, matcher }];
      const { ids } = await create(db, [{ kind: "free", priority: -5, rules: rules as never }]);
      for (let time = 0; time < times; time++) {
        const { result, ...seen } = await measured(db, (sql) => look(inside(db, sql)));
        expect([time, result.claimed.map(({ task }) => task), seen.whole]).toEqual([time, ids, []]);
        expect([seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
      // Once found, once taken.
      expectReady(await plansOf(db), 1);
    });
  },
);
