// What the limits on a task's time mean for its row: until when each lets it go on, and what is said when it does not. All are
// entries of one timer, `due_at`, which is the earliest of them. Pure; times are by the clock of Postgres.
import type { Fields } from "#domain/command";
import { isFinal, type TaskRow } from "#domain/row";

const after = (at: Date, secs: number): Date => new Date(at.getTime() + secs * 1000);

export const earliest = (a: Date | null, b: Date | null): Date | null => (a === null || (b !== null && b < a) ? b : a);

type Whole = Pick<TaskRow, "status" | "createdAt" | "firstClaimedAt" | "maxDurationSecs" | "expiresSecs">;

/** When the time of the whole task is over, over all attempts and waits; null: never. */
export function limitOf({ status, createdAt, firstClaimedAt, maxDurationSecs, expiresSecs }: Whole): Date | null {
  if (isFinal(status)) return null;
  if (firstClaimedAt !== null) return maxDurationSecs === null ? null : after(firstClaimedAt, maxDurationSecs);
  return expiresSecs === null ? null : after(createdAt, expiresSecs);
}

export const expiredReason = ({ expiresSecs }: Pick<TaskRow, "expiresSecs">): string =>
  `Not started within ${expiresSecs} s`;
export const overrunReason = ({ maxDurationSecs }: Pick<TaskRow, "maxDurationSecs">): string =>
  `Ran longer than ${maxDurationSecs} s`;

/** It failed because its time was over, not by a report. */
export const hasOverrun = (row: Pick<TaskRow, "status" | "failureReason" | "maxDurationSecs">): boolean =>
  row.status === "Failure" && row.maxDurationSecs !== null && row.failureReason === overrunReason(row);

type Silence = Pick<TaskRow, "timeout" | "queueTimeoutSecs" | "heard">;

/** How long a Running task may be silent: as long as its message may lie in its queue, until the worker that took it reports. */
export const silenceSecs = ({ timeout, queueTimeoutSecs, heard }: Silence): number =>
  queueTimeoutSecs === null || heard ? timeout : queueTimeoutSecs;

/** Its message lies in a queue, and no worker has reported yet. Then only the first report of the attempt moves its timer. */
export const isAwaited = ({ queueTimeoutSecs, heard }: Silence): boolean => queueTimeoutSecs !== null && !heard;

/** When a task that was heard of last at `lastUpdated` is timed out. */
export const silentUntil = ({ lastUpdated, timeout }: Pick<TaskRow, "lastUpdated" | "timeout">): Date =>
  after(lastUpdated, timeout);

/** Somebody may be at work on the present attempt. */
export const mayBeAtWork = ({ status, inDoubt }: Pick<TaskRow, "status" | "inDoubt">): boolean =>
  status === "Claimed" || status === "Running" || inDoubt;

/** What its first report changes in a task that `isAwaited`: from now on `timeout` holds, and no longer `queue_timeout_secs`. */
export const firstHeard = (row: TaskRow): Pick<TaskRow, "heard" | "dueAt"> => ({
  heard: true,
  dueAt: row.status === "Running" ? earliest(silentUntil(row), limitOf(row)) : row.dueAt,
});

const isCounter = (name: string): boolean => name === "new_success" || name === "new_failures";

/** A change with counters, or of nothing, comes from the service that does the work; any other may come from any client. */
export const isWordOfWork = (fields: Fields): boolean => {
  const names = Object.keys(fields);
  return names.length === 0 || names.some(isCounter);
};
/** It changes nothing but counters. */
export const isHeartbeat = (fields: Fields): boolean => Object.keys(fields).every(isCounter);

/**
 * When a task was heard of that was heard of before at `lastUpdated`: a heartbeat counts from when it was accepted, but is never
 * earlier than what is known.
 */
export const heardAt = (lastUpdated: Date, acceptedMs: number, now: Date): Date =>
  new Date(Math.max(lastUpdated.getTime() + 1, Math.min(acceptedMs, now.getTime())));
