// What an action may be, as it is sent: its shape as schemas, and what shapes cannot say (URLs, subjects, header names).
// Pure; lists every fault with its path. A URL is judged by its host as well, as far as that shows without asking DNS.
import * as Schema from "effect/Schema";
import type { Action } from "#domain/action";
import { type Policy, urlFault } from "#domain/guard";
import { childPath } from "#domain/json";
import { decoder, type Faults } from "#domain/schema/decode";
import { any, anyObject, opt } from "#domain/schema/text";
import { isReservedHeader } from "#domain/webhook";

const headers = Schema.Record(Schema.String, Schema.String);

/** `start` bodies may be any JSON; those of other calls are objects, because the key `baton` is added to them. */
const actionWith = <B extends Schema.Top>(body: B) =>
  Schema.Union([
    Schema.Struct({
      kind: Schema.Literal("Webhook"),
      params: Schema.Struct({
        url: Schema.String,
        verb: Schema.Literals(["Get", "Post", "Put", "Patch", "Delete"]),
        body: opt(body),
        headers: opt(headers),
        completes: opt(Schema.Literals(["on_callback", "on_response"])),
      }),
    }),
    Schema.Struct({
      kind: Schema.Literal("Nats"),
      params: Schema.Struct({ subject: Schema.String, body: opt(body), headers: opt(headers) }),
    }),
  ]);

export const StartAction = actionWith(any);
export const LaterAction = actionWith(anyObject);

const decodeLater = decoder(LaterAction);

/** An action as a service may answer it to a start call; undefined when it is none. */
export function readAction(value: unknown, path: string, policy: Policy, faults: Faults): Action | undefined {
  const action = decodeLater(value, path, faults);
  actionFaults(value, path, policy, faults);
  return action && faults.none ? tidyAction(action as Action) : undefined;
}

/** What was left out by `null` is left out. */
export function tidyAction(action: Action): Action {
  const params: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(action.params)) if (value !== null) params[key] = value;
  return { kind: action.kind, params } as unknown as Action;
}

/** Faults beyond the shape. Looks at a value that may have any shape, and says nothing of what the schema says. */
export function actionFaults(value: unknown, path: string, policy: Policy, faults: Faults): void {
  const params = (value as { params?: Record<string, unknown> | null } | null)?.params;
  if (typeof params !== "object" || params === null) return;
  const at = childPath(path, "params");
  const { kind } = value as { kind?: unknown };
  if (kind === "Webhook" && typeof params.url === "string")
    add(shapeFault(params.url) ?? urlFault(params.url, policy)?.says, `${at}.url`, faults);
  if (kind === "Nats" && typeof params.subject === "string") add(subjectFault(params.subject), `${at}.subject`, faults);
  if (typeof params.headers === "object" && params.headers !== null) {
    headerFaults(params.headers as Record<string, unknown>, `${at}.headers`, faults);
  }
}

function add(wrong: string | undefined, path: string, faults: Faults): void {
  if (wrong !== undefined) faults.add(path, wrong);
}

const urlCharsMax = 2048;

function shapeFault(url: string): string | undefined {
  // `new URL` drops some of these silently, and two readers would see two hosts.
  if (/[\s\\\p{Cc}]/u.test(url)) return "must not hold blanks, control characters or backslashes";
  if (url.length > urlCharsMax) return `must have at most ${urlCharsMax} characters`;
  const read = /^https?:\/\//i.test(url) ? URL.parse(url) : null;
  if (read === null || read.hostname === "") return "must be a URL that starts with http:// or https://";
  if (read.username !== "" || read.password !== "" || /^https?:\/\/[^/?#]*@/i.test(url))
    return "must not hold a user name or password";
  return undefined;
}

function subjectFault(subject: string): string | undefined {
  const ok = /^baton\.work(\.[^\s.*>\p{Cc}]+)+$/u.test(subject) && subject.length <= 255;
  return ok ? undefined : "must be a subject under baton.work. without wildcards, of at most 255 characters";
}

const headersMax = 32;
const headerCharsMax = 4096;
function headerFaults(headers: Record<string, unknown>, path: string, faults: Faults): void {
  const seen = new Set<string>();
  const entries = Object.entries(headers);
  if (entries.length > headersMax) faults.add(path, `must have at most ${headersMax} entries`);
  for (const [name, value] of entries) {
    const at = childPath(path, name);
    const lower = name.toLowerCase();
    if (name === "__proto__" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name))
      faults.add(at, "is not a header name");
    else if (isReservedHeader(name)) faults.add(at, "is set by Baton or by the connection itself");
    else if (seen.has(lower)) faults.add(at, "is named twice");
    seen.add(lower);
    if (typeof value !== "string") continue;
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) faults.add(at, "must hold printable Latin-1 characters only");
    else if (value.length > headerCharsMax) faults.add(at, `must have at most ${headerCharsMax} characters`);
  }
}
