// What a turn reads, and locks. Lock order: ending turns lock the batch rows of their tasks, in id order, then only rows
// of these batches, in any order, waiting. Row turns lock their rows alone, skipping what is busy: they never wait while
// they hold something. So no cycle of waiting can exist. What must be exact is read in a statement after the lock.
import type { Fragment } from "postgres";
import { limits } from "#config";
import type { Action, LaterAction } from "#domain/action";
import { TooLarge } from "#domain/errors";
import type { Link, TaskRow } from "#domain/row";
import { idList } from "#store/arrays";
import type { Sql } from "#store/client";
import { isAwake, shapeLock } from "#store/lanes";
import { columns, rows, rowsWith } from "#store/row";

export interface BatchRow {
  readonly id: string;
  readonly total: number;
  unfinished: number;
}

const unfinished = (sql: Sql): Fragment => sql`t.status not in ('Success', 'Failure', 'Canceled', 'Skipped')`;

export interface Moment {
  readonly now: Date;
  /** No shape is being made: tasks may become active in this transaction. */
  readonly mayHold: boolean;
  /** A claim round has rules to look at. */
  readonly awake: boolean;
  /** Some rule names fields, or may soon: active tasks hold keys. */
  readonly shaped: boolean;
}

/** The clock that all times are written by; ask after the lock. Shapes are looked for once none can be made any more. */
export const moment = async (sql: Sql, isBulk = false): Promise<Moment> => {
  const [row] = await sql<Moment[]>`
    select clock_timestamp() as now, l."mayHold", ${isAwake(sql)} as awake,
      case when l."mayHold" then has_shapes() else true end as shaped
    from (select ${
      // One that takes long would keep a new shape waiting, and everybody else behind that.
      isBulk ? sql`false` : sql`pg_try_advisory_xact_lock_shared(${shapeLock})`
    } as "mayHold" offset 0) l`.execute();
  return row as Moment;
};

/** Row turns: the rows that nobody else holds right now. */
export const rowsUnlessBusy = (sql: Sql, ids: string[]): Promise<TaskRow[]> =>
  rows(sql`select ${columns(sql)} from task t where t.id = any(${idList(ids)}::uuid[]) for no key update skip locked`);

/** Row turns, alone: waits for the one row. */
export const rowWaiting = (sql: Sql, id: string): Promise<TaskRow[]> =>
  rows(sql`select ${columns(sql)} from task t where t.id = ${id} for no key update`);

/** Ending turns, first: the batches of these tasks, and these batches; in id order. Busy ones are skipped, or waited for. */
export async function lockBatches(sql: Sql, tasks: string[], batches: string[], wait: boolean): Promise<BatchRow[]> {
  return sql<BatchRow[]>`
    select b.id, b.total, b.unfinished from batch b
    where b.id in (select t.batch_id from task t where t.id = any(${idList(tasks)}::uuid[])
                   union all select unnest(${idList(batches)}::uuid[]))
    order by b.id for no key update of b ${wait ? sql`` : sql`skip locked`}`;
}

/**
 * Ending turns, then: those of these tasks that lie in the locked batches. One that a row turn holds just now is skipped
 * and comes again, unless `wait`: whoever holds it waits for nothing, so waiting is safe, but the whole turn would.
 */
export const rowsOf = (sql: Sql, tasks: string[], batches: string[], wait: boolean): Promise<TaskRow[]> =>
  rows(sql`
    select ${columns(sql)} from task t
    where t.id = any(${idList(tasks)}::uuid[]) and t.batch_id = any(${idList(batches)}::uuid[])
    for no key update of t ${wait ? sql`` : sql`skip locked`}`);

/** The batches of those of these tasks that exist: tells busy from unknown. */
export async function batchesOf(sql: Sql, tasks: string[]): Promise<Map<string, string>> {
  const found = await sql<{ id: string; batch: string }[]>`
    select id, batch_id as batch from task where id = any(${idList(tasks)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.batch]));
}

/** Those of these batches that exist. */
export async function existingBatches(sql: Sql, ids: string[]): Promise<string[]> {
  const found = await sql<{ id: string }[]>`select id from batch where id = any(${idList(ids)}::uuid[])`;
  return found.map((row) => row.id);
}

/** Every unfinished task of a batch whose row the caller has locked. */
export async function unfinishedOf(sql: Sql, batch: string): Promise<{ row: TaskRow; kind: string }[]> {
  const found = await rowsWith(sql`
    select ${columns(sql)}, t.kind from task_spec s join task t on t.id = s.id
    where s.batch_id = ${batch} and ${unfinished(sql)} for no key update of t`);
  return found.map(({ row, more: [kind] }) => ({ row, kind: kind as string }));
}

/**
 * Links to the unfinished children of these tasks, and these children. One level, or all levels below at once.
 * Throws `TooLarge` where there are more than `linksMax`.
 */
export async function childrenOf(
  sql: Sql,
  parents: string[],
  deep: boolean,
  linksMax: number = limits.bulkLinksMin,
): Promise<{ links: Link[]; rows: TaskRow[] }> {
  if (!deep) return childrenBelow(sql, parents, linksMax);
  // With many links to each child the rows are cheaper by themselves.
  const links = (await linksBelow(sql, parents, linksMax)).map(linkOf);
  if (links.length > linksMax) throw new TooLarge(`more than ${linksMax} links`);
  return { links, rows: await lockUnfinished(sql, new Set(links.map(({ child }) => child))) };
}

/** One level: links and rows in one look. */
async function childrenBelow(
  sql: Sql,
  parents: string[],
  linksMax: number,
): Promise<{ links: Link[]; rows: TaskRow[] }> {
  const found = await rowsWith(sql`
    select ${columns(sql)}, l.parent_id, l.child_id, l.requires_success, l.condition
    from link l join task t on t.id = l.child_id where l.parent_id = any(${idList(parents)}::uuid[]) and ${unfinished(sql)}
    limit ${linksMax + 1} for no key update of t`);
  if (found.length > linksMax) throw new TooLarge(`more than ${linksMax} links`);
  const links = found.map(({ more }) => {
    const [parent, child, requiresSuccess, condition] = more;
    return linkOf({ parent, child, requiresSuccess, condition } as LinkColumns);
  });
  return { links, rows: found.map(({ row }) => row) };
}

const linksBelow = (sql: Sql, parents: string[], linksMax: number): Promise<LinkColumns[]> =>
  sql<LinkColumns[]>`
    with recursive down (id) as (
      select unnest(${idList(parents)}::uuid[])
      union
      select l.child_id from down d join link l on l.parent_id = d.id join task t on t.id = l.child_id
      where ${unfinished(sql)})
    select l.parent_id as parent, l.child_id as child, l.requires_success as "requiresSuccess", l.condition
    from down d join link l on l.parent_id = d.id join task t on t.id = l.child_id where ${unfinished(sql)}
    limit ${linksMax + 1}`;

const lockUnfinished = (sql: Sql, ids: Iterable<string>): Promise<TaskRow[]> =>
  rows(sql`
    select ${columns(sql)} from task t where t.id = any(${idList(ids)}::uuid[]) and ${unfinished(sql)}
    for no key update of t`);

interface LinkColumns {
  readonly parent: string;
  readonly child: string;
  readonly requiresSuccess: boolean | null;
  readonly condition: string | null;
}

/** Links to the unfinished parents of these tasks, these parents, and which unfinished children each has. One level, or all above. */
export async function parentsOf(
  sql: Sql,
  children: string[],
  deep: boolean,
): Promise<{ rows: TaskRow[]; links: Kin[]; open: Kin[] }> {
  const from = deep
    ? sql`
      with recursive up (id) as (
        select unnest(${idList(children)}::uuid[])
        union
        select l.parent_id from up u join link l on l.child_id = u.id join task t on t.id = l.parent_id
        where ${unfinished(sql)})
      select ${columns(sql)}, l.parent_id, l.child_id
      from link l join task t on t.id = l.parent_id where l.child_id in (select id from up)`
    : sql`
      select ${columns(sql)}, l.parent_id, l.child_id
      from link l join task t on t.id = l.parent_id where l.child_id = any(${idList(children)}::uuid[])`;
  const found = await rowsWith(sql`${from} and ${unfinished(sql)} for no key update of t`);
  if (found.length === 0) return { rows: [], links: [], open: [] };
  const links = found.map(({ more: [parent, child] }) => ({ parent, child }) as Kin);
  const open = await sql<Kin[]>`
    select l.parent_id as parent, l.child_id as child from link l join task t on t.id = l.child_id
    where l.parent_id = any(${idList(new Set(links.map(({ parent }) => parent)))}::uuid[]) and ${unfinished(sql)}`;
  return { rows: found.map(({ row }) => row), links, open };
}

interface Kin {
  readonly parent: string;
  readonly child: string;
}

/** The later actions of these tasks. */
export async function laterActions(sql: Sql, ids: string[]): Promise<Map<string, LaterAction[]>> {
  const found = await sql<{ id: string; actions: LaterAction[] }[]>`
    select id, actions from task_spec where id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.actions]));
}

/** What was asked to be told when these batches are complete, and how their tasks ended. */
export async function completeActions(sql: Sql, batches: string[]): Promise<Map<string, Action[]>> {
  const found = await sql<{ id: string; actions: Action[] }[]>`
    select id, on_complete as actions from batch_spec
    where id = any(${idList(batches)}::uuid[]) and on_complete <> '[]'::jsonb`;
  return new Map(found.map((row) => [row.id, row.actions]));
}

/** How many tasks of these batches are in which state, as written so far. */
export async function countsOf(
  sql: Sql,
  batches: string[],
): Promise<{ batch: string; status: string; count: number }[]> {
  return sql<{ batch: string; status: string; count: number }[]>`
    select s.batch_id as batch, t.status, count(*)::int as count from task_spec s join task t on t.id = s.id
    where s.batch_id = any(${idList(batches)}::uuid[]) group by 1, 2`;
}

/** Answers that were given before under these ids; ask after the lock. */
export async function answered(
  sql: Sql,
  ids: string[],
): Promise<Map<string, { hash: string | null; answer: unknown }>> {
  const found = await sql<{ id: string; hash: string | null; answer: unknown }[]>`
    select id, hash, answer from command where id in (select json_array_elements_text(${JSON.stringify(ids)}::text::json))`;
  return new Map(found.map((row) => [row.id, row]));
}

const linkOf = (link: LinkColumns): Link => ({ parent: link.parent, child: link.child, needs: needsOf(link) });

function needsOf(link: LinkColumns): Link["needs"] {
  if (link.requiresSuccess) return "required";
  if (link.condition === "on_success") return "success";
  return link.condition === "on_failure" ? "failure" : "finish";
}
