// What is kept of a batch as far as it was sent, for a call that makes it again: a part of its tasks at a time, so that the largest
// batch is never in memory as a whole, and a client that reads slowly holds no connection.
import type { PlannedLink } from "#domain/create/batch";
import type { DefinedBatch, DefinedTask } from "#domain/create/definition";
import type { Above, Distant } from "#domain/inputs/ancestors";
import type { Db } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { above } from "#store/read/above";
import { reading } from "#store/read/walk";

export interface Definition extends DefinedBatch {
  readonly id: string;
  /** Tasks that it depended on may be missing: they were deduplicated, or it is a rerun that left them out. */
  readonly mayLack: boolean;
  /** Ids of its tasks, in the order in which they were sent. */
  readonly ids: readonly string[];
  readonly now: Date;
}

/** Undefined: there is no such batch. */
export const findDefinition = (db: Db, batch: string): Promise<Definition | undefined> =>
  reading(db, async (sql) => {
    const [[found], rows] = await Promise.all([
      sql<(DefinedBatch & { now: Date; mayLack: boolean })[]>`
        select s.scope, s.metadata, s.dead_end, coalesce(s.on_complete, '[]') as on_complete, coalesce(s.paused, false) as paused,
          s.deadline_secs, b.open, now() as now,
          b.rerun_of is not null or exists (select from deduplicated d where d.batch_id = b.id) as "mayLack"
        from batch b left join batch_spec s on s.id = b.id where b.id = ${batch}`,
      sql<{ id: string }[]>`
        select t.id from (select id from task_spec where batch_id = ${batch}::uuid offset 0) s join task t on t.id = s.id
        order by t.created_at, t.pos, t.id`,
    ]);
    return found && { ...found, id: batch, ids: rows.map(({ id }) => id) };
  });

export type DefinedLink = Pick<PlannedLink, "parent_id" | "child_id" | "requires_success" | "condition"> & {
  /** The local id of the parent. */
  readonly parent: string;
};

/** What lies above tasks of a batch. */
export const aboveOf = (db: Db, batch: string, distant: Distant): Promise<Above> =>
  reading(db, (sql) => above(sql, batch, distant));

/** These tasks, in this order, and the links to their parents. */
export const definedTasks = (
  db: Db,
  ids: readonly string[],
): Promise<{ readonly tasks: readonly DefinedTask[]; readonly links: readonly DefinedLink[] }> =>
  reading(db, async (sql) => {
    const [tasks, links] = await Promise.all([
      sql<DefinedTask[]>`
        select t.id, t.kind, t.priority, t.expected_count, t.timeout, t.retry, t.dead_end_barrier, t.dead_end_keep, t.joins_any,
          t.run_at, t.max_duration_secs, t.expires_secs, s.local_id, s.name, s.metadata, s.rules, s.dedupe, s.delay_secs,
          s.start_action, s.actions, s.paused
        from unnest(${idList(ids)}::uuid[]) with ordinality u (id, n) join task t on t.id = u.id join task_spec s on s.id = t.id
        order by u.n`,
      sql<DefinedLink[]>`
        select l.parent_id, u.id as child_id, l.requires_success, l.condition, l.parent
        from unnest(${idList(ids)}::uuid[]) with ordinality u (id, n) cross join lateral (
          select k.*, p.local_id as parent, p.rank from link k join task_spec p on p.id = k.parent_id where k.child_id = u.id offset 0) l
        order by u.n, l.rank, l.parent_id`,
    ]);
    return { tasks, links };
  });
