// What clients may read of deliveries: end, cancel and batch-complete notifications, how far each has come, and how.
// Reads only; throws `Unavailable` as all of the store does.
import { deliveryStates } from "#domain/schema/answers/delivery";
import type { Cursor } from "#domain/values/cursor";
import type { Db, Sql } from "#store/pg/pool";
import { idList } from "#store/pg/unnest";
import { type Candidates, type Listed, look, newest, type Page, reading, walk } from "#store/read/walk";

export type DeliveryStatus = (typeof deliveryStates)[number];

export interface ListedDelivery {
  readonly id: string;
  readonly task_id: string | null;
  readonly batch_id: string;
  readonly trigger: "end" | "cancel";
  readonly key: string;
  /** `host:port`; null for a message, which is no call. */
  readonly receiver: string | null;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly next_at: Date;
  /** HTTP status of the last attempt, null where there was no answer. */
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly created_at: Date;
}

export interface DeliveryFilter extends Page {
  /** One of these. */
  readonly status?: readonly DeliveryStatus[];
  readonly taskId?: string;
  readonly batchId?: string;
  /** `host:port`. */
  readonly receiver?: string;
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
): Promise<(Omit<ListedDelivery, "attempts"> & { readonly attempts: ListedAttempt[] }) | undefined> {
  return db.use(async (sql) => {
    const [[found], attempts] = await Promise.all([
      sql<ListedDelivery[]>`select ${columns(sql)} from delivery where id = ${id}`,
      sql<ListedAttempt[]>`
        select n, at, status, duration_ms, error, answer from delivery_attempt where delivery_id = ${id} order by n`,
    ]);
    return found && { ...found, attempts };
  });
}

/** Newest first. */
export const listDeliveries = (db: Db, filter: DeliveryFilter): Promise<Listed<ListedDelivery>> =>
  reading(db, async (sql) => {
    const { rows, next } = await walkDeliveries(sql, filter);
    if (rows.length === 0) return { rows: [], next };
    const deliveries = await sql<ListedDelivery[]>`
      select ${columns(sql)} from unnest(${idList(rows.map(({ id }) => id))}::uuid[]) with ordinality u (u, n)
        join delivery on id = u.u order by u.n`;
    return { rows: deliveries, next };
  });

/** The same by place and id alone. */
export const walkDeliveries = (sql: Sql, filter: DeliveryFilter): Promise<Listed<Cursor>> =>
  walk(filter, (after, sought) => look(sql, source(sql, filter, after, sought.limit), sought));

/** By the index of the batch or the task, else by that of the states. */
function source(sql: Sql, filter: DeliveryFilter, after: Cursor | undefined, limit: number): Candidates {
  const { status, taskId, batchId, receiver } = filter;
  const isOf = receiver && [`http://${receiver}`, `https://${receiver}`];
  const ofReceiver = isOf ? sql`t.receiver in (${isOf[0] as string}, ${isOf[1] as string})` : sql`true`;
  const states = [...new Set(status ?? deliveryStates)];
  if (taskId !== undefined || batchId !== undefined) {
    const from = taskId ? sql`(select * from delivery where task_id = ${taskId}::uuid offset 0) t` : sql`delivery t`;
    const where = batchId ? sql`t.batch_id = ${batchId}::uuid` : sql`true`;
    const ok = sql`coalesce(${ofReceiver}, false) and t.status = any(${`{${states.join()}}`}::delivery_status[])`;
    return { rows: newest(sql, { from, where, ok }, after, limit), match: sql`true` };
  }
  const of = (one: DeliveryStatus) =>
    newest(
      sql,
      {
        from: sql`delivery t`,
        where: sql`t.status = ${one}::delivery_status`,
        ok: sql`coalesce(${ofReceiver}, false)`,
      },
      after,
      limit,
    );
  const rows = states.map(of).reduce((all, one) => sql`${all} union all ${one}`);
  return { rows, match: receiver === undefined ? undefined : sql`true` };
}

const columns = (sql: Sql) => sql`
  id, task_id, batch_id, trigger, key, split_part(receiver, '://', 2) as receiver, status, attempts, next_at, last_status, last_error,
  created_at`;
