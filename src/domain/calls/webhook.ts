// What one call to the outside looks like: its handle, key, URL, headers and body; and how its answer is read.
// Pure: the same action and the same facts give the same bytes, so that a repetition looks exactly like the first try,
// but for the time of its signature.
import type { NatsAction, Outcome, Verb, WebhookAction } from "#domain/action";
import { type HandleSettings, handleOf } from "#domain/calls/handle";
import { signatureHeaders } from "#domain/calls/signature";
import { version } from "#domain/values/version";

export type Trigger = "start" | "end" | "cancel";

/** Of the configuration, what shows in a call. */
export interface CallSettings extends HandleSettings {
  readonly webhookSigningSecret: readonly string[];
}

/** What a call is about. `task` is null where a batch is complete: then there is no handle. */
export interface About {
  readonly settings: CallSettings;
  /** When it is sent: the time of its signature. */
  readonly at: Date;
  readonly key: string;
  readonly trigger: Trigger;
  readonly task: string | null;
  readonly attempt: number;
  readonly hasRetry: boolean;
  /** The reserved key `baton` of the body; a start call has none, unless it has inputs. */
  readonly facts: Readonly<Record<string, unknown>> | null;
  /** Of a start that asks for results of other tasks. */
  readonly given?: { readonly batch_id: string; readonly local_id: string; readonly inputs: object };
}

export interface HttpRequest {
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | null;
}

export interface WorkMessage {
  readonly subject: string;
  readonly payload: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

export const startKey = (task: string, attempt: number): string => numbered(`${task}:start`, attempt);
/** `nth` counts the actions of one list from 1. */
export const endKey = (task: string, on: Outcome, nth = 1): string => listed(`${task}:end:${on}`, nth);
export const cancelKey = (task: string, attempt: number, nth = 1): string =>
  listed(numbered(`${task}:cancel`, attempt), nth);
export const batchKey = (batch: string, nth = 1): string => listed(`batch:${batch}:complete`, nth);

/** The user's URL with `handle=` set: one that it has is replaced, the rest of the query stays as it was written. */
export function withHandle(url: string, handle: string): string {
  const hash = url.indexOf("#");
  const bare = hash < 0 ? url : url.slice(0, hash);
  const mark = bare.indexOf("?");
  const own = `handle=${encodeURIComponent(handle)}`;
  if (mark < 0) return `${bare}?${own}`;
  const kept = bare
    .slice(mark + 1)
    .split("&")
    .filter((part) => !isHandle(part))
    .join("&");
  return `${bare.slice(0, mark)}?${kept === "" ? "" : `${kept}&`}${own}`;
}

export function httpRequest(action: WebhookAction, about: About): HttpRequest {
  const { url, verb, body, headers } = action.params;
  const handle = handleFor(about);
  const target = new URL(handle === null ? url : withHandle(url, handle));
  const text = verb === "Get" ? null : bodyText(body, headers, about, handle);
  const agent = isNamed(headers, "user-agent") ? [] : ["User-Agent", `Baton/${version}`];
  return {
    origin: target.origin,
    path: target.pathname + target.search,
    method: methods[verb],
    headers: [...agent, ...headerList(headers, about, text)],
    body: text,
  };
}

export function workMessage(action: NatsAction, about: About): WorkMessage {
  const { subject, body, headers } = action.params;
  const handle = handleFor(about);
  const whole = about.facts === null ? (body ?? null) : { ...body, baton: batonOf(about.facts, handle) };
  const inputs = about.given && { inputs: about.given.inputs };
  const payload =
    handle === null
      ? { trigger: about.trigger, body: whole }
      : { task_id: about.task, attempt: about.attempt, handle, trigger: about.trigger, body: whole, ...inputs };
  const text = JSON.stringify(payload);
  return { subject, payload: text, headers: headerList(headers, about, text) };
}

/** Milliseconds to wait by a `Retry-After` (seconds or an HTTP date), at most an hour, 0 for a past date; null for none or nonsense. */
export function retryAfterMs(value: string | null | undefined, now: Date): number | null {
  const text = value?.trim();
  if (!text) return null;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, retryAfterMaxMs);
  // All three forms of an HTTP date begin with the name of a day; Date.parse alone would take "1.5" for a year.
  const at = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.min(Math.max(at - now.getTime(), 0), retryAfterMaxMs);
}

/** Headers a user's action may not name: Baton's own, those of one connection, and those that frame the request. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return reserved.has(lower) || /^(x-task-|webhook-|nats-|proxy-)/.test(lower);
}

const retryAfterMaxMs = 3_600_000;
const reserved = new Set(
  "host content-length expect idempotency-key connection keep-alive te trailer transfer-encoding upgrade".split(" "),
);
const methods: Record<Verb, string> = { Get: "GET", Post: "POST", Put: "PUT", Patch: "PATCH", Delete: "DELETE" };

const numbered = (key: string, attempt: number) => (attempt === 0 ? key : `${key}:${attempt}`);
const listed = (key: string, nth: number) => (nth < 2 ? key : `${key}#${nth}`);

function handleFor(about: About): string | null {
  return about.task === null ? null : handleOf(about.settings, about.task, about.attempt, about.hasRetry);
}

function isHandle(part: string): boolean {
  const end = part.indexOf("=");
  const name = end < 0 ? part : part.slice(0, end);
  if (name === "handle" || !name.includes("%")) return name === "handle";
  try {
    return decodeURIComponent(name) === "handle";
  } catch {
    return false;
  }
}

type Headers = Readonly<Record<string, string>> | null | undefined;

function bodyText(
  body: Readonly<Record<string, unknown>> | null | undefined,
  headers: Headers,
  about: About,
  handle: string | null,
): string | null {
  const facts = about.facts ?? startFacts(about);
  if (facts !== null) return JSON.stringify({ ...body, baton: batonOf(facts, handle) });
  if (body === null || body === undefined) return null;
  return typeof body === "string" && !isJsonType(headers) ? body : JSON.stringify(body);
}

function startFacts({ task, attempt, given }: About): About["facts"] {
  if (given === undefined) return null;
  const { batch_id, local_id, inputs } = given;
  return { task_id: task, batch_id, local_id, attempt, inputs };
}

/** The reserved key of a body: signed with it, so its handle may be trusted where the query's may not. */
const batonOf = (facts: Readonly<Record<string, unknown>>, handle: string | null) =>
  handle === null ? facts : { ...facts, handle };

const isNamed = (headers: Headers, lower: string): boolean =>
  Object.keys(headers ?? {}).some((name) => name.toLowerCase() === lower);

/** Whether a body is sent as JSON: so it is unless the user's content type is another one. */
function isJsonType(headers: Headers): boolean {
  const [, type] = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === "content-type") ?? [];
  return type === undefined || /^\s*[^;]*[/+]json\s*(;|$)/i.test(type);
}

/** The user's headers first. Baton's own always win, also over an action that was kept before a name became reserved. */
function headerList(headers: Headers, about: About, text: string | null): string[] {
  const list: string[] = [];
  let typed = text === null;
  for (const name in headers) {
    const lower = name.toLowerCase();
    if (isReservedHeader(lower)) continue;
    if (lower === "content-type") typed = true;
    list.push(name, headers[name] as string);
  }
  if (!typed) list.push("content-type", "application/json");
  list.push("Idempotency-Key", about.key, "X-Task-Trigger", about.trigger);
  if (about.task !== null) list.push("X-Task-Id", about.task);
  list.push(...signatureHeaders(about.settings.webhookSigningSecret, about.key, about.at, text ?? ""));
  return list;
}
