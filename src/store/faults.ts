// What an error of Postgres means: the connection is broken, or trying again may help, or the input is at fault.
import { Unavailable } from "#domain/errors";

const brokenCodes =
  /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08|57P0|25P03|0A000)/;
const transientCodes = /^(40001|40P01|55P03|57014|53300|53100|53200|25P02)/;

export const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** The connection cannot be trusted any more (whatever was sent is of unknown outcome). */
export function isBroken(error: unknown): boolean {
  return error instanceof Unavailable || brokenCodes.test(codeOf(error));
}

/** Not the command's fault: the same again, with the same ids, may succeed. */
export function isTransient(error: unknown): boolean {
  return isBroken(error) || transientCodes.test(codeOf(error));
}
