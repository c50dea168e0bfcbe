// Counter updates: the rows they count on, and the ids that make each count once. Task rows first, skipping busy ones,
// then ids: nobody waits here while holding a row. Both in the order of their ids.
import type { TaskRow } from "#domain/row";
import { array, idList } from "#store/arrays";
import type { Sql } from "#store/client";

export interface CountRow {
  readonly id: string;
  readonly status: TaskRow["status"];
  readonly attempt: number;
  readonly endedAt: Date | null;
  success: number;
  failures: number;
}

/** `patient`: they were busy too often to be skipped again, and nothing is held yet. */
export const countRows = (sql: Sql, ids: readonly string[], patient: boolean): Promise<CountRow[]> =>
  sql<CountRow[]>`
    select id, status, attempt, ended_at as "endedAt", success, failures from task
    where id = any(${idList(ids)}::uuid[]) order by id for no key update ${patient ? sql`` : sql`skip locked`}`;

/** An id and what it stands for. */
export interface Counted {
  readonly id: string;
  readonly counts: string;
}

/** Keeps these ids, each once, with what they stand for. Gives those that had been counted before. */
export async function keepIds(sql: Sql, ids: readonly Counted[]): Promise<Set<string>> {
  const sorted = ids.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const rows = await sql<{ id: string }[]>`
    with asked as materialized (
      select * from unnest(${array(sorted.map(({ id }) => id))}::text[], ${array(sorted.map(({ counts }) => counts))}::text[])
        as u (id, counts)),
    kept as (insert into counter_update (id, counts) select id, counts from asked on conflict do nothing returning id)
    select id from asked where id not in (select id from kept)`;
  return new Set(rows.map((row) => row.id));
}

/** What ids stand for that were counted before; those that were not are missing. */
export async function countedBefore(sql: Sql, ids: readonly string[]): Promise<Map<string, string | null>> {
  const rows = await sql<{ id: string; counts: string | null }[]>`
    select id, counts from counter_update where id = any(${array(ids)}::text[])`;
  return new Map(rows.map(({ id, counts }) => [id, counts]));
}

/** These were refused after all: whoever repeats them is refused again. */
export const forgetIds = (sql: Sql, ids: readonly string[]): Promise<unknown> =>
  sql`delete from counter_update where id = any(${array(ids)}::text[])`.execute();

/** Writes the sums; a final task keeps its `last_updated`. */
export function writeCounts(sql: Sql, rows: readonly CountRow[]): Promise<unknown> {
  const of = (field: "id" | "success" | "failures") => array(rows.map((row) => row[field]));
  return sql`
    update task t set success = u.s, failures = u.f,
      last_updated = case when t.ended_at is null then clock_timestamp() else t.last_updated end
    from unnest(${of("id")}::uuid[], ${of("success")}::bigint[], ${of("failures")}::bigint[]) as u (i, s, f)
    where t.id = u.i`.execute();
}
