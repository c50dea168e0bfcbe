// Tasks that no rule will ever admit, because their metadata lacks a field that one names, or they lack `expected_count`.
import type { Db } from "#store/pg/pool";
import { noKey } from "#store/rules/queues";

const countedMax = 10_000;

/** How many are Pending; counts to 10,000. Claim rounds have marked their queues. */
export async function countInadmissible(db: Db): Promise<number> {
  const [found] = await db.use(
    (sql) => sql<{ n: number }[]>`
    select count(*)::int as n from (
      select from admission_queue q cross join lateral (
        select from task t where t.queue = q.id and t.status = 'Pending' and t.ready_at is null limit ${countedMax}) waiting
      where q.waiting_on = ${noKey}::uuid and q.ready limit ${countedMax}) found`,
  );
  return found?.n ?? 0;
}
