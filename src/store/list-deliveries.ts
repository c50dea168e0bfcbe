// What clients may read of deliveries: end, cancel and batch-complete notifications, and how far each has come.
// Reads only; throws `Unavailable` as all of the store does.
import type { Db } from "#store/client";
import { offsetOf, type Page } from "#store/list";

export interface ListedDelivery {
  readonly id: string;
  readonly task_id: string | null;
  readonly batch_id: string;
  readonly trigger: "end" | "cancel";
  readonly key: string;
  readonly status: "pending" | "success" | "exhausted";
  readonly attempts: number;
  readonly next_at: Date;
  /** HTTP status of the last attempt, null where there was no answer. */
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: Date;
}

export interface DeliveryFilter extends Page {
  readonly status?: string;
  readonly taskId?: string;
}

/** Newest first. */
export async function listDeliveries(db: Db, filter: DeliveryFilter): Promise<ListedDelivery[]> {
  const offset = offsetOf(filter);
  if (offset === undefined) return [];
  const { status, taskId } = filter;
  return db.use((sql) => {
    const source = taskId ? sql`(select * from delivery where task_id = ${taskId} offset 0) d` : sql`delivery d`;
    return sql<ListedDelivery[]>`
      select id, task_id, batch_id, trigger, key, status, attempts, next_at, last_status, last_error, created_at
      from ${source} where true ${status ? sql`and status = ${status}::delivery_status` : sql``}
      order by created_at desc, id limit ${filter.size} offset ${offset}`;
  });
}
