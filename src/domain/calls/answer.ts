// What the body of a start call's 2xx answer says: nothing, an action for `on_cancel`, or the result of the work. What the
// service says to a start that it refuses, and what is kept of the answer to a delivery.
// A stranger wrote it: what is meant as an action or a result and cannot be taken says why; anything else is passed over.
import type { Action, WebhookAction } from "#domain/action";
import type { Policy } from "#domain/calls/guard";
import { Invalid } from "#domain/errors";
import { Faults } from "#domain/faults";
import { readAction } from "#domain/schema/action";
import { resultBytesMax } from "#domain/schema/text";
import { discreetLine, masked } from "#domain/values/discreet";
import { parseJson } from "#domain/values/json";

/** The body of an answer, as far as it was read. */
export interface AnswerBody {
  /** Null where there is none, or where its end did not arrive. */
  readonly body: string | null;
  /** What arrived of a body whose end did not. */
  readonly part: string | null;
  /** It went on after what was read. */
  readonly isCut: boolean;
}

export interface AnsweredAction {
  readonly action?: Action;
  /** Why an action was not taken. */
  readonly ignored?: string;
}

/** The action in an answer that acknowledges a start. */
export function actionIn(answer: AnswerBody, policy: Policy): AnsweredAction {
  const { value, wrong, text } = objectIn(answer);
  if (wrong !== undefined) return /"kind"\s*:/.test(text) && /"params"\s*:/.test(text) ? { ignored: wrong } : {};
  if (value === null || !("kind" in value) || !("params" in value)) return {};
  const faults = new Faults();
  const action = readAction(value, policy, faults);
  const completes = (value.params as { completes?: unknown } | null)?.completes;
  if (completes === "on_response") faults.add(["params", "completes"], "conflict", "means nothing in a cancel action");
  return action && faults.none ? { action } : { ignored: reasonOf(faults.list) };
}

export interface AnsweredResult {
  readonly result: Readonly<Record<string, unknown>> | null;
  /** Why a JSON object is not kept as the result. */
  readonly ignored?: string;
}

/** The answer of an `on_response` call as the task's result: a JSON object, else null. */
export function resultIn(answer: AnswerBody): AnsweredResult {
  const { value, wrong } = objectIn(answer);
  return wrong === undefined ? { result: value } : { result: null, ignored: wrong };
}

/**
 * The beginning of an answer that a person may read later: at most `bytesMax` bytes of UTF-8, cut between two characters,
 * without what Postgres does not store (NUL and halves of characters). What the action sent in a header or its query is not repeated.
 */
export function beginningOf(
  { body, part }: Pick<AnswerBody, "body" | "part">,
  action: WebhookAction,
  bytesMax: number,
): string | null {
  const text = body ?? part;
  if (text === null) return null;
  const shown = masked(text, secretsOf(action));
  const { read } = new TextEncoder().encodeInto(shown, new Uint8Array(bytesMax));
  return shown.slice(0, read).replace(/[\0\p{Cs}]/gu, "");
}

const wordsCharsMax = 200;
/** Of the header Authorization: no secret. */
const schemes = /^(basic|bearer|digest)$/i;

/**
 * What the service says to a call that it refuses, on one line of at most 200 characters: null where it says nothing. What the action
 * sent in a header or its query is not repeated: it may be a secret, and a reason is read by many.
 */
export function wordsIn({ body, part }: Pick<AnswerBody, "body" | "part">, action: WebhookAction): string | null {
  return discreetLine(body ?? part ?? "", wordsCharsMax, secretsOf(action)) || null;
}

/** Values of its headers, and of the query of its URL. */
function secretsOf({ params }: WebhookAction): string[] {
  const sent = Object.entries(params.headers ?? {}).filter(
    ([name]) => !/^(accept|content-type|user-agent)$/i.test(name),
  );
  const inHeaders = sent
    .flatMap(([, value]) => [value, ...value.split(/[\s,;=]+/)])
    .filter((one) => !schemes.test(one));
  return [...inHeaders, ...new URL(params.url).searchParams.values()];
}

interface AnsweredObject {
  readonly value: Record<string, unknown> | null;
  /** Of a JSON object that cannot be taken. */
  readonly wrong?: string;
  readonly text: string;
}

function objectIn({ body, part, isCut }: AnswerBody): AnsweredObject {
  const text = body ?? part ?? "";
  if (!/^\s*\{/.test(text)) return { value: null, text };
  if (isCut) return { value: null, wrong: `body: takes more than ${resultBytesMax} bytes`, text };
  if (body === null) return { value: null, wrong: "body: its end did not arrive", text };
  try {
    return { value: parseJson(text) as Record<string, unknown>, text };
  } catch (error) {
    const isOurs = error instanceof Invalid && isJson(text);
    return { value: null, text, ...(isOurs ? { wrong: reasonOf(error.details) } : {}) };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\ufeff/, ""));
    return true;
  } catch {
    return false;
  }
}

const reasonCharsMax = 500;
const reasonOf = (faults: readonly string[]): string => faults.join("; ").slice(0, reasonCharsMax).toWellFormed();
