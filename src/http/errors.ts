// From whatever was thrown to an HTTP answer: `{"error", "details"}` and a status. What clients cause is never a 500;
// what is our own broken promise is a 500 that says nothing of the inside, and is logged in full.
import { BatonError } from "#domain/errors";

/** An answer without a transport: HTTP and NATS send the same one. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export const reply = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body,
});

/** What to answer to an error; 500 stands for errors that are ours. */
export function replyOf(error: unknown): Reply {
  if (error instanceof BatonError) {
    const { retryAfterSecs } = error as { retryAfterSecs?: number };
    const headers = retryAfterSecs === undefined ? {} : { "retry-after": String(retryAfterSecs) };
    return reply(error.status, { error: error.message, details: error.details }, headers);
  }
  const code = String((error as { code?: unknown } | null)?.code ?? "");
  const known = fastifyErrors[code];
  if (known) return reply(known[0], { error: known[1], details: [] });
  if (busyDatabase.test(code))
    return reply(503, { error: "The database is too busy", details: [] }, { "retry-after": "1" });
  if (unstorable.test(code)) return reply(400, { error: "A value cannot be stored", details: [] });
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return reply(status, { error: (error as Error).message, details: [] });
  }
  return reply(500, { error: "Internal error", details: [] });
}

/** SQLSTATEs: locks and statements that took too long, too many connections; values that slipped through validation. */
const busyDatabase = /^(40001|40P01|55P03|57014|53\d{3})$/;
const unstorable = /^22[0-9A-Z]{3}$/;

const fastifyErrors: Readonly<Record<string, readonly [status: number, error: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, "Body too large"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, "Content type must be application/json"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, "Body does not have the length that was announced"],
  FST_ERR_CTP_EMPTY_TYPE: [415, "Content type must be application/json"],
  FST_ERR_BAD_URL: [400, "Malformed URL"],
  FST_ERR_MAX_PARAM_LENGTH: [400, "URL too long"],
};
