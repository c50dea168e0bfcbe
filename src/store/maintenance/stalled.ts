// Sessions of processes that stand still, and what they have locked.
import type { Db } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** A session and its statement: the same process, at the same one. */
type Waiting = readonly string[];

/**
 * Ends sessions of processes that have stood still for so long in the middle of a statement, of those that the look before this
 * one found as well: a large answer that is being read also waits for its reader at times, and the time of a statement does not
 * tell them apart. Postgres waits for the next message of the statement, or for its answer to be read, neither idle nor at work:
 * its time-outs do not reach such a session, and what it has locked stays locked.
 */
export async function endStalled(
  db: Db,
  afterMs: number,
  before: Waiting,
): Promise<{ readonly ended: number; readonly waiting: Waiting }> {
  const found = await db.use(
    (sql) => sql<{ id: string; ended: boolean | null }[]>`
      with waiting as materialized (
        select pid, concat_ws(' ', pid, backend_start, state_change, wait_event) as id from pg_stat_activity
        where datname = current_database() and usename = current_user and application_name = 'baton'
          and state = 'active' and wait_event in ('ClientRead', 'ClientWrite')
          and state_change < now() - ${afterMs}::float8 * interval '1 ms')
      select id, case when id = any(${array(before)}::text[]) then pg_terminate_backend(pid) end as ended from waiting`,
  );
  const gone = found.filter(({ ended }) => ended !== null);
  return { ended: gone.length, waiting: found.filter(({ ended }) => ended === null).map(({ id }) => id) };
}
