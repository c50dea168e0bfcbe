// A start that could not be sent: not a byte of the call left, so the task goes back to Pending and is tried again, after
// longer and longer waits, until the tries have lasted for START_RETRY_SECS. Pure; all times are by the clock of Postgres.

/** Why a start could not be sent. */
export interface Unsendable {
  /** Host and port of the receiver; `nats` for a message. */
  readonly host: string;
  readonly error: string;
  /** False: NATS is away, or its stream is full, which is no fault of the task. It waits, and fails nothing. */
  readonly counts: boolean;
}

/** The tries of a start that could not be sent, one after the other; it lasts until one is sent, a pause, or the attempt's end. */
export interface Unsent {
  /** When the first one that counts ended. */
  readonly since: Date | null;
  readonly tries: number;
  readonly host: string;
  readonly error: string;
  /** When the next one is due. */
  readonly until: Date;
}

const firstWaitMs = 1_000;
const waitMaxMs = 15_000;

/**
 * After one more that could not be sent; null: the tries have lasted long enough, and the start has failed. The last wait is
 * shortened, so that a try falls on the moment from which on one that cannot be sent is the failure.
 */
export function afterUnsent(before: Unsent | undefined, why: Unsendable, now: Date, retryMs: number): Unsent | null {
  const { host, error, counts } = why;
  const since = counts ? (before?.since ?? now) : null;
  const lastAt = since === null ? Number.POSITIVE_INFINITY : since.getTime() + retryMs;
  if (now.getTime() >= lastAt) return null;
  const tries = (before?.tries ?? 0) + 1;
  const waitMs = Math.min(firstWaitMs * 2 ** Math.min(tries - 1, 10), waitMaxMs);
  return { since, tries, host, error, until: new Date(Math.min(now.getTime() + waitMs, lastAt)) };
}
