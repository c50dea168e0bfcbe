// What clients may read of tasks: one task, a page of them, their events, the graph of a batch. Reads only, no locks.
// Throws `Unavailable` when Postgres cannot be reached; what does not exist is undefined.
import type { Obstacles, TaskDetails, TaskRecord } from "#domain/task";
import { ruleStates } from "#store/blocked";
import { circuitOf } from "#store/circuits";
import type { Db, Sql } from "#store/client";

export { listCircuits } from "#store/circuits";
export { type ListedEvent, listEvents } from "#store/events";
export { type BatchFilter, type BatchSummary, findBatch, listBatches } from "#store/list-batches";
export { type CounterState, type CountersSeen, seeCounters } from "#store/list-counters";
export {
  type DeliveryFilter,
  findDelivery,
  type ListedAttempt,
  type ListedDelivery,
  listDeliveries,
} from "#store/list-deliveries";

/** A page: `size` rows after the first `page * size`. */
export interface Page {
  readonly page: number;
  readonly size: number;
}

/** Rows to skip, or undefined where no table can have so many: the page is empty then. */
export function offsetOf({ page, size }: Page): number | undefined {
  return page * size > 2 ** 50 ? undefined : page * size;
}

export interface TaskFilter extends Page {
  readonly status?: string;
  /** Parts of kind and name, case-sensitive. */
  readonly kind?: string;
  readonly name?: string;
  readonly batchId?: string;
  /** Contained in the task's own. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly timeout?: number;
}

/** `LIKE` pattern for "contains this text". */
export const containing = (text: string): string => `%${text.replace(/[\\%_]/g, "\\$&")}%`;

const hot = (sql: Sql) => sql`
  t.id, s.local_id, s.name, t.kind, t.status, t.timeout, t.priority, t.created_at, t.started_at, t.ended_at, t.last_updated,
  t.success, t.failures, t.expected_count, t.failure_reason, t.batch_id, t.dead_end_barrier, t.attempt, t.next_retry_at,
  t.run_at, s.result`;
const cold = (sql: Sql) => sql`s.rules, s.metadata, s.start_action, s.actions`;

/** The task, what may hold it up, and the time of the database. */
export async function findTask(
  db: Db,
  id: string,
): Promise<(Obstacles & { task: TaskRecord & TaskDetails; now: Date }) | undefined> {
  return db.use(async (sql) => {
    const [found, parents, rules, circuits] = await Promise.all([
      sql<(TaskRecord & TaskDetails & { now: Date })[]>`
        select ${hot(sql)}, ${cold(sql)}, now() from task t join task_spec s on s.id = t.id where t.id = ${id}`,
      sql<{ id: string }[]>`
        select p.id from link l join task c on c.id = l.child_id join task p on p.id = l.parent_id
        where l.child_id = ${id} and c.status in ('Waiting', 'Paused')
          and p.status not in ('Success', 'Failure', 'Canceled', 'Skipped')
        order by p.pos`,
      ruleStates(sql, id),
      circuitOf(sql, id),
    ]);
    const task = found[0];
    return task && { task, parents: parents.map((parent) => parent.id), rules, circuits, now: task.now };
  });
}

/** Newest first; of one creation time by id. */
export async function listTasks(db: Db, filter: TaskFilter): Promise<TaskRecord[]> {
  const offset = offsetOf(filter);
  if (offset === undefined) return [];
  const { status, kind, name, batchId, metadata, timeout } = filter;
  return db.use((sql) => {
    // Fenced in where a batch is named: the planner would else walk all tasks by time and hope to meet the batch early.
    const source = batchId ? sql`(select * from task_spec where batch_id = ${batchId} offset 0) s` : sql`task_spec s`;
    return sql<TaskRecord[]>`
      select ${hot(sql)} from ${source} join task t on t.id = s.id
      where true
        ${status ? sql`and t.status = ${status}::task_status` : sql``}
        ${kind ? sql`and t.kind like ${containing(kind)}` : sql``}
        ${name ? sql`and s.name like ${containing(name)}` : sql``}
        ${metadata ? sql`and s.metadata @> ${JSON.stringify(metadata)}::text::jsonb` : sql``}
        ${timeout === undefined ? sql`` : sql`and t.timeout = ${timeout}::bigint`}
      order by s.created_at desc, s.id limit ${filter.size} offset ${offset}`;
  });
}

export interface ListedLink {
  readonly parent_id: string;
  readonly child_id: string;
  readonly requires_success: boolean | null;
  readonly condition: string | null;
}

/** Tasks in the order sent, and every edge as it was sent; undefined when there is no such batch. */
export async function findDag(
  db: Db,
  batch: string,
): Promise<{ tasks: TaskRecord[]; links: ListedLink[] } | undefined> {
  return db.use(async (sql) => {
    const [found, tasks, links] = await Promise.all([
      sql`select from batch where id = ${batch}`,
      sql<TaskRecord[]>`
        select ${hot(sql)} from task_spec s join task t on t.id = s.id where s.batch_id = ${batch} order by t.pos`,
      sql<ListedLink[]>`
        select l.parent_id, l.child_id, l.requires_success, l.condition
        from task_spec s join link l on l.child_id = s.id join task c on c.id = l.child_id join task p on p.id = l.parent_id
        where s.batch_id = ${batch} order by c.pos, p.pos`,
    ]);
    return found.length === 0 ? undefined : { tasks, links };
  });
}
