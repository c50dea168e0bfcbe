// What a turn locks and reads. Lock order: batch turns lock the batch rows of their tasks, in id order, then only rows of
// these batches, in any order, waiting. Task turns lock their rows alone, skipping what is locked: they never wait while
// they hold something. So no cycle of waiting can exist. What must be exact is read in a statement after the lock.
import type { Fragment } from "postgres";
import type { Action, LaterAction } from "#domain/action";
import type { BatchRow, TaskRow } from "#domain/row";
import type { Answered, Moment } from "#domain/turn/rows";
import type { Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { hasQueuesToSee, keyTemplateLock } from "#store/rules/queues";
import { opensFirst } from "#store/rules/rates";
import { columns, rows, unfinished } from "#store/turn/row";

/**
 * The clock that all times of a turn are written by, and what holds for all its tasks; ask in a statement after the locks. With
 * `mayBecomeActive` no key template can be made until the commit, so that `hasKeyTemplates` stays true to the end.
 */
export const moment = async (sql: Sql): Promise<Moment> => {
  const askedMs = performance.now();
  const [row] = await sql<Omit<Moment, "askedMs">[]>`
    select clock_timestamp() as now, l."mayBecomeActive", ${hasQueuesToSee(sql)} as "hasQueuesToSee",
      case when l."mayBecomeActive" then has_key_templates() else true end as "hasKeyTemplates",
      exists (select from batch_work where done_at is null) as "hasBatchWork",
      exists (select from unsent) as "hasUnsent", ${opensFirst(sql)} as "opensAt"
    from (select pg_try_advisory_xact_lock_shared(${keyTemplateLock}) as "mayBecomeActive" offset 0) l`.execute();
  const read = row as Omit<Moment, "askedMs">;
  const hasOpened = read.opensAt !== null && read.opensAt <= read.now;
  return { ...read, hasQueuesToSee: read.hasQueuesToSee || hasOpened, askedMs };
};

/** Task turns: the rows that no other transaction holds right now. */
export const rowsUnlessLocked = (sql: Sql, ids: readonly string[]): Promise<TaskRow[]> =>
  rows(sql`select ${columns(sql)} from task t where t.id = any(${idList(ids)}::uuid[]) for no key update skip locked`);

/** Of a table that is called `b`. */
export const batchColumns = (sql: Sql): Fragment => sql`
  b.id, b.total, b.links, b.unfinished, b.succeeded, b.failed, b.canceled, b.skipped, b.dead_ends as "deadEnds", b.followed,
  b.first_failed as "firstFailed", b.open, b.paused, b.stopping, b.works, b.seq, b.last_was_sweep as "lastWasSweep",
  b.completed_at as "completedAt"`;

/** Batch turns, first: the batches of these tasks, and these batches; in id order. Locked ones are skipped, or waited for. Issued at once. */
export async function lockBatches(
  sql: Sql,
  tasks: readonly string[],
  batches: readonly string[],
  wait: boolean,
): Promise<BatchRow[]> {
  return sql<BatchRow[]>`
    select ${batchColumns(sql)} from batch b
    where b.id in (select t.batch_id from task t where t.id = any(${idList(tasks)}::uuid[])
                   union all select unnest(${idList(batches)}::uuid[]))
    order by b.id for no key update of b ${wait ? sql`` : sql`skip locked`}`.execute();
}

/**
 * Batch turns, then: those of these tasks that lie in batches which are locked. It can be sent together with `lockBatches`, since it
 * locks them again, which costs next to nothing; one that another transaction has let go of in between is locked from here on. A
 * row that a task turn holds just now is skipped and comes again, unless `wait`: that turn waits for nothing, so waiting is safe, but
 * all other commands would wait too.
 */
export const rowsOf = (sql: Sql, tasks: readonly string[], wait: boolean): Promise<TaskRow[]> => {
  const skip = wait ? sql`` : sql`skip locked`;
  return rows(sql`
    select ${columns(sql)} from task t
    where t.id = any(${idList(tasks)}::uuid[]) and t.batch_id = any(array(
      select b.id from batch b where b.id in (select batch_id from task where id = any(${idList(tasks)}::uuid[]))
      order by b.id for no key update ${skip}))
    for no key update of t ${skip}`);
};

/** The unfinished ones of these tasks, in batches that are locked; waits for their rows. */
export const unfinishedRows = (sql: Sql, ids: readonly string[]): Promise<TaskRow[]> =>
  rows(sql`
    select ${columns(sql)} from task t where t.id = any(${idList(ids)}::uuid[]) and ${unfinished(sql)} for no key update of t`);

/** The unfinished tasks of a locked batch with a rank above `after` and up to `upto`; waits for their rows. */
export const unfinishedRanks = (sql: Sql, batch: string, after: number, upto: number): Promise<TaskRow[]> =>
  rows(sql`
    select ${columns(sql)} from task_spec s
      cross join lateral (select * from task t where t.id = s.id and ${unfinished(sql)} for no key update offset 0) t
    where s.batch_id = ${batch} and s.rank > ${after} and s.rank <= ${upto}`);

/** The batches of those of these tasks that exist: tells locked from unknown. */
export async function batchesOf(sql: Sql, tasks: readonly string[]): Promise<Map<string, string>> {
  const found = await sql<{ id: string; batch: string }[]>`
    select id, batch_id as batch from task where id = any(${idList(tasks)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.batch]));
}

/** Those of these batches that exist. */
export async function existingBatches(sql: Sql, ids: readonly string[]): Promise<string[]> {
  const found = await sql<{ id: string }[]>`select id from batch where id = any(${idList(ids)}::uuid[])`;
  return found.map((row) => row.id);
}

/** The later actions of these tasks. */
export async function laterActions(sql: Sql, ids: readonly string[]): Promise<Map<string, LaterAction[]>> {
  const found = await sql<{ id: string; actions: LaterAction[] }[]>`
    select id, actions from task_spec where id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.actions]));
}

/** The local ids of these tasks. */
export async function localIds(sql: Sql, ids: readonly string[]): Promise<Map<string, string>> {
  const found = await sql<{ id: string; name: string }[]>`
    select id, local_id as name from task_spec where id = any(${idList(ids)}::uuid[])`;
  return new Map(found.map((row) => [row.id, row.name]));
}

/** What was asked to be sent when these batches are complete. */
export async function completeActions(sql: Sql, batches: readonly string[]): Promise<Map<string, Action[]>> {
  const found = await sql<{ id: string; actions: Action[] }[]>`
    select id, on_complete as actions from batch_spec
    where id = any(${idList(batches)}::uuid[]) and on_complete <> '[]'::jsonb`;
  return new Map(found.map((row) => [row.id, row.actions]));
}

/** Answers that were given before under these ids; ask after the lock. */
export async function answered(sql: Sql, ids: readonly string[]): Promise<Map<string, Answered>> {
  const found = await sql<(Answered & { id: string })[]>`
    select id, hash, answer, batch_id as "batchId", seq from command
    where id in (select json_array_elements_text(${JSON.stringify(ids)}::text::json))`;
  return new Map(found.map((row) => [row.id, row]));
}
