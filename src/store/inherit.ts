// What dead workers have not told yet: one page of it after the other, each by one heir alone. The worker's row is locked
// while its page is told, for as long as NATS takes to confirm; nobody else wants that row but a worker that was thought dead.
import { limits } from "#config";
import type { Db } from "#store/client";
import { eventsBy, type ListedEvent, placeOf } from "#store/events";

export interface Heir {
  /** The end of the log, with nothing uncommitted before it; null: the heir stops. */
  settled(): Promise<number | null>;
  /** True: they have arrived. */
  tell(events: readonly ListedEvent[]): Promise<boolean>;
}

/** What a dead worker has sent to Postgres may still wait there. */
const graceSecs = limits.eventDoubtMs / 1000;

/** Tells the next page that some dead worker owes. False: there is none, or others are at it, or it cannot be told now. */
export async function inherit(db: Db, limit: number, heir: Heir): Promise<boolean> {
  const owing = await db.use(
    (sql) => sql`
      select from worker where told is not null and alive_until < now() - make_interval(secs => ${graceSecs}) limit 1`,
  );
  if (owing.length === 0) return false;
  const end = await heir.settled();
  if (end === null) return false;
  return db.tx(async (sql) => {
    const [dead] = await sql<{ id: number; told: number }[]>`
      select id, told from worker where told is not null and alive_until < now() - make_interval(secs => ${graceSecs})
      order by id limit 1 for no key update skip locked`;
    if (dead === undefined) return false;
    const { events, upTo } = await eventsBy(sql, `worker:${dead.id}`, await placeOf(sql, dead.told), end, limit);
    if (!(await heir.tell(events))) return false;
    await sql`update worker set told = ${upTo < end ? upTo : null} where id = ${dead.id}`;
    return true;
  });
}
