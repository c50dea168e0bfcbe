// Reading the log page by page: every page moves on, whatever it finds, all of them together have each event once, and what
// one costs does not grow with the batch.
import { randomUUID } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { eventsUpTo, placeAfter, resumeAfter } from "#store/events/log";
import type { Db } from "#store/pg/pool";
import { openApi } from "../http/api.ts";

const { db, close } = await openApi();
afterAll(close);

/** A batch of so many tasks with one event each, among as many of others; then one more each, far behind. */
async function makeLog(tasks: number): Promise<string> {
  const batch = randomUUID();
  await db.tx(async (sql) => {
    await sql`insert into batch (id, total, unfinished) values (${batch}, ${tasks}, ${tasks})`;
    await sql`
      with made as (
        insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts)
        select gen_random_uuid(), ${batch}, i, 'Pending', 'k', 0, 0, 60, 0 from generate_series(1, ${tasks}::int) i returning id)
      insert into task_spec (id, batch_id, local_id, name) select id, ${batch}, id::text, 'n' from made`;
    const write = () => sql`
      insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
      select id, b, 'Pending', 'Claimed', 'claim', now(), 0, 'worker:1'
      from (select id, batch_id as b from task_spec where batch_id = ${batch}
        union all select gen_random_uuid(), gen_random_uuid() from generate_series(1, ${tasks}::int)) t order by id`;
    await write();
    await sql`select setval('event_id_seq', (select last_value + 170000 from event_id_seq))`;
    await write();
  });
  return batch;
}

it.each([3, 600])("reads all events of a batch of %i tasks, over a wide range where there are none", async (tasks) => {
  const batch = await makeLog(tasks);
  const { place, last } = await resumeAfter(db, 0, batch);
  const got: number[] = [];
  let at = place;
  while (at.id < last) {
    const { events, upTo } = await eventsUpTo(db, at, last, 500, batch);
    expect(upTo).toBeGreaterThan(at.id);
    got.push(...events.map(({ id }) => id));
    at = placeAfter(at, events, upTo);
  }
  const all = await db.use((sql) => sql<{ id: number }[]>`select id from event where batch_id = ${batch} order by id`);
  expect(got).toHaveLength(2 * tasks);
  expect(got).toEqual(all.map(({ id }) => id));
});

it("reads a page of a large batch without a look at each of its tasks", async () => {
  const batch = await makeLog(2_000);
  const { place, last } = await resumeAfter(db, 0, batch);
  const [first] = await db.use(
    (sql) => sql<{ id: number }[]>`select min(id) as id from event where batch_id = ${batch}`,
  );
  const from = { ...place, id: (first?.id ?? 0) - 1 };
  const [row] = await db.tx(async (sql) => {
    const inside = { use: (work: (own: typeof sql) => unknown) => work(sql) } as unknown as Db;
    const scans = () => sql<{ n: number; parts: number }[]>`
      select sum(idx_scan)::int as n, count(*)::int as parts from pg_stat_xact_user_tables where relname ~ '^event_([0-9]+|default)$'`;
    const [before] = await scans();
    expect((await eventsUpTo(inside, from, last, 500, batch)).events).toHaveLength(500);
    const [after] = await scans();
    return [{ looks: (after?.n ?? 0) - (before?.n ?? 0), parts: after?.parts ?? 0 }];
  });
  expect(row?.looks).toBeGreaterThan(0);
  expect(row?.looks).toBeLessThanOrEqual(row?.parts as number);
});
