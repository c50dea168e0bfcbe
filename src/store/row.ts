// The hot columns of a task as a row in memory. Read by position: an object that a driver fills name by name becomes a hash
// table beyond a dozen columns, and every look at it would cost.
import type { Fragment, PendingQuery, Row } from "postgres";
import type { TaskRow } from "#domain/row";
import type { Sql } from "#store/client";

/** What `rowOf` reads, in its order, of a table or lateral that is called `t`. */
export const columns = (sql: Sql): Fragment => sql`
  t.id, t.batch_id, t.created_at, t.pos, t.lane, t.receiver, t.kids, t.timeout, t.retry, t.dead_end_barrier, t.status,
  t.priority, t.wait_finished, t.wait_success, t.success, t.failures, t.expected_count, t.attempt, t.acts,
  t.pause_requested, t.in_doubt, t.owner, t.claim_id, t.started_at, t.ended_at, t.last_updated, t.due_at, t.run_at,
  t.next_retry_at, t.failure_reason, t.rejected`;

type Values = readonly unknown[];

function rowOf(v: Values): TaskRow {
  return {
    id: v[0],
    batchId: v[1],
    createdAt: v[2],
    pos: v[3],
    lane: v[4],
    receiver: v[5],
    kids: v[6],
    timeout: v[7],
    retry: v[8],
    deadEndBarrier: v[9],
    status: v[10],
    priority: v[11],
    waitFinished: v[12],
    waitSuccess: v[13],
    success: v[14],
    failures: v[15],
    expectedCount: v[16],
    attempt: v[17],
    acts: v[18],
    pauseRequested: v[19],
    inDoubt: v[20],
    owner: v[21],
    claimId: v[22],
    startedAt: v[23],
    endedAt: v[24],
    lastUpdated: v[25],
    dueAt: v[26],
    runAt: v[27],
    nextRetryAt: v[28],
    failureReason: v[29],
    rejected: v[30],
  } as TaskRow;
}
const hotColumns = 31;

/** Issues the query; its columns must be those of `columns`. */
export const rows = async (query: PendingQuery<Row[]>): Promise<TaskRow[]> => (await query.values()).map(rowOf);

/** The same where further columns follow: each row with them, in order. */
export const rowsWith = async (query: PendingQuery<Row[]>): Promise<{ row: TaskRow; more: Values }[]> =>
  (await query.values()).map((values) => ({ row: rowOf(values), more: values.slice(hotColumns) }));
