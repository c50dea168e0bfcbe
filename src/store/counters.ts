// Counter updates: the rows they count on, and the ids that make each count once. Task rows first, skipping busy ones,
// then ids: nobody waits here while holding a row.
import type { TaskRow } from "#domain/row";
import { idList } from "#store/arrays";
import type { Sql } from "#store/client";

export interface CountRow {
  readonly id: string;
  readonly status: TaskRow["status"];
  readonly endedAt: Date | null;
  success: number;
  failures: number;
}

export const countRows = (sql: Sql, ids: string[]): Promise<CountRow[]> =>
  sql<CountRow[]>`
    select id, status, ended_at as "endedAt", success, failures from task
    where id = any(${idList(ids)}::uuid[]) for no key update skip locked`;

/** Those of these ids that have not been counted before. */
export async function freshIds(sql: Sql, ids: string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    insert into counter_update (id) select json_array_elements_text(${JSON.stringify(ids)}::text::json)
    on conflict do nothing returning id`;
  return new Set(rows.map((row) => row.id));
}

/** Writes the sums; a final task keeps its `last_updated`. */
export function writeCounts(sql: Sql, rows: readonly CountRow[]): Promise<unknown> {
  const values = rows.map((row) => ({ i: row.id, s: row.success, f: row.failures }));
  return sql`
    update task t set success = u.s, failures = u.f,
      last_updated = case when t.ended_at is null then clock_timestamp() else t.last_updated end
    from json_to_recordset(${JSON.stringify(values)}::text::json) as u (i uuid, s bigint, f bigint) where t.id = u.i`.execute();
}
