// An answer without a transport, as HTTP and NATS send it: `{"error", "code", "details", "faults"}` and a status where something was
// refused. What clients cause is never a 500; what is our own broken promise is a 500 that says nothing of the inside.
import type { Answer } from "#domain/command";
import { BatonError, type ErrorCode, errorCodes } from "#domain/errors";
import type { Fault, Faults } from "#domain/faults";

/** By name in lower case; several values are several lines. */
type Headers = Readonly<Record<string, string | string[]>>;

/** HTTP and NATS send the same one. */
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

/** The body of an answer that is printed already. */
export const jsonType = "application/json; charset=utf-8";

/** Everything that is wrong with what was sent. */
export const invalid = ({ list: details, faults }: Faults, more: Said["more"] = {}): Reply =>
  refusal("validation_failed", "Validation failed", { details, faults, more });

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
  if (overloaded.test(code)) return refusal("busy", "The database is too busy");
  if (unstorable.test(code)) return refusal("validation_failed", "A value cannot be stored");
  return refusal("internal", "Internal error");
}

/** SQLSTATEs: locks and statements that took too long, too many connections; values that slipped through validation. */
const overloaded = /^(40001|40P01|55P03|57014|53\d{3})$/;
const unstorable = /^22[0-9A-Z]{3}$/;

/** What the actor answered to a command about one task, or about one delivery. */
export function replyTo(answer: Answer, what: "task" | "delivery" | "batch"): Reply {
  const { status, id, state, attempt, details, faults } = answer;
  if (status < 300) return reply(status, { id, status: state, attempt, ...goingOn(answer) });
  const code = answer.code ?? "internal";
  if (status === 404) return refusal(`unknown_${what}`, `No such ${what}`);
  const said = { status, ...(details ? { details } : {}), ...(faults ? { faults } : {}) };
  const error = answer.error ?? "No answer";
  if (status !== 409) return refusal(code, error, said);
  return refusal(code, error, { ...said, more: { current_status: state, allowed: answer.allowed ?? [] } });
}

/** With 202 what follows from the command is not done yet. */
export const goingOn = ({ propagating }: Answer): { propagating?: true } => (propagating ? { propagating } : {});
