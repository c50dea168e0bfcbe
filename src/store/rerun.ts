// Reads a whole batch that has ended, to run it again. All of it as of one moment: one that is being deleted is there or not.
// What has ended never changes, so what is planned from this is still true when it is written.
import { limits } from "#config";
import type { KeptBatch, KeptTask } from "#domain/rerun";
import type { Db, Sql } from "#store/client";

/** Undefined: no such batch. `unfinished`: how many of its tasks are, where it has not ended. */
export async function readEnded(
  db: Db,
  id: string,
): Promise<KeptBatch | { readonly unfinished: number; readonly total: number } | undefined> {
  return db.tx(async (sql) => {
    atOneMoment(sql);
    const [batch] = await sql<(Omit<KeptBatch, "tasks" | "links"> & { unfinished: number; total: number })[]>`
      select b.unfinished, b.total, s.scope, s.metadata, coalesce(s.on_complete, '[]') as "onComplete"
      from batch b left join batch_spec s on s.id = b.id where b.id = ${id}`;
    if (!batch || batch.unfinished > 0) return batch;
    const [tasks, links] = await Promise.all([
      sql<KeptTask[]>`
        select t.id, t.status, t.pos, t.kind, t.priority, t.expected_count, t.timeout, t.retry, t.dead_end_barrier, t.run_at,
          s.local_id, s.name, s.metadata, s.rules, s.dedupe, s.start_action, s.actions
        from task_spec s join task t on t.id = s.id where s.batch_id = ${id} order by t.pos`,
      sql<KeptBatch["links"]>`
        select l.parent_id, l.child_id, l.requires_success, l.condition
        from task_spec s join link l on l.child_id = s.id join task p on p.id = l.parent_id
        where s.batch_id = ${id} order by p.pos`,
    ]);
    // Old batches are deleted in portions: what is left of one is no batch any more.
    if (tasks.length < batch.total) return undefined;
    return { scope: batch.scope, metadata: batch.metadata, onComplete: batch.onComplete, tasks, links };
  }, limits.bulkWorkTimeoutMs);
}

/** The first words of a transaction that reads, with the time that a large batch may take. */
function atOneMoment(sql: Sql): void {
  const set = sql
    .unsafe(
      `set transaction isolation level repeatable read, read only; set local statement_timeout = ${limits.bulkStatementTimeoutMs}`,
    )
    .execute();
  // Where this fails, the statement after it fails for the same reason, and tells.
  set.catch(() => {});
}
