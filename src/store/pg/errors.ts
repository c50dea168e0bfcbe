// What an error of Postgres means: the connection cannot be used any more, or the same again may succeed, or the input is
// at fault. Only the last one is soon held against a command: whatever is not known is taken for passing.
import { Unavailable } from "#domain/errors";
import type { RemedyFor } from "#flow/batcher";

const brokenCodes =
  /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08|57P0|25P03|25006|26000|0A000|XX)/;
const sqlState = /^[0-9A-Z]{5}$/;
/** Data that does not fit, constraints that it breaks, limits of a statement, what our own functions refuse. */
const inputCodes = /^(22|23|54|P0)/;
const lockCodes = /^(55P03|40P01|40001)$/;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** The connection cannot be trusted any more (whatever was sent is of unknown outcome). */
export function isBroken(error: unknown): boolean {
  return error instanceof Unavailable || brokenCodes.test(codeOf(error));
}

/** The connection broke while this work was under way. */
export class ConnectionLost extends Unavailable {
  constructor(cause: unknown) {
    super("the database connection broke", [], { cause });
  }
}

/** Postgres is starting, or may not write: it says so of any work. */
const otherwiseAwayCodes = /^(57P03|25006)$/;

/** While Postgres is up, the work itself may have broken its connection. */
export const mayBreakConnections = (error: unknown): boolean =>
  error instanceof ConnectionLost && !otherwiseAwayCodes.test(codeOf(error.cause));

/** Not the command's fault: the same again, with the same ids, may succeed. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  return isBroken(error) || (sqlState.test(code) && !inputCodes.test(code));
}

/** Says only that a statement before it in the transaction failed. */
export const isAftermath = (error: unknown): boolean => codeOf(error) === "25P02";

/** Another transaction was in the way; it ends soon. */
export const isLockFault = (error: unknown): boolean => lockCodes.test(codeOf(error));

const pausesMax = 5;

/**
 * What a batch that is written in one transaction does about a failure: the same again for as long as no item is at fault,
 * and up to `triesMax` times where it may be its own; then in halves. The pauses grow from `pauseMs` to five times that.
 */
export const untilWritten =
  (pauseMs: number, triesMax = 1): RemedyFor =>
  (error, tries) =>
    isTransient(error) || tries < triesMax ? pauseMs * Math.min(tries, pausesMax) * (0.5 + Math.random() / 2) : "halve";
