// What the body of a start call's 2xx answer says: nothing, an action for `on_cancel`, or the result of the work. And what
// is kept of the answer to a delivery.
// A stranger wrote it: whatever is not exactly that is ignored, and what looks like an action but is none says why.
import type { Action } from "#domain/action";
import type { Policy } from "#domain/guard";
import { parseJson } from "#domain/json";
import { readAction } from "#domain/schema/action";
import { Faults } from "#domain/schema/decode";

export interface AnsweredAction {
  readonly action?: Action;
  /** Why an action was not taken. */
  readonly ignored?: string;
}

/** The action in an answer that acknowledges a start. */
export function actionIn(body: string | null, policy: Policy): AnsweredAction {
  const value = objectIn(body);
  if (value === null || !("kind" in value) || !("params" in value)) return {};
  const faults = new Faults();
  const action = readAction(value, "", policy, faults);
  const completes = (value.params as { completes?: unknown } | null)?.completes;
  if (completes === "on_response") faults.add("params.completes", "means nothing in a cancel action");
  return action && faults.none ? { action } : { ignored: faults.list.join("; ").slice(0, 500) };
}

/** The answer of an `on_response` call as the task's result: a JSON object, else null. */
export const resultIn = (body: string | null): Readonly<Record<string, unknown>> | null => objectIn(body);

/**
 * The beginning of an answer that a person may read later: at most `bytesMax` bytes of UTF-8, cut between two characters,
 * without what Postgres does not store (NUL and halves of characters).
 */
export function beginningOf(body: string | null, bytesMax: number): string | null {
  if (body === null) return null;
  const { read } = new TextEncoder().encodeInto(body, new Uint8Array(bytesMax));
  return body.slice(0, read).replace(/[\0\p{Cs}]/gu, "");
}

function objectIn(body: string | null): Record<string, unknown> | null {
  if (body === null || !/^\s*\{/.test(body)) return null;
  try {
    return parseJson(body) as Record<string, unknown>;
  } catch {
    return null;
  }
}
