// Settled deliveries that become pending again. A transaction that does that, or deletes settled deliveries, takes turns with all
// others who do: so what was found settled under the lock stays so until the commit, and no order of rows matters.
import { limits } from "#config";
import type { Sql } from "#store/pg/pool";

export interface SettledRow {
  readonly id: string;
  status: "pending" | "success" | "exhausted";
  attempts: number;
}

/** Any number that no other advisory lock of ours uses. */
const settledLock = 7_227_873;

/** Takes the turn until the end of the transaction, and tells the time. Never waits: not `mine`, come again. */
export async function takeSettled(sql: Sql): Promise<{ readonly mine: boolean; readonly now: Date }> {
  const [row] = await sql<{ mine: boolean; now: Date }[]>`
    select pg_try_advisory_xact_lock(${settledLock}) as mine, clock_timestamp() as now`;
  return row as { mine: boolean; now: Date };
}

/** Those of these deliveries that exist; locked in the same order as everywhere. */
export const settledRows = (sql: Sql, ids: readonly string[]): Promise<SettledRow[]> =>
  sql<SettledRow[]>`
    select id, status, attempts from delivery
    where id in (select json_array_elements_text(${JSON.stringify(ids)}::text::json)::uuid) order by id for no key update`;

/** Writes what became of them: due at once. Issued at once, so that it may go out with the commit. */
export const writeReplays = (sql: Sql, rows: readonly SettledRow[]): Promise<unknown> =>
  sql`
    update delivery d set status = u.status, attempts = u.attempts, next_at = now(), done_at = null
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as u(id uuid, status delivery_status, attempts int)
    where d.id = u.id`.execute();

type Fate = Omit<SettledRow, "id">;

/**
 * The same for all that were exhausted at `since` or later, however many: one statement, all or none of them. Returns how
 * many. `became`: what the machine makes of one of them.
 */
export async function replaySince(sql: Sql, since: Date, became: Fate): Promise<number> {
  await sql.unsafe(`set local statement_timeout = ${limits.longStatementTimeoutMs}`);
  const { count } = await sql`
    update delivery set status = ${became.status}::delivery_status, attempts = ${became.attempts}::int, next_at = now(), done_at = null
    where status = 'exhausted' and done_at >= ${since}::timestamptz`;
  return count;
}
