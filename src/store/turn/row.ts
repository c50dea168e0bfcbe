// The hot columns of a task as a row in memory. Read by position: an object that a driver fills name by name becomes a hash
// table beyond a dozen columns, and every look at it would cost.
import type { Fragment, PendingQuery, Row } from "postgres";
import type { TaskRow } from "#domain/row";
import type { Sql } from "#store/pg/pool";

/** What `rowOf` reads, in its order, of a table or lateral that is called `t`. */
export const columns = (sql: Sql): Fragment => sql`
  t.id, t.batch_id, t.created_at, t.pos, t.rank, t.queue, t.receiver, t.kind, t.children, t.open_children,
  t.timeout, t.retry, t.dead_end_barrier, t.dead_end_keep, t.joins_any, t.status, t.priority, t.wait_finished,
  t.wait_success, t.success, t.failures, t.expected_count, t.attempt, t.acts, t.pause_requested, t.paused_by_batch,
  t.swept, t.in_doubt, t.owner, t.claim_id, t.first_claimed_at, t.started_at, t.ended_at, t.last_updated,
  t.ready_at, t.due_at, t.run_at, t.next_retry_at, t.failure_reason, t.rejected,
  t.max_duration_secs, t.expires_secs, t.queue_timeout_secs, t.heard`;

/** Of a table or lateral that is called `t`. */
export const unfinished = (sql: Sql): Fragment => sql`t.status not in ('Success', 'Failure', 'Canceled', 'Skipped')`;

export type Values = readonly unknown[];

/** From as many values as there are columns, in their order. */
export function rowOf(v: Values): TaskRow {
  return {
    id: v[0],
    batchId: v[1],
    createdAt: v[2],
    pos: v[3],
    rank: v[4],
    queue: v[5],
    receiver: v[6],
    kind: v[7],
    children: v[8],
    openChildren: v[9],
    timeout: v[10],
    retry: v[11],
    deadEndBarrier: v[12],
    deadEndKeep: v[13],
    joinsAny: v[14],
    status: v[15],
    priority: v[16],
    waitFinished: v[17],
    waitSuccess: v[18],
    success: v[19],
    failures: v[20],
    expectedCount: v[21],
    attempt: v[22],
    acts: v[23],
    pauseRequested: v[24],
    pausedByBatch: v[25],
    swept: v[26],
    inDoubt: v[27],
    owner: v[28],
    claimId: v[29],
    firstClaimedAt: v[30],
    startedAt: v[31],
    endedAt: v[32],
    lastUpdated: v[33],
    readyAt: v[34],
    dueAt: v[35],
    runAt: v[36],
    nextRetryAt: v[37],
    failureReason: v[38],
    rejected: v[39],
    maxDurationSecs: v[40],
    expiresSecs: v[41],
    queueTimeoutSecs: v[42],
    heard: v[43],
  } as TaskRow;
}
export const hotColumns = 44;

/** Issues the query at once, so that statements go out in the order of the calls; its columns must be those of `columns`. */
export const rows = async (query: PendingQuery<Row[]>): Promise<TaskRow[]> =>
  (await query.values().execute()).map(rowOf);

/** The same where further columns follow: each row with them, in order. */
export const rowsWith = async (query: PendingQuery<Row[]>): Promise<{ row: TaskRow; more: Values }[]> =>
  (await query.values().execute()).map((values) => ({ row: rowOf(values), more: values.slice(hotColumns) }));
