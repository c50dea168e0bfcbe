// Starts that could not be sent, as rows: one for each task while its tries last. A row is read and written under the lock of
// its task's row.
import type { Unsent } from "#domain/calls/unsent";
import type { Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { idList } from "#store/pg/unnest";

/** What these tasks went through so far; ask after the lock. */
export async function unsentOf(sql: Sql, tasks: readonly string[]): Promise<Map<string, Unsent>> {
  const rows = await sql<(Unsent & { task: string })[]>`
    select task_id as task, since, tries, host, error, until from unsent where task_id = any(${idList(tasks)}::uuid[])`;
  return new Map(rows.map(({ task, ...unsent }) => [task, unsent]));
}

/** By task; null: its tries are over. Issued at once. */
export function writeUnsent(sql: Sql, changes: ReadonlyMap<string, Unsent | null>, send: SendWrite): void {
  const over = [...changes].filter(([, unsent]) => unsent === null).map(([task]) => task);
  const going = [...changes].flatMap(([task, unsent]) => (unsent === null ? [] : [{ task, ...unsent }]));
  if (over.length > 0) send(sql`delete from unsent where task_id = any(${idList(over)}::uuid[])`.execute());
  if (going.length > 0)
    send(
      sql`
        insert into unsent (task_id, since, tries, host, error, until)
        select task, since, tries, host, error, until from json_to_recordset(${JSON.stringify(going)}::text::json)
          as u (task uuid, since timestamptz, tries int, host text, error text, until timestamptz)
        on conflict (task_id) do update set since = excluded.since, tries = excluded.tries, host = excluded.host,
          error = excluded.error, until = excluded.until`.execute(),
    );
}
