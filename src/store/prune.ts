// Forgets what nobody needs any more: remembered answers, keys and counted ids past their time, and workers that died long ago.
// In small transactions, so that nobody waits for it; what is left comes the next time.
import type { Db } from "#store/client";

/**
 * Deletes at most `limit` rows of each kind that are older than `hours`, and answers to commands only if older than
 * `applied`: what was stored after that may still come again. Says how many.
 */
export function prune(db: Db, hours: number, applied: Date, limit: number): Promise<number> {
  return db.use(async (sql) => {
    const gone = await Promise.all([
      sql`
        delete from command where id in (
          select id from command where at < least(now() - make_interval(hours => ${hours}), ${applied}::timestamptz) order by at limit ${limit}
          for update skip locked)`,
      sql`
        delete from counter_update where id in (
          select id from counter_update where at < least(now() - make_interval(hours => ${hours}), ${applied}::timestamptz) order by at limit ${limit}
          for update skip locked)`,
      // Nothing that is stored elsewhere can repeat these: clients do, and they were told how long they may.
      sql`
        delete from create_key where key in (
          select key from create_key where at < now() - make_interval(hours => ${hours}) order by at limit ${limit}
          for update skip locked)`,
      sql`
        delete from worker w where w.alive_until < now() - make_interval(hours => ${hours}) and w.told is null
          and not exists (select 1 from task t where t.owner = w.id)`,
    ]);
    return gone.reduce((sum, { count }) => sum + count, 0);
  });
}
