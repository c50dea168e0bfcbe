// What clients may read of tasks: one task, and through here all else that they read: pages, events, graphs. No locks.
// Throws `Unavailable` when Postgres cannot be reached; what does not exist is undefined.
import type { Obstacles, TaskDetails, TaskRecord } from "#domain/task";
import type { Db } from "#store/pg/pool";
import { ruleStates } from "#store/read/blocked";
import { cold, hot } from "#store/read/record";
import { circuitOf } from "#store/turn/circuits";
import { unsentOf } from "#store/turn/unsent";

export { type ListedEvent, listEvents } from "#store/events/log";
export { type BatchFilter, listBatches } from "#store/read/batch-list";
export { type BatchState, type BatchSummary, findBatch } from "#store/read/batches";
export { type CounterState, type CountersSeen, seeCounters } from "#store/read/counters";
export { compactDag, dagLinksMax, dagTasksMax, findDag } from "#store/read/dag";
export {
  type DeliveryFilter,
  findDelivery,
  type ListedAttempt,
  type ListedDelivery,
  listDeliveries,
} from "#store/read/deliveries";
export { listTasks, type TaskFilter } from "#store/read/task-list";
export { listCircuits } from "#store/turn/circuits";

/** The task, what may hold it up, and the time of the database. */
export async function findTask(
  db: Db,
  id: string,
): Promise<(Obstacles & { task: TaskRecord & TaskDetails; now: Date }) | undefined> {
  return db.use(async (sql) => {
    const [found, parents, rules, circuits, unsent] = await Promise.all([
      sql<(TaskRecord & TaskDetails & { now: Date })[]>`
        select ${hot(sql)}, ${cold(sql)}, now() from task t join task_spec s on s.id = t.id where t.id = ${id}`,
      sql<{ id: string }[]>`
        select p.id from link l join task c on c.id = l.child_id join task p on p.id = l.parent_id
        where l.child_id = ${id} and c.status in ('Waiting', 'Paused') and c.wait_finished > 0
          and p.status not in ('Success', 'Failure', 'Canceled', 'Skipped')
        order by p.pos`,
      ruleStates(sql, id),
      circuitOf(sql, id),
      unsentOf(sql, [id]),
    ]);
    const task = found[0];
    const obstacles = { parents: parents.map((parent) => parent.id), rules, circuits, unsent: unsent.get(id) ?? null };
    return task && { task, ...obstacles, now: task.now };
  });
}
