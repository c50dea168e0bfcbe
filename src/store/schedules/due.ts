// Which schedules are due, and when a worker was alive.
import type { Db } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";

export interface Due {
  readonly id: string;
  readonly version: number;
  /** Of the body that it was made with. */
  readonly bytes: number;
  /** Until it is due; 0 or less: it is. */
  readonly ms: number;
}

/** The first `most` schedules, in the order in which they are due. `alone`: those whose batches are made one at a time. */
export const lookAtSchedules = (db: Db, alone: boolean, most: number): Promise<Due[]> =>
  db.use(
    (sql) => sql<Due[]>`
      select id, version, bytes, extract(epoch from due_at - clock_timestamp())::float8 * 1000 as ms from schedule
      where due_at is not null and alone = ${alone} order by alone, due_at, id limit ${most}`,
  );

export interface Body {
  readonly id: string;
  readonly version: number;
  readonly batch: unknown;
  readonly bytes: number;
}

/** What these schedules create. */
export const bodiesOf = (db: Db, ids: readonly string[]): Promise<Body[]> =>
  db.use((sql) => sql<Body[]>`select id, version, batch, bytes from schedule where id = any(${idList(ids)}::uuid[])`);

/** Spans that are older than this are of no use: a schedule is looked at when it is due. */
const keptHours = 24 * 31;

/**
 * A worker says that it was alive for the last `ms`: one row for all that touch. Two that say so at once may leave two rows that
 * overlap; the next one joins them.
 */
export const testify = (db: Db, ms: number): Promise<void> =>
  db.use(async (sql) => {
    await sql`
      with me as materialized (
          select clock_timestamp() - ${ms}::float8 * interval '1 ms' as since, clock_timestamp() as upto),
        near as (
          delete from schedule_alive a using me where a.upto >= me.since - interval '1 s' returning a.since, a.upto),
        old as (delete from schedule_alive where upto < now() - make_interval(hours => ${keptHours}))
      insert into schedule_alive (since, upto)
      select least(me.since, (select min(since) from near)), greatest(me.upto, (select max(upto) from near)) from me`;
  });

/** It cannot be made now: it is looked at again later, unless another worker has it in hand already. */
export const rest = (db: Db, id: string, ms: number): Promise<void> =>
  db.use(async (sql) => {
    await sql`
      update schedule set due_at = clock_timestamp() + ${ms}::float8 * interval '1 ms'
      where id = (select id from schedule where id = ${id} and due_at is not null for no key update skip locked)`;
  });
