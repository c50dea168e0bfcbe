// Owns what an error answer looks like: every one has these fields, whatever else it says.
import type { ErrorCode } from "#domain/errors";

export const refused = (code: ErrorCode, error: unknown, more: object = {}) => ({
  ...{ error, code, details: [] as unknown, faults: [] as unknown },
  ...more,
});
