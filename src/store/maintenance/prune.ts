// Deletes what is not needed any more: remembered answers, keys and counted ids past their time, workers that died long ago,
// receivers that nobody called since, and bulk operations that ended long ago.
// In small transactions, so that no other waits for long; what is left comes the next time.
import { limits } from "#config";
import type { Db } from "#store/pg/pool";

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
      // Nothing that is stored elsewhere can repeat these: clients do, and the documentation says for how long they may.
      sql`
        delete from create_key where key in (
          select key from create_key where at < now() - make_interval(hours => ${hours}) order by at limit ${limit}
          for update skip locked)`,
      sql`
        delete from dead_letter where id in (
          select id from dead_letter where at < now() - make_interval(days => ${limits.deadLetterKeepDays}) order by at limit ${limit}
          for update skip locked)`,
      sql`
        delete from bulk where id in (
          select id from bulk where ended_at < now() - make_interval(days => ${limits.bulkKeepDays}) and not open order by ended_at
          limit ${limit} for update skip locked)`,
      sql`delete from event_tally where at < now() - interval '3 hours'`,
      sql`
        delete from receiver where receiver in (
          select receiver from receiver where at < now() - make_interval(hours => ${hours}) order by at limit ${limit}
          for update skip locked)`,
      sql`
        delete from process w where w.alive_until < now() - make_interval(hours => ${hours})
          and not exists (select 1 from task t where t.owner = w.id)`,
    ]);
    return gone.reduce((sum, { count }) => sum + count, 0);
  });
}
