// From whatever was thrown to an HTTP answer: `{"error", "code", "details", "faults"}` and a status. What clients cause is
// never a 500; what is our own broken promise is a 500 that says nothing of the inside, and is logged in full.
import { BatonError, type ErrorCode, errorCodes } from "#domain/errors";
import { type Fault, Faults } from "#domain/faults";

/** By name in lower case; several values are several lines. */
type Headers = Readonly<Record<string, string | string[]>>;

/** An answer without a transport: HTTP and NATS send the same one. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export const reply = (status: number, body: unknown, headers: Headers = {}): Reply => ({
  status,
  headers,
  body,
});

/** What an error answer says besides its code. */
export interface Said {
  /** Where the code has several. */
  readonly status?: number;
  readonly details?: readonly string[];
  readonly faults?: readonly Fault[];
  /** Fields beside the usual ones. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Every error answer is made here. */
export function refusal(code: ErrorCode, error: string, said: Said = {}): Reply {
  const { status = errorCodes[code].statuses[0], details = [], faults = [], more = {}, headers = {} } = said;
  const waits: Record<string, string> = status === 503 || code === "key_in_flight" ? { "retry-after": "1" } : {};
  return reply(status, { error, code, details, faults, ...more }, { ...waits, ...headers });
}

/** What to answer to an error; 500 stands for errors that are ours. */
export function replyOf(error: unknown): Reply {
  if (error instanceof BatonError) {
    const { status, details, faults, message } = error;
    const { retryAfterSecs } = error as { retryAfterSecs?: number };
    const headers: Record<string, string> =
      retryAfterSecs === undefined ? {} : { "retry-after": String(retryAfterSecs) };
    return refusal(error.code, message, { status, details, faults, headers });
  }
  const code = String((error as { code?: unknown } | null)?.code ?? "");
  if (code === "FST_ERR_BAD_URL") return malformedUrl();
  const known = fastifyErrors[code];
  if (known) return refusal(...known);
  if (overloaded.test(code)) return refusal("busy", "The database is too busy");
  if (unstorable.test(code)) return refusal("validation_failed", "A value cannot be stored");
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return refusal("validation_failed", (error as Error).message, { status });
  }
  return refusal("internal", "Internal error");
}

function malformedUrl(): Reply {
  const faults = new Faults();
  faults.addOutside(":path", "path", "invalid_format", "is no percent-encoded UTF-8");
  return refusal("validation_failed", "Malformed URL", { details: faults.list, faults: faults.faults });
}

/** SQLSTATEs: locks and statements that took too long, too many connections; values that slipped through validation. */
const overloaded = /^(40001|40P01|55P03|57014|53\d{3})$/;
const unstorable = /^22[0-9A-Z]{3}$/;

const fastifyErrors: Readonly<Record<string, readonly [code: ErrorCode, error: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["body_too_large", "Body too large"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["unsupported_media_type", "Content type must be application/json"],
  FST_ERR_CTP_EMPTY_TYPE: ["unsupported_media_type", "Content type must be application/json"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["validation_failed", "Body does not have the length that was announced"],
  FST_ERR_MAX_PARAM_LENGTH: ["validation_failed", "URL too long"],
};
