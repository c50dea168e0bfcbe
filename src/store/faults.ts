// What an error of Postgres means: the connection cannot be used any more, or the same again may succeed, or the input is
// at fault. Only the last one may ever be held against a command: whatever is not known is taken for passing.
import { Unavailable } from "#domain/errors";

const brokenCodes =
  /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08|57P0|25P03|25006|26000|0A000|XX)/;
const sqlState = /^[0-9A-Z]{5}$/;
/** Data that does not fit, constraints that it breaks, limits of a statement. */
const inputCodes = /^(22|23|54)/;
const lockCodes = /^(55P03|40P01|40001)$/;

export const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** The connection cannot be trusted any more (whatever was sent is of unknown outcome). */
export function isBroken(error: unknown): boolean {
  return error instanceof Unavailable || brokenCodes.test(codeOf(error));
}

/** Not the command's fault: the same again, with the same ids, may succeed. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  return isBroken(error) || (sqlState.test(code) && !inputCodes.test(code));
}

/** Says only that a statement before it in the transaction failed. */
export const isAftermath = (error: unknown): boolean => codeOf(error) === "25P02";

/** Somebody else was in the way; he is gone soon. */
export const isLockFault = (error: unknown): boolean => lockCodes.test(codeOf(error));
