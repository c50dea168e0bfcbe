// What one full window of a Rate holds up costs a claim round nothing, however much it is: Postgres counts what the round reads.
import { beforeAll, expect, it } from "vitest";
import type { Db, Sql } from "#store/pg/pool";
import { hasQueuesToSee } from "#store/rules/queues";
import { until } from "#test/until";
import { openStage } from "./stage.ts";
import { inside, look, measured } from "./turn.blocked.meter.ts";

const inOneQueue = 27_000;
const queues = 1_500;
const places = 5;
/** Far less than what waits, in tasks or in queues; and what a round reads that takes so few tasks. */
const [few, some] = [60, 600];
const roundsMax = 2 * Math.ceil(queues / 64);
const times = 7;

const rate = { type: "Rate", max_starts: places, per_secs: 3_600, matcher: { kind: "k", fields: [] } };
const own = { type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields: ["own"] } };
const fill = `
  create function tid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-0' || lpad(n::text, 11, '0'))::uuid $$;
  insert into batch (id, total, unfinished) values (tid(0), ${inOneQueue + queues}, ${inOneQueue + queues});
  insert into key_template (kind, fields, complete) values ('k', '{own}', true);
  insert into rate_template (kind, fields, shortest, longest, complete) values ('k', '{}', 3600, 3600, true);
  create temp table made on commit drop as
    select n, m as metadata, r as rules from generate_series(0, ${inOneQueue + queues - 1}) n,
      lateral (select jsonb_build_object('own', n) as m, case when n < ${inOneQueue} then '${JSON.stringify([rate])}'
        else '${JSON.stringify([rate, own])}' end::jsonb as r) x;
  create temp table queued on commit drop as
    select n, queue_for(rule_terms(rules, metadata, false), rules, metadata) as queue from made where n >= ${inOneQueue - 1} order by 1;
  insert into task (id, batch_id, pos, status, kind, priority, queue, receiver, wait_finished, wait_success, timeout, acts)
    select tid(n), tid(0), n, 'Pending', 'k', case when n < ${inOneQueue} then 5 else n % 5 end,
      coalesce((select queue from queued q where q.n = greatest(made.n, ${inOneQueue - 1})), 0), 'http://r' || n % 7, 0, 0, 60, 0 from made;
  insert into task_spec (id, batch_id, local_id, name, metadata, rules, start_action)
    select tid(n), tid(0), n::text, 'n', metadata, rules, '{"kind":"Webhook","params":{"url":"http://a/","verb":"Get"}}' from made;
  insert into rate_start (claim_id, template, key, at)
    select -n, 1, rate_key_of('k', '{}', null), now() from generate_series(1, ${places}) n;
  insert into signal (queue, priority, since) select queue, max(priority), min(created_at) from task where queue <> 0 group by queue;`;

const waiting = async (sql: Sql) =>
  (await sql<{ n: number }[]>`select count(*)::int as n from admission_queue where waiting_type = 'Rate' and ready`)[0]
    ?.n;
const hasAny = async (db: Db) =>
  (await db.use((sql) => sql<{ has: boolean }[]>`select ${hasQueuesToSee(sql)} as has`))[0]?.has === true;
/** As if an hour had passed. */
const opened = async (sql: Sql) => {
  await sql`update rate_start set at = at - interval '3601 seconds'`;
  await sql`update rate_window set opens_at = opens_at - interval '3601 seconds'`;
};

let db: Db;
beforeAll(async () => {
  ({ db } = await openStage(1));
  await db.tx((sql) => sql.unsafe(`set local statement_timeout = 0; ${fill}`), 120_000);
  for (let round = 0; round < roundsMax && (await hasAny(db)); round++)
    expect((await look(db)).claimed.map(({ task }) => task)).toEqual([]);
  expect(await db.use(waiting)).toBe(queues + 1);
  await db.use((sql) => sql`vacuum analyze`, 60_000);
  await until(async () => (await measured(db, (sql) => look(inside(db, sql)))).entries <= few, 20_000);
}, 180_000);

it(`a round before the window opens touches nothing of the ${inOneQueue + queues} tasks that wait`, async () => {
  for (let time = 0; time < times; time++) {
    const { result, ...seen } = await measured(db, (sql) => look(inside(db, sql)));
    expect([time, result.claimed, result.state.hasQueuesToSee, seen.whole]).toEqual([time, [], false, []]);
    expect([seen.rows <= few, seen.entries <= few], `time ${time}: ${seen.where}`).toEqual([true, true]);
  }
});

it("the round after it starts as many as there are places, the best ones, and leaves all others waiting for the next time", async () => {
  for (let time = 0; time < times; time++) {
    const after = async (sql: Sql) => ({
      waiting: await waiting(sql),
      windows: [
        ...(await sql<{ next: boolean }[]>`select opens_at > now() + interval '3500 seconds' as next from rate_window`),
      ],
    });
    const seen = await measured(db, (sql) => look(inside(db, sql)), { before: opened, after });
    const claimed = seen.result.claimed.map(({ task }) => Number(task.slice(-11)));
    expect([time, claimed.length, claimed.every((n) => n < inOneQueue)]).toEqual([time, places, true]);
    expect(seen.after).toEqual({ waiting: queues + 1, windows: [{ next: true }] });
    expect([seen.whole, seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([
      [],
      true,
      true,
    ]);
  }
});
