// The partitions of the log of events: makes those of the days to come, and drops those that retention gives up. Safe from
// several processes at once; one that finds another at work, or readers in the way, changes nothing and says so.

import { isLockFault } from "#store/pg/errors";
import type { Db, Sql } from "#store/pg/pool";
import { limitLockWait } from "#store/pg/transaction";

/** Any number, that no other code takes as an advisory lock. */
const lockKey = 7_227_867;
/** Writers of events queue behind a transaction that waits for the table, so none waits for it for long. */
const lockTimeoutMs = 100;

/** The partitions of today and the next `days` days (UTC) are there, or cannot be made any more; false: not yet. */
export function makeDays(db: Db, days: number): Promise<boolean> {
  return alone(db, async (sql) => {
    await sql`select event_day((now() at time zone 'UTC')::date + n) from generate_series(0, ${days}::int) n`;
    return true;
  });
}

/**
 * Drops the oldest partition whose events are all older than `keepDays`, unless a batch that is kept may have some of
 * them. Null: there is none to drop; false: another transaction is in the way.
 */
export async function dropOldest(db: Db, keepDays: number): Promise<string | false | null> {
  return alone(db, async (sql) => {
    const [old] = await sql<{ name: string; next: Date }[]>`
      select name, (day + 1)::timestamp at time zone 'UTC' as next
      from (select c.relname as name, to_date(right(c.relname, 8), 'YYYYMMDD') as day
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'event'::regclass and c.relname ~ '^event_[0-9]{8}$') d
      where (day + 1)::timestamp at time zone 'UTC' < now() - make_interval(days => ${keepDays}) order by day limit 1`;
    if (old === undefined || (await isNeeded(sql, old.next))) return null;
    await sql`
      update event_dropped set upto = greatest(upto, coalesce((select max(id) from ${sql(old.name)}), 0))`;
    await sql`drop table ${sql(old.name)}`;
    return old.name;
  });
}

/** The same for what landed in the default partition, row by row: how many of at most `limit` rows were deleted. */
export function clearDefault(db: Db, keepDays: number, limit: number): Promise<number | false> {
  return alone(db, async (sql) => {
    const [row] = await sql<{ at: Date | null }[]>`
      select max(at) as at from (select at from event_default
        where at < now() - make_interval(days => ${keepDays}) limit ${limit}) old`;
    if (row === undefined || row.at === null || (await isNeeded(sql, row.at))) return 0;
    const [gone] = await sql<{ n: number }[]>`
      with gone as (delete from event_default where ctid in (select ctid from event_default
          where at <= ${row.at}::timestamptz limit ${limit}) returning id),
        noted as (update event_dropped set upto = greatest(upto, (select max(id) from gone)) where exists (select from gone))
      select count(*) as n from gone`;
    return gone?.n ?? 0;
  });
}

/** A batch is kept until retention has deleted it, which may take longer than its days, and its events as long. */
async function isNeeded(sql: Sql, before: Date): Promise<boolean> {
  const kept = await sql`select from batch where created_at < ${before}::timestamptz limit 1`;
  return kept.length > 0;
}

async function alone<T>(db: Db, work: (sql: Sql) => Promise<T>): Promise<T | false> {
  try {
    return await db.tx(async (sql) => {
      await limitLockWait(sql, lockTimeoutMs);
      const [lock] = await sql<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${lockKey}) as mine`;
      return lock?.mine ? await work(sql) : false;
    });
  } catch (error) {
    if (isLockFault(error)) return false;
    throw error;
  }
}
