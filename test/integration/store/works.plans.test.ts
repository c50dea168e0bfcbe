// What is done of work in portions waits for its answer to be sent: looking for that costs the same however much is under way.
import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import type { Db, Sql } from "#store/pg/pool";
import { unsentReplies } from "#store/turn/works";
import { openStage } from "../actor/stage.ts";

const underWay = 20_000;

it(`finds what is done among ${underWay} works by an index`, async () => {
  const { db } = await openStage(1);
  await db.use(
    (sql) => sql`
      insert into batch_work (batch_id, seq, kind) select gen_random_uuid(), 1, 'stop' from generate_series(1, ${underWay})`,
  );
  const done = randomUUID();
  await db.use(
    (sql) => sql`
      insert into batch_work (batch_id, seq, kind, done_at) values (${done}, 1, 'stop', now() - interval '1 minute')`,
  );
  const read = (sql: Sql) => sql<{ rows: number }[]>`
    select (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables where relname = 'batch_work'`;
  const rows = await db.tx(async (sql) => {
    const inside = { ...db, use: (work: Parameters<Db["use"]>[0]) => work(sql) } as Db;
    const [before] = await read(sql);
    expect(await unsentReplies(inside, 1_000, 16)).toMatchObject([{ batchId: done }]);
    const [after] = await read(sql);
    return (after?.rows ?? 0) - (before?.rows ?? 0);
  });
  expect(rows).toBeLessThan(10);
});
