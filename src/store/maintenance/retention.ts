// Deletes batches that were completed long ago, whole, in transactions of a bounded size. A larger batch goes in portions: its
// tasks with all that belongs to them, and the batch itself with the last of them, so that a reader finds what is left complete
// in itself at any time. What another transaction has locked is left for the next time; one process at a time deletes.
import type { Fragment } from "postgres";
import { limits } from "#config";
import { nilUuid } from "#domain/values/uuid";
import type { Db, Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { takeSettled } from "#store/turn/replays";

/** Where a walk has come to: batches are looked at in the order of their completion. */
export interface Place {
  readonly at: string;
  readonly id: string;
}

export const firstPlace: Place = { at: "-infinity", id: nilUuid };

/** What one transaction deleted. */
export interface Deleted {
  readonly batches: number;
  readonly tasks: number;
  readonly deliveries: number;
  readonly events: number;
}

export interface Retention {
  /** Batches that were completed longer ago. */
  readonly days: number;
  /** The most tasks, and the most batches, in one transaction. */
  readonly tasksMax: number;
}

/**
 * Deletes the next portion. `next`: where to go on, null at the end of the walk. "elsewhere": another process deletes, or replays
 * deliveries, just now: nothing was done.
 */
export function deleteOld(
  db: Db,
  { days, tasksMax }: Retention,
  from: Place,
): Promise<"elsewhere" | { readonly deleted: Deleted; readonly next: Place | null }> {
  return db.tx(async (sql) => {
    await sql.unsafe(`set local statement_timeout = ${limits.longStatementTimeoutMs}`);
    // No delivery is replayed until the commit, so settled deliveries stay settled.
    if (!(await takeSettled(sql)).mine) return "elsewhere";
    const page = await lockOld(sql, days, tasksMax, from);
    const last = page.at(-1);
    if (last === undefined) return { deleted: nothing, next: null };
    const ids = page.filter(({ locked }) => locked).map(({ id }) => id);
    const needed = await stillNeeded(sql, ids);
    const batches = ids.filter((id) => !needed.has(id));
    const deleted = batches.length === 0 ? nothing : await deletePortion(sql, batches, tasksMax);
    // The same again, unless what is there cannot be deleted now.
    return { deleted, next: deleted.batches + deleted.tasks > 0 ? from : { at: last.at, id: last.id } };
  }, limits.bulkWorkTimeoutMs);
}

const nothing: Deleted = { batches: 0, tasks: 0, deliveries: 0, events: 0 };

/** What reruns that are not complete began from, and what that was a rerun of: they may still read results of all of these. */
const neededByReruns = (sql: Sql): Fragment => sql`
  select rerun_of as id from batch where rerun_of is not null and completed_at is null
  union
  select b.rerun_of from needed n join batch b on b.id = n.id where b.rerun_of is not null`;

interface OldBatch extends Place {
  readonly locked: boolean;
}

/**
 * The next batches whose tasks fit into one transaction, or one that is larger; not those that are being run again, which still
 * read of them. Those that another transaction has locked are marked.
 */
async function lockOld(sql: Sql, days: number, tasksMax: number, { at, id }: Place): Promise<OldBatch[]> {
  return sql<OldBatch[]>`
    with recursive needed as materialized (${neededByReruns(sql)}), old as materialized (
      select id, completed_at, greatest(total, 1) as total from batch b
      where completed_at < now() - make_interval(days => ${days}) and (completed_at, id) > (${at}::text::timestamptz, ${id}::uuid)
        and not exists (select from needed n where n.id = b.id)
      order by completed_at, id limit ${tasksMax}
    ), fitting as materialized (
      select id, completed_at from (select *, sum(total) over (order by completed_at, id) as upto from old) o
      where upto <= ${tasksMax} or upto = total
    ), locked as materialized (
      select id from batch where id in (select id from fitting) for update skip locked
    )
    select id, completed_at::text as at, exists (select from locked l where l.id = f.id) as locked
    from fitting f order by completed_at, id`;
}

/** Those of these batches that still have something to tell, or that a rerun which is not complete began from. */
async function stillNeeded(sql: Sql, batches: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await sql<{ id: string }[]>`
    select distinct s.batch_id as id from task_spec s join delivery d on d.task_id = s.id
    where s.batch_id = any(${idList(batches)}::uuid[]) and d.status = 'pending'
    union
    select batch_id from delivery where task_id is null and batch_id = any(${idList(batches)}::uuid[]) and status = 'pending'
    union
    (with recursive needed as materialized (${neededByReruns(sql)})
    select id from needed where id = any(${idList(batches)}::uuid[]))`;
  return new Set(found.map(({ id }) => id));
}

async function deletePortion(sql: Sql, batches: readonly string[], tasksMax: number): Promise<Deleted> {
  const found = await sql<{ id: string }[]>`
    select t.id from task_spec s join task t on t.id = s.id where s.batch_id = any(${idList(batches)}::uuid[])
    limit ${tasksMax} for update of t skip locked`;
  const tasks = idList(found.map(({ id }) => id));
  // Links go with their tasks. Tasks first: the sweep over slots locks the task before them.
  const gone = await sql`delete from task where id = any(${tasks}::uuid[])`;
  const [, , ofTasks] = await Promise.all([
    sql`delete from task_spec where id = any(${tasks}::uuid[])`.execute(),
    sql`
      with gone as (delete from slot where task_id = any(${tasks}::uuid[]) returning key)
      insert into signal (key) select distinct key from gone`.execute(),
    sql<{ id: string }[]>`delete from delivery where task_id = any(${tasks}::uuid[]) returning id`.execute(),
  ]);
  const empty = await sql<{ id: string }[]>`
    with gone as (
      delete from batch b where id = any(${idList(batches)}::uuid[]) and not exists (select from task_spec s where s.batch_id = b.id)
      returning id, created_at, kinds
    ), k as (
      delete from batch_kind k using gone g, unnest(g.kinds) as u (kind)
      where k.kind = u.kind and k.created_at = g.created_at and k.batch_id = g.id
    ), a as (delete from kind_added a using gone g where a.batch_id = g.id
    ), l as (delete from late_count l using gone g where l.batch_id = g.id)
    select id from gone`;
  const ofBatches = await sql<{ id: string }[]>`
    delete from delivery where task_id is null and batch_id = any(${idList(empty.map(({ id }) => id))}::uuid[]) returning id`;
  const deliveries = [...ofTasks, ...ofBatches].map(({ id }) => id);
  await sql`delete from delivery_attempt where delivery_id = any(${idList(deliveries)}::uuid[])`;
  // Last: from here to the commit readers of the log take this for a writer of events, and may wait.
  const events = await sql`delete from event where task_id = any(${tasks}::uuid[])`;
  return { batches: empty.length, tasks: gone.count, deliveries: deliveries.length, events: events.count };
}
