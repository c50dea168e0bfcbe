// Bulk operations as workers do them: one worker takes an operation for a portion, under a lease and a fence. What it takes is
// written down before the first command, what came of it after the last one, and no write under an older fence takes effect.
import { limits } from "#config";
import {
  type BulkAsk,
  type BulkLife,
  type BulkOutcome,
  collectedBulk,
  countedBulk,
  isBulkOver,
  takenBulk,
} from "#domain/bulk";
import { inStates, matching } from "#store/bulk/match";
import { insertItems, lifeColumns } from "#store/bulk/rows";
import type { Db, Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

interface Bulk extends BulkAsk {
  readonly id: string;
  readonly fence: number;
  /** Where collecting goes on. */
  readonly after: { readonly at: string; readonly id: string };
}

export interface BulkItem {
  readonly n: number;
  readonly target: string;
  /** It had left the status of the filter when its turn came: there is no command. */
  readonly hasLeft: boolean;
}

/** An operation that this worker is at. */
export interface TakenBulk {
  readonly bulk: Bulk;
  readonly life: BulkLife;
  /** To be done; none while it is collecting, and once it is over. */
  readonly items: readonly BulkItem[];
}

/** Takes the operation that was left alone the longest. A number: how long until one may be taken; null: there is none. */
export const takeBulk = (db: Db, leaseMs: number): Promise<TakenBulk | number | null> =>
  db.tx(async (sql) => {
    const [found] = await sql<(Omit<Bulk, "after"> & BulkLife & { at: string; afterId: string; waitMs: number })[]>`
      select id, action, kind, filter, reason, fence + 1 as fence, coalesce(after_at, created_at::text) as at,
        coalesce(after_id, case when kind = 'batches' then ${first} else ${last} end::uuid) as "afterId", ${lifeColumns(sql)},
        extract(epoch from free_at - clock_timestamp())::float8 * 1000 as "waitMs"
      from bulk where open order by free_at limit 1 for no key update skip locked`;
    if (found === undefined) return null;
    const { id, action, kind, filter, reason, fence, at, afterId, waitMs, ...before } = found;
    if (waitMs > 0) return waitMs;
    const bulk = { id, action, kind, filter, reason, fence, after: { at, id: afterId } };
    const max = action === "rerun" ? limits.bulkRerunsMax : limits.bulkItemsMax;
    const life = before.state === "running" ? takenBulk(before, max) : before;
    const [items] = await Promise.all([
      sql<BulkItem[]>`
        select n, target, has_left as "hasLeft" from bulk_item
        where bulk_id = ${id} and n > ${life.reached} and n <= ${life.taken} order by n`.execute(),
      sql`
        update bulk set fence = ${fence}, taken = ${life.taken}, free_at = now() + ${leaseMs}::float8 * interval '1 ms'
        where id = ${id}`.execute(),
    ]);
    // One that was taken up from another worker keeps what that one saw: its commands may have changed the states.
    const isNew = before.taken === before.reached;
    return { bulk, life, items: isNew ? await withoutLeft(sql, bulk, items) : [...items] };
  });

/** Before everything that was created at one moment, and behind all of it, by id. */
const first = "00000000-0000-0000-0000-000000000000";
const last = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Batches that have left the states of the filter, which only their tasks can tell. Tasks and deliveries are asked under their locks. */
async function withoutLeft(sql: Sql, { id, kind, filter }: Bulk, items: readonly BulkItem[]): Promise<BulkItem[]> {
  if (kind !== "batches" || filter.status === undefined || items.length === 0) return [...items];
  const targets = items.map(({ target }) => target);
  const still = new Set(await inStates(sql, filter, targets));
  const left = items.filter(({ target }) => !still.has(target)).map(({ n }) => n);
  if (left.length > 0)
    await sql`update bulk_item set has_left = true where bulk_id = ${id} and n = any(${array(left)}::int[])`;
  return items.map((item) => ({ ...item, hasLeft: !still.has(item.target) }));
}

/** This worker is still at it; false: another one is. */
export const renewBulk = (db: Db, { id, fence }: Bulk, leaseMs: number): Promise<boolean> =>
  db.use(async (sql) => {
    const { count } = await sql`
      update bulk set free_at = now() + ${leaseMs}::float8 * interval '1 ms' where id = ${id} and fence = ${fence}`;
    return count === 1;
  });

/** Collects the next page of what was created before the operation was asked for. */
export const collectBulk = (db: Db, { bulk, life }: TakenBulk): Promise<void> =>
  db.tx(async (sql, later) => {
    // As in a read for people, beside that it writes.
    await sql.unsafe(
      `set local enable_bitmapscan = on; set local plan_cache_mode = force_custom_plan; set local statement_timeout = ${limits.longStatementTimeoutMs}`,
    );
    const { rows, next } = await matching(sql, bulk, { page: 0, size: limits.bulkPageRows, after: bulk.after });
    const after = collectedBulk(life, rows.length, next === undefined);
    const { count } = await sql`
      update bulk set collected = ${after.collected}, matched = ${after.matched}, state = ${after.state},
        after_at = ${next?.at ?? bulk.after.at}, after_id = ${next?.id ?? bulk.after.id}, free_at = now(),
        open = ${!isBulkOver(after)}, ended_at = case when ${isBulkOver(after)}::boolean then now() end
      where id = ${bulk.id} and fence = ${bulk.fence}`;
    if (count === 1 && rows.length > 0)
      later(
        insertItems(
          sql,
          bulk.id,
          rows.map(({ id }) => id),
          life.collected,
        ),
      );
  }, limits.bulkWorkTimeoutMs);

/** Counts what was under way; false: another worker has taken it up. The next portion begins after `restMs`. */
export const countBulk = (
  db: Db,
  { bulk: { id, fence } }: TakenBulk,
  counts: Readonly<Record<BulkOutcome, number>>,
  restMs: number,
): Promise<boolean> =>
  db.tx(async (sql, later) => {
    const [before] = await sql<BulkLife[]>`
      select ${lifeColumns(sql)} from bulk where id = ${id} and fence = ${fence} for no key update`;
    if (before === undefined) return false;
    const after = countedBulk(before);
    const isOver = isBulkOver(after);
    later(
      sql`
        update bulk set state = ${after.state}, reached = ${after.reached}, done = done + ${counts.done}::int,
          skipped = skipped + ${counts.skipped}::int, failed = failed + ${counts.failed}::int,
          free_at = now() + ${isOver ? 0 : restMs}::float8 * interval '1 ms', open = ${after.state !== "done"},
          ended_at = case when ${isOver}::boolean then now() end
        where id = ${id}`.execute(),
    );
    later(sql`delete from bulk_item where bulk_id = ${id} and n <= ${after.reached}`.execute());
    return true;
  });

/** Deletes what one that was stopped leaves undone, a page at a time. */
export const clearBulk = (db: Db, { bulk: { id, fence } }: TakenBulk): Promise<void> =>
  db.tx(async (sql) => {
    const { count } = await sql`
      delete from bulk_item where bulk_id = ${id} and n in (
        select n from bulk_item where bulk_id = ${id} order by n limit ${limits.pruneRowsMax})`;
    const isMore = count === limits.pruneRowsMax;
    await sql`update bulk set open = ${isMore}, free_at = now() where id = ${id} and fence = ${fence}`;
  });

/** Gives it back, to be taken up after a pause: what was under way could not be decided now. */
export const leaveBulk = (db: Db, { bulk: { id, fence } }: TakenBulk, pauseMs: number): Promise<void> =>
  db.use(async (sql) => {
    await sql`
      update bulk set free_at = now() + ${pauseMs}::float8 * interval '1 ms' where id = ${id} and fence = ${fence}`;
  });
