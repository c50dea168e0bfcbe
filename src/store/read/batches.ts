// What clients may read of a batch. What has ended stands in its tallies and sums; only unfinished tasks are counted, and an
// index leads to them, so that a batch costs what is left of it. Reads only; throws `Unavailable` as all of the store does.

import { finalStates } from "#domain/row";
import type { batchStates } from "#domain/schema/answers/batch";
import { noCounts, type TaskState, taskStates } from "#domain/state";
import type { Db, Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";
import { reading } from "#store/read/walk";

export type BatchState = (typeof batchStates)[number];

/** The JSON of a batch. */
export interface BatchSummary {
  readonly batch_id: string;
  /** When complete: failure if any task failed, else canceled if any was, dead ends aside, else success. */
  readonly status: BatchState;
  readonly total_tasks: number;
  readonly total_success: number;
  readonly total_failures: number;
  /** Null where any task has none. */
  readonly total_expected: number | null;
  /** Every state, in lower case. */
  readonly status_counts: Readonly<Record<string, number>>;
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly created_at: Date;
  readonly first_created_at: Date;
  readonly latest_updated_at: Date;
  readonly completed_at: Date | null;
  /** Sorted. */
  readonly kinds: readonly string[];
  readonly paused: boolean;
  readonly open: boolean;
  /** Work on it goes on in portions. */
  readonly propagating: boolean;
  readonly deadline_at: Date | null;
  readonly rerun_of: string | null;
  readonly schedule: { readonly name: string; readonly at: Date } | null;
  /** An actor, as events have it. */
  readonly created_by: string;
}

/** The first task that failed by itself. */
export interface FirstFailure {
  readonly task_id: string;
  readonly local_id: string;
  readonly name: string;
  readonly reason: string | null;
  readonly at: Date;
  /** How many tasks of the batch failed because a parent did. */
  readonly followed: number;
}

export const findBatch = (
  db: Db,
  id: string,
): Promise<(BatchSummary & { readonly first_failure: FirstFailure | null }) | undefined> =>
  reading(db, async (sql) => {
    const [[batch], [failure]] = await Promise.all([
      summaries(sql, [id]),
      sql<FirstFailure[]>`
        select t.id as task_id, s.local_id, s.name, t.failure_reason as reason, t.ended_at as at, b.followed
        from batch b join task t on t.id = b.first_failed join task_spec s on s.id = t.id where b.id = ${id}`.execute(),
    ]);
    return batch && { ...batch, first_failure: failure ?? null };
  });

/** The state of the batch `b`. */
export const stateOf = (sql: Sql) => sql`
  case when b.completed_at is null then case when b.paused then 'paused' else 'running' end
    when b.failed > 0 then 'failure' when b.canceled > b.dead_ends then 'canceled' else 'success' end`;

interface BatchRow extends Omit<BatchSummary, "status_counts" | "first_created_at" | "total_expected" | "schedule"> {
  readonly scheduleName: string | null;
  readonly scheduleAt: Date | null;
  readonly unfinished: number;
  readonly ended: Readonly<Record<string, number>>;
  readonly expected: number;
  readonly unexpected: number;
}

/** These batches, in this order. */
export async function summaries(sql: Sql, ids: readonly string[]): Promise<BatchSummary[]> {
  if (ids.length === 0) return [];
  const batches = await sql<BatchRow[]>`
    select b.id as batch_id, ${stateOf(sql)} as status, b.total as total_tasks, b.unfinished, s.scope, s.metadata, b.created_at,
      b.completed_at, to_json(b.kinds) as kinds, b.paused, b.open, b.works > 0 as propagating, b.deadline_at, b.rerun_of, b.schedule as "scheduleName",
      b.schedule_at as "scheduleAt", b.created_by,
      b.ended_success + coalesce(l.success, 0) as total_success, b.ended_failures + coalesce(l.failures, 0) as total_failures,
      b.ended_expected as expected, b.ended_unexpected as unexpected, coalesce(b.last_ended, b.created_at) as latest_updated_at,
      json_build_object('success', b.succeeded, 'failure', b.failed, 'canceled', b.canceled, 'skipped', b.skipped) as ended
    from unnest(${idList(ids)}::uuid[]) with ordinality u (id, n) join batch b on b.id = u.id left join batch_spec s on s.id = b.id
      left join lateral (select sum(success) as success, sum(failures) as failures from late_count where batch_id = b.id) l on true
    order by u.n`;
  const left = await unfinishedOf(
    sql,
    batches.filter(({ unfinished }) => unfinished > 0),
  );
  return batches.map((batch) => summary(batch, left.get(batch.batch_id) ?? []));
}

/** What the unfinished tasks of one batch in one state add up to. */
interface Left {
  readonly batch_id: string;
  readonly status: TaskState;
  readonly tasks: number;
  readonly success: number;
  readonly failures: number;
  readonly expected: number;
  readonly unexpected: number;
  readonly latest: Date;
}

const unfinishedStates = taskStates.filter((state) => !finalStates.has(state));

async function unfinishedOf(sql: Sql, batches: readonly BatchRow[]): Promise<Map<string, Left[]>> {
  if (batches.length === 0) return new Map();
  const ids = idList(batches.map(({ batch_id }) => batch_id));
  // Sums as floats: they may pass what a bigint holds, and JSON numbers are no better.
  const sums = sql`
    count(*)::int as tasks, sum(t.success)::float8 as success, sum(t.failures)::float8 as failures,
    coalesce(sum(t.expected_count), 0)::float8 as expected, count(*) filter (where t.expected_count is null)::int as unexpected,
    max(t.last_updated) as latest`;
  // The tasks of a batch are created in its moment: at that time the index of states has few others.
  const found = await sql<Left[]>`
    select b.id as batch_id, t.status, ${sums}
    from batch b cross join unnest(${array(unfinishedStates)}::task_status[]) u (status)
      join task t on t.status = u.status and t.created_at = b.created_at and t.batch_id = b.id
    where b.id = any(${ids}::uuid[]) group by 1, 2`;
  const byBatch = Map.groupBy(found, ({ batch_id }) => batch_id);
  const count = (rows: readonly Left[] = []) => rows.reduce((n, { tasks }) => n + tasks, 0);
  // Tasks were added to it later: those are found by going through all of its tasks.
  const grown = batches.filter(({ batch_id, unfinished }) => count(byBatch.get(batch_id)) !== unfinished);
  if (grown.length === 0) return byBatch;
  const more = await sql<Left[]>`
    select s.batch_id, t.status, ${sums} from task_spec s join task t on t.id = s.id
    where s.batch_id = any(${idList(grown.map(({ batch_id }) => batch_id))}::uuid[])
      and t.status = any(${array(unfinishedStates)}::task_status[]) group by 1, 2`;
  return new Map([...byBatch, ...Map.groupBy(more, ({ batch_id }) => batch_id)]);
}

function summary(row: BatchRow, left: readonly Left[]): BatchSummary {
  const {
    unfinished: _,
    ended,
    expected,
    unexpected,
    total_success,
    total_failures,
    latest_updated_at,
    scheduleName: name,
    scheduleAt: at,
    ...batch
  } = row;
  const sum = (key: "success" | "failures" | "expected" | "unexpected") => left.reduce((n, part) => n + part[key], 0);
  const counts = { ...noCounts(), ...ended };
  for (const { status, tasks } of left) counts[status.toLowerCase()] = tasks;
  const { batch_id, status, total_tasks, scope, metadata, created_at, rerun_of, created_by, ...rest } = batch;
  return {
    batch_id,
    status,
    total_tasks,
    total_success: total_success + sum("success"),
    total_failures: total_failures + sum("failures"),
    total_expected: unexpected + sum("unexpected") > 0 ? null : expected + sum("expected"),
    status_counts: counts,
    scope,
    metadata,
    created_at,
    first_created_at: created_at,
    latest_updated_at: left.reduce((last, { latest }) => (latest > last ? latest : last), latest_updated_at),
    ...rest,
    rerun_of,
    schedule: name === null || at === null ? null : { name, at },
    created_by,
  };
}
