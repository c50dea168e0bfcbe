// How a listing finds its page, so that the cost does not grow with what is stored. A source gives candidates in the order of
// the listing, from an index; each is looked at once, up to a number a call. What is found until then is the page: it may be
// short, and then says where the next call goes on.
import type { Fragment } from "postgres";
import type { Cursor } from "#domain/values/cursor";
import type { Db, Sql } from "#store/pg/pool";
import { inTransaction } from "#store/pg/transaction";

/** `size` rows after the first `page * size`, or after a row. */
export interface Page {
  readonly page: number;
  readonly size: number;
  readonly after?: Cursor;
}

export interface Listed<Row> {
  readonly rows: Row[];
  /** Where the next page begins; undefined at the end. */
  readonly next: Cursor | undefined;
}

/** `page` reaches so many rows; beyond them only `after` leads. */
export const pageRowsMax = 100_000;
/** Candidates that one call looks at, beside those that it passes over; in two steps, since mostly the first one suffices. */
const stepsRows = [1_000, 9_000] as const;

/** What one look is for: so many candidates, of which the first `skip` that match are passed over, and `take` are wanted. */
export interface Sought {
  readonly limit: number;
  readonly skip: number;
  readonly take: number;
}
export interface Seen {
  readonly found: readonly Cursor[];
  /** How many matched, where not all that were wanted were found. */
  readonly matched: number;
  /** The last candidate that was looked at; undefined: there are none behind it. */
  readonly last: Cursor | undefined;
}

/**
 * A read for people: one snapshot, one transaction. Bitmap scans are allowed, which the settings of a turn forbid, since no
 * GIN index is read without; and each statement is planned for its values. The rest stays as it is for a turn: the listings
 * walk indexes from a few keys, and the planner's defaults would read whole tables where they take 20,000 rows for many.
 */
export const reading = <T>(db: Db, work: (sql: Sql) => Promise<T>): Promise<T> =>
  db.use((sql) =>
    inTransaction(sql, () => {
      const set = sql
        .unsafe(
          "set transaction isolation level repeatable read, read only; set local enable_bitmapscan = on; set local plan_cache_mode = force_custom_plan; set local max_parallel_workers_per_gather = 0",
        )
        .execute();
      // Where this fails, the statement after it fails for the same reason, and tells.
      set.catch(() => {});
      return work(sql);
    }),
  );

/** The rows of a page by place and id, and where the next one begins. */
export async function walk(
  { page, size, after }: Page,
  see: (after: Cursor | undefined, sought: Sought) => Promise<Seen>,
): Promise<Listed<Cursor>> {
  let skip = after ? 0 : page * size;
  if (skip >= pageRowsMax) return { rows: [], next: undefined };
  const rows: Cursor[] = [];
  let last = after;
  for (const step of stepsRows) {
    const take = size + 1 - rows.length;
    const seen = await see(last, { limit: Math.max(step, size + 1) + skip, skip, take });
    rows.push(...seen.found);
    if (rows.length > size) return { rows: rows.slice(0, size), next: rows[size - 1] };
    last = seen.last;
    if (last === undefined) break;
    skip = Math.max(0, skip - seen.matched);
  }
  return { rows, next: last };
}

export interface Candidates {
  /** In order, with `id`, `created_at`, and `ok`: whether it matches, as far as its own row says. */
  readonly rows: Fragment;
  /** What else is asked of the row `c`; undefined: nothing is asked at all, not even `ok`. */
  readonly match: Fragment | undefined;
  /** How many rows have to be read to ask it of `c`, where that is more than a few. */
  readonly weight?: Fragment;
  readonly ascending?: boolean;
}

/** One look ends with the candidate at which so many rows had to be read for what is asked. */
const weightMax = 10_000;

/** Looks at candidates in order, and takes those that match. All is sorted alike, so that no step waits for the one before it. */
export async function look(
  sql: Sql,
  { rows: source, match, weight = sql`0`, ascending = true }: Candidates,
  { limit, skip, take }: Sought,
): Promise<Seen> {
  const order = ascending ? sql`order by created_at desc, id` : sql`order by created_at desc, id desc`;
  if (match === undefined) {
    const found = await sql<Cursor[]>`
      select created_at::text as at, id from (${source}) s ${order} limit ${take} offset ${skip}`;
    return { found, matched: 0, last: undefined };
  }
  const rows = await sql<{ at: string; id: string; match: boolean; matched: number; stop: boolean }[]>`
    with candidate as (select id, created_at, ok, ${weight} as weight from (
        select id, created_at, ok from (${source}) s ${order} limit ${limit}) c),
      counted as (
        select *, row_number() over (${order} rows unbounded preceding) as n,
          sum(weight) over (${order} rows unbounded preceding) as upto from candidate),
      judged as (
        select id, created_at, n = ${limit}::bigint or upto >= ${weightMax}::bigint as stop, c.ok and ${match} as match
        from counted c where upto - weight < ${weightMax}::bigint),
      numbered as (select *, count(*) filter (where match) over (${order} rows unbounded preceding)::int as matched from judged)
    select created_at::text as at, id, match, matched, stop from numbered
    where match and matched > ${skip}::bigint or stop ${order} limit ${take}`;
  const found = rows.filter((row) => row.match && row.matched > skip).map(({ at, id }) => ({ at, id }));
  const end = rows.at(-1);
  return { found, matched: end?.matched ?? 0, last: end?.stop ? { at: end.at, id: end.id } : undefined };
}

/** Rows of a table or subquery `t` by (created_at desc, id), those after a row alone: two ranges of one index, and no row between. */
export function newest(
  sql: Sql,
  { from, where, id = sql`t.id`, ok, ascending = true }: Range,
  after: Cursor | undefined,
  limit: number,
) {
  const order = ascending ? sql`order by t.created_at desc, ${id}` : sql`order by t.created_at desc, ${id} desc`;
  const part = (more: Fragment) => sql`
    (select ${id} as id, t.created_at, ${ok ?? sql`true`} as ok from ${from} where ${where} ${more} ${order} limit ${limit})`;
  if (!after) return part(sql``);
  const beyond = ascending ? sql`${id} > ${after.id}::uuid` : sql`${id} < ${after.id}::uuid`;
  return sql`
    ${part(sql`and t.created_at = ${after.at}::text::timestamptz and ${beyond}`)}
    union all ${part(sql`and t.created_at < ${after.at}::text::timestamptz`)}`;
}

export interface Range {
  readonly from: Fragment;
  readonly where: Fragment;
  readonly id?: Fragment;
  /** What is asked of each row, and decides nothing about the order or the number of rows: whether it matches. */
  readonly ok?: Fragment;
  /** By id, where times are equal. */
  readonly ascending?: boolean;
}

/**
 * Whether there is such a row: With a limit, because the planner may else collect all rows of the
 * table that match, once for all, rather than look from the row at hand.
 */
export const there = (sql: Sql, from: Fragment): Fragment => sql`((select true from ${from} limit 1) is not null)`;

/** `LIKE` patterns for "begins with this text" and "contains it". */
export const beginning = (text: string): string => `${text.replace(/[\\%_]/g, "\\$&")}%`;
export const containing = (text: string): string => `%${beginning(text)}`;
