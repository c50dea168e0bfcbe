// Counter updates: the rows they count on, and the ids that make each count once. Task rows first, skipping locked ones,
// then ids: a transaction that holds a row waits for nothing. Both in the order of their ids.

import type { CountRow, Kept } from "#domain/counters/rows";
import type { TaskRow } from "#domain/row";
import type { Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";

/** `waits`: they were locked too often to be skipped again, and nothing is held yet. */
export const countRows = (sql: Sql, ids: readonly string[], waits: boolean): Promise<CountRow[]> =>
  sql<CountRow[]>`
    select id, status, attempt, in_doubt as "inDoubt", ended_at as "endedAt", success, failures,
      queue_timeout_secs is not null and not heard and (status in ('Claimed', 'Running') or in_doubt) as "isAwaited"
    from task
    where id = any(${idList(ids)}::uuid[]) order by id for no key update ${waits ? sql`` : sql`skip locked`}`;

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

/** These were refused after all, and a repetition must be refused again. */
export const forgetIds = (sql: Sql, ids: readonly string[]): Promise<unknown> =>
  sql`delete from counter_update where id = any(${array(ids)}::text[])`.execute();

/** Writes the sums; a final task keeps its `last_updated`, and what it gets is added to its batch. */
export function writeCounts(sql: Sql, rows: readonly CountRow[]): Promise<unknown> {
  const of = (field: "id" | "success" | "failures") => array(rows.map((row) => row[field]));
  const heard = array(rows.map(({ heardMs }) => (heardMs === undefined ? null : new Date(heardMs))));
  // The sums of a batch hold those of its final tasks, and its row is not locked here.
  const late = rows.some(({ endedAt }) => endedAt !== null)
    ? sql`, late as (
        insert into late_count (batch_id, success, failures)
        select t.batch_id, u.s - t.success, u.f - t.failures from u join task t on t.id = u.i where t.ended_at is not null)`
    : sql``;
  return sql`
    with u as materialized (
      select * from unnest(${of("id")}::uuid[], ${of("success")}::bigint[], ${of("failures")}::bigint[], ${heard}::timestamptz[])
        as u (i, s, f, h)) ${late}
    update task t set success = u.s, failures = u.f,
      -- from when it was accepted; it moves, but never back
      last_updated = case when t.ended_at is null
        then greatest(t.last_updated + interval '1 ms', least(u.h, clock_timestamp())) else t.last_updated end
    from u where t.id = u.i`.execute();
}

/** Of locked rows: a worker has reported, and their timers are set anew. */
export const writeHeard = (sql: Sql, rows: readonly Pick<TaskRow, "id" | "dueAt">[]): Promise<unknown> =>
  sql`
    update task t set heard = true, due_at = u.due
    from unnest(${idList(rows.map(({ id }) => id))}::uuid[], ${array(rows.map(({ dueAt }) => dueAt))}::timestamptz[]) as u (id, due)
    where t.id = u.id`.execute();
