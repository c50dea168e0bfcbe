// Deletes batches that were completed long ago, whole, in transactions of a bounded size. A larger batch goes in portions: its
// tasks with all that belongs to them, and the batch itself with the last of them, so that a reader finds what is left complete
// in itself at any time. What somebody else has locked is left for the next time; one process at a time is at it.
import { limits } from "#config";
import { idList } from "#store/arrays";
import type { Db, Sql } from "#store/client";
import { takeSettled } from "#store/replays";

/** Where a walk has come to: batches are looked at in the order of their completion. */
export interface Place {
  readonly at: string;
  readonly id: string;
}

export const firstPlace: Place = { at: "-infinity", id: "00000000-0000-0000-0000-000000000000" };

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
 * Deletes the next portion. `next`: where to go on, null at the end of the walk. "busy": somebody else deletes, or replays
 * deliveries, just now: nothing was done.
 */
export function deleteOld(
  db: Db,
  { days, tasksMax }: Retention,
  from: Place,
): Promise<"busy" | { readonly deleted: Deleted; readonly next: Place | null }> {
  return db.tx(async (sql) => {
    await sql.unsafe(`set local statement_timeout = ${limits.bulkStatementTimeoutMs}`);
    // Nobody replays a delivery until the commit: those that are settled stay so.
    if (!(await takeSettled(sql)).mine) return "busy";
    const page = await lockOld(sql, days, tasksMax, from);
    const last = page.at(-1);
    if (last === undefined) return { deleted: nothing, next: null };
    const ids = page.filter(({ locked }) => locked).map(({ id }) => id);
    const busy = await stillDelivering(sql, ids);
    const batches = ids.filter((id) => !busy.has(id));
    const deleted = batches.length === 0 ? nothing : await deletePortion(sql, batches, tasksMax);
    // The same again, unless what is there cannot be deleted now.
    return { deleted, next: deleted.batches + deleted.tasks > 0 ? from : { at: last.at, id: last.id } };
  }, limits.bulkWorkTimeoutMs);
}

const nothing: Deleted = { batches: 0, tasks: 0, deliveries: 0, events: 0 };

interface OldBatch extends Place {
  readonly locked: boolean;
}

/** The next batches whose tasks fit into one transaction, or one that is larger. Those that another one holds are told apart. */
async function lockOld(sql: Sql, days: number, tasksMax: number, { at, id }: Place): Promise<OldBatch[]> {
  return sql<OldBatch[]>`
    with old as materialized (
      select id, completed_at, greatest(total, 1) as total from batch
      where completed_at < now() - make_interval(days => ${days}) and (completed_at, id) > (${at}::text::timestamptz, ${id}::uuid)
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

/** Those of these batches that still have something to tell. */
async function stillDelivering(sql: Sql, batches: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await sql<{ id: string }[]>`
    select distinct s.batch_id as id from task_spec s join delivery d on d.task_id = s.id
    where s.batch_id = any(${idList(batches)}::uuid[]) and d.status = 'pending'
    union
    select batch_id from delivery where task_id is null and batch_id = any(${idList(batches)}::uuid[]) and status = 'pending'`;
  return new Set(found.map(({ id }) => id));
}

async function deletePortion(sql: Sql, batches: readonly string[], tasksMax: number): Promise<Deleted> {
  const found = await sql<{ id: string }[]>`
    select t.id from task_spec s join task t on t.id = s.id where s.batch_id = any(${idList(batches)}::uuid[])
    limit ${tasksMax} for update of t skip locked`;
  const tasks = idList(found.map(({ id }) => id));
  // Links go with their tasks. Tasks first: whoever looks after holders locks the task before them.
  const gone = await sql`delete from task where id = any(${tasks}::uuid[])`;
  const [, , ofTasks] = await Promise.all([
    sql`delete from task_spec where id = any(${tasks}::uuid[])`.execute(),
    sql`
      with gone as (delete from holder where task_id = any(${tasks}::uuid[]) returning key)
      insert into wake (key) select distinct key from gone`.execute(),
    sql<{ id: string }[]>`delete from delivery where task_id = any(${tasks}::uuid[]) returning id`.execute(),
  ]);
  const empty = await sql<{ id: string }[]>`
    delete from batch b where id = any(${idList(batches)}::uuid[]) and not exists (select from task_spec s where s.batch_id = b.id)
    returning id`;
  const ofBatches = await sql<{ id: string }[]>`
    delete from delivery where task_id is null and batch_id = any(${idList(empty.map(({ id }) => id))}::uuid[]) returning id`;
  const deliveries = [...ofTasks, ...ofBatches].map(({ id }) => id);
  await sql`delete from delivery_attempt where delivery_id = any(${idList(deliveries)}::uuid[])`;
  // Last: from here to the commit readers of the log take this for somebody who writes events, and may wait.
  const events = await sql`delete from event where task_id = any(${tasks}::uuid[])`;
  return { batches: empty.length, tasks: gone.count, deliveries: deliveries.length, events: events.count };
}
