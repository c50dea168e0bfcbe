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

/** What is kept of an id. */
export interface Kept {
  readonly id: string;
  /** What it stands for, where a client knows it; null also where nobody knows any more. */
  readonly counts: string | null;
  /** The places of updates of its message that are not counted yet. */
  readonly open: readonly number[];
}

/** Keeps these ids, each once. Gives those that were kept before, which stay as they are. */
export async function keepIds(sql: Sql, ids: readonly Kept[]): Promise<Set<string>> {
  const sorted = ids.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const of = (read: (kept: Kept) => string | null) => array(sorted.map(read));
  const rows = await sql<{ id: string }[]>`
    with asked as materialized (
      select * from unnest(
        ${of(({ id }) => id)}::text[], ${of(({ counts }) => counts)}::text[], ${of(({ open }) => placesOf(open))}::text[]
      ) as u (id, counts, open)),
    kept as (
      insert into counter_update (id, counts, open) select id, counts, open::int[] from asked
      on conflict do nothing returning id)
    select id from asked where id not in (select id from kept)`;
  return new Set(rows.map((row) => row.id));
}

/** Those of these ids that are kept, locked. */
export async function keptBefore(sql: Sql, ids: readonly string[]): Promise<Map<string, Kept>> {
  const rows = await sql<Kept[]>`
    select id, counts, coalesce(to_jsonb(open), '[]') as open from counter_update where id = any(${array(ids)}::text[])
    order by id for update`;
  return new Map(rows.map((row) => [row.id, row]));
}

/** Of ids that are kept, what is still open. */
export const leaveOpen = (sql: Sql, ids: readonly Pick<Kept, "id" | "open">[]): Promise<unknown> =>
  sql`
    update counter_update c set open = u.open::int[]
    from unnest(${array(ids.map(({ id }) => id))}::text[], ${array(ids.map(({ open }) => placesOf(open)))}::text[]) as u (id, open)
    where c.id = u.id`.execute();

const placesOf = (open: readonly number[]): string | null => (open.length > 0 ? `{${open.join()}}` : null);

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
