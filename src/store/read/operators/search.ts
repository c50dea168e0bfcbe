// Finds tasks and batches by an id or its beginning, by the beginning of a name, by a scope. Each is read from an index.
import type { Fragment } from "postgres";
import { isUuid } from "#domain/schema/text";
import { nilUuid } from "#domain/values/uuid";
import type { Db, Sql } from "#store/pg/pool";
import { stateOf } from "#store/read/batches";
import { beginning, reading } from "#store/read/walk";

export interface Found {
  readonly type: "task" | "batch";
  readonly id: string;
  /** The name of a task; the scope of a batch, or its id where it has none. */
  readonly label: string;
  readonly batch_id: string;
  readonly status: string;
}

const foundMax = 20;
/** So many names that begin alike are looked through, in their order. */
const namesMax = 200;

/** Newest first. */
export const search = (db: Db, q: string): Promise<Found[]> =>
  reading(db, async (sql) => {
    const range = idsFrom(q);
    const rows = await sql<(Found & { at: Date })[]>`
      select * from (
        ${batchesBy(sql, sql`select id, created_at as at from batch_spec where scope = ${q}::text order by created_at desc, id desc limit ${foundMax}`)}
        union ${tasksBy(sql, named(sql, q))}
        ${
          range === null
            ? sql``
            : sql`
              union ${batchesBy(sql, between(sql, sql`batch`, range))}
              union ${tasksBy(sql, between(sql, sql`task_spec`, range))}`
        }) s
      order by at desc, id desc limit ${foundMax}`;
    return rows.map(({ at: _, ...row }) => row);
  });

const batchesBy = (sql: Sql, found: Fragment) => sql`
  (select 'batch' as type, b.id, coalesce(s.scope, b.id::text) as label, b.id as batch_id, ${stateOf(sql)} as status, b.created_at as at
   from (${found}) f join batch b on b.id = f.id left join batch_spec s on s.id = b.id)`;
const tasksBy = (sql: Sql, found: Fragment) => sql`
  (select 'task' as type, t.id, s.name as label, t.batch_id, t.status::text, t.created_at as at
   from (${found}) f join task t on t.id = f.id join task_spec s on s.id = f.id)`;

const between = (sql: Sql, table: Fragment, [least, most]: readonly [string, string]) => sql`
  select id from ${table} where id between ${least}::uuid and ${most}::uuid order by id desc limit ${foundMax}`;

/** The newest of each name that begins so. Names are in the order of their bytes. */
const named = (sql: Sql, q: string) => {
  const like = beginning(q);
  return sql`
    with recursive names (name) as (
      (select name collate "C" from task_spec where name collate "C" like ${like}::text order by name collate "C" limit 1)
      union all
      select n.name from names o cross join lateral (
        select s.name collate "C" as name from task_spec s where s.name collate "C" > o.name and s.name collate "C" like ${like}::text
        order by s.name collate "C" limit 1) n)
    select s.id from (select name from names limit ${namesMax}) n cross join lateral (
      select id, created_at from task_spec s where s.name collate "C" = n.name order by s.created_at desc limit ${foundMax}) s
    order by s.created_at desc limit ${foundMax}`;
};

/** The ids that begin so, where it is a whole one, or its first 13 characters or more; null: it is neither. */
function idsFrom(q: string): readonly [string, string] | null {
  const text = q.toLowerCase();
  const filled = (by: string) => text + nilUuid.slice(text.length).replaceAll("0", by);
  return text.length >= 13 && text.length <= nilUuid.length && isUuid(filled("0")) ? [filled("0"), filled("f")] : null;
}
