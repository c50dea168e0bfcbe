// What clients may read of batches. The page is found by the time index, and only the tasks of its batches are counted,
// so that the cost does not grow with the number of all tasks. Reads only; throws `Unavailable` as all of the store does.
import { taskStates } from "#domain/state";
import type { Db, Sql } from "#store/client";
import { containing, offsetOf, type Page } from "#store/list";

/** The JSON of a batch. `total_expected` is null where any task has none. */
export interface BatchSummary {
  readonly batch_id: string;
  readonly total_tasks: number;
  readonly total_success: number;
  readonly total_failures: number;
  readonly total_expected: number | null;
  /** Every state, in lower case. */
  readonly status_counts: Readonly<Record<string, number>>;
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly created_at: Date;
}

export interface BatchFilter extends Page {
  /** Of any of its tasks: parts of kind and name, and the state. */
  readonly kind?: string;
  readonly name?: string;
  readonly status?: string;
  readonly scope?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
}

export async function findBatch(db: Db, id: string): Promise<BatchSummary | undefined> {
  return db.use(async (sql) => {
    const found = await sql<BatchRow[]>`
      select ${columns(sql)} from batch b left join batch_spec s on s.id = b.id where b.id = ${id}`;
    return (await summed(sql, found))[0];
  });
}

/** Newest first. */
export async function listBatches(db: Db, filter: BatchFilter): Promise<BatchSummary[]> {
  const offset = offsetOf(filter);
  if (offset === undefined) return [];
  const { scope, metadata, createdAfter, createdBefore } = filter;
  return db.use(async (sql) => {
    const page = await sql<BatchRow[]>`
      select ${columns(sql)} from batch b left join batch_spec s on s.id = b.id
      where true
        ${scope === undefined ? sql`` : sql`and s.scope = ${scope}`}
        ${metadata ? sql`and s.metadata @> ${JSON.stringify(metadata)}::text::jsonb` : sql``}
        ${createdAfter ? sql`and b.created_at >= ${nextMs(createdAfter)}` : sql``}
        ${createdBefore ? sql`and b.created_at < ${createdBefore}` : sql``}
        ${anyTask(sql, filter)}
      order by b.created_at desc, b.id desc limit ${filter.size} offset ${offset}`;
    return summed(sql, page);
  });
}

/** Times are shown by milliseconds, so "after" one is from the next one on. */
const nextMs = (time: Date): Date => new Date(time.getTime() + 1);

type BatchRow = Pick<BatchSummary, "batch_id" | "total_tasks" | "scope" | "metadata" | "created_at">;

const columns = (sql: Sql) => sql`b.id as batch_id, b.total as total_tasks, s.scope, s.metadata, b.created_at`;

/** One task has to match all three. */
function anyTask(sql: Sql, { kind, name, status }: BatchFilter) {
  if (kind === undefined && name === undefined && status === undefined) return sql``;
  return sql`and exists (
    select from task_spec ts join task t on t.id = ts.id
    where ts.batch_id = b.id
      ${status === undefined ? sql`` : sql`and t.status = ${status}::task_status`}
      ${kind === undefined ? sql`` : sql`and t.kind like ${containing(kind)}`}
      ${name === undefined ? sql`` : sql`and ts.name like ${containing(name)}`})`;
}

interface Sums {
  readonly batch_id: string;
  readonly status: string;
  readonly tasks: number;
  readonly success: number;
  readonly failures: number;
  readonly expected: number;
  readonly unexpected: number;
}

async function summed(sql: Sql, batches: readonly BatchRow[]): Promise<BatchSummary[]> {
  if (batches.length === 0) return [];
  // Sums as floats: they may pass what a bigint holds, and JSON numbers are no better.
  const sums = await sql<Sums[]>`
    select s.batch_id, status, count(*)::int as tasks, sum(success)::float8 as success, sum(failures)::float8 as failures,
      coalesce(sum(expected_count), 0)::float8 as expected, count(*) filter (where expected_count is null)::int as unexpected
    from task_spec s join task t on t.id = s.id
    where s.batch_id in (select json_array_elements_text(${JSON.stringify(batches.map((b) => b.batch_id))}::text::json)::uuid)
    group by 1, 2`;
  const byBatch = Map.groupBy(sums, (row) => row.batch_id);
  return batches.map((batch) => summary(batch, byBatch.get(batch.batch_id) ?? []));
}

function summary(batch: BatchRow, sums: readonly Sums[]): BatchSummary {
  const counts: Record<string, number> = Object.fromEntries(taskStates.map((state) => [state.toLowerCase(), 0]));
  for (const { status, tasks } of sums) counts[status.toLowerCase()] = tasks;
  const total = (key: "success" | "failures" | "expected" | "unexpected") => sums.reduce((n, row) => n + row[key], 0);
  return {
    batch_id: batch.batch_id,
    total_tasks: batch.total_tasks,
    total_success: total("success"),
    total_failures: total("failures"),
    total_expected: total("unexpected") > 0 ? null : total("expected"),
    status_counts: counts,
    scope: batch.scope,
    metadata: batch.metadata,
    created_at: batch.created_at,
  };
}
