// What clients may read of deliveries: end, cancel and batch-complete notifications, how far each has come, and how.
// Reads only; throws `Unavailable` as all of the store does.
import type { Fragment } from "postgres";
import type { Db, Sql } from "#store/client";
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
  readonly status?: ListedDelivery["status"];
  readonly taskId?: string;
}

/** One attempt to deliver. */
export interface ListedAttempt {
  /** From 1; goes on over a replay. */
  readonly n: number;
  /** When it began. */
  readonly at: Date;
  /** HTTP status, null where there was no answer. */
  readonly status: number | null;
  readonly duration_ms: number;
  readonly error: string | null;
  /** The first 2 KB of what was answered. */
  readonly answer: string | null;
}

/** The delivery with its attempts, oldest first; undefined when there is none. */
export async function findDelivery(
  db: Db,
  id: string,
): Promise<(ListedDelivery & { readonly history: ListedAttempt[] }) | undefined> {
  return db.use(async (sql) => {
    const [[found], history] = await Promise.all([
      sql<ListedDelivery[]>`select ${columns(sql)} from delivery where id = ${id}`,
      sql<ListedAttempt[]>`
        select n, at, status, duration_ms, error, answer from delivery_attempt where delivery_id = ${id} order by n`,
    ]);
    return found && { ...found, history };
  });
}

/** Newest first. */
export async function listDeliveries(db: Db, filter: DeliveryFilter): Promise<ListedDelivery[]> {
  const offset = offsetOf(filter);
  if (offset === undefined) return [];
  const { status, taskId } = filter;
  return db.use((sql) => {
    const source = taskId ? sql`(select * from delivery where task_id = ${taskId} offset 0) d` : sql`delivery d`;
    return sql<ListedDelivery[]>`
      select ${columns(sql)}
      from ${source} where true ${ofStatus(sql, status)}
      order by created_at desc, id limit ${filter.size} offset ${offset}`;
  });
}

/** A constant, not a parameter: one plan serves all values of a parameter, and only a few deliveries are exhausted. */
function ofStatus(sql: Sql, status: DeliveryFilter["status"]): Fragment {
  if (status === undefined) return sql``;
  const is = {
    pending: sql`and status = 'pending'`,
    success: sql`and status = 'success'`,
    exhausted: sql`and status = 'exhausted'`,
  };
  return is[status];
}

const columns = (sql: Sql) =>
  sql`id, task_id, batch_id, trigger, key, status, attempts, next_at, last_status, last_error, created_at`;
