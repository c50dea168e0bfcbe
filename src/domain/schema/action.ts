// What an action may be, as it is sent: its shape as schemas, and what shapes cannot say (URLs, subjects, header names).
// Pure; lists every fault with its path. A URL is judged by its host as well, as far as that shows without asking DNS.
import * as Schema from "effect/Schema";
import { type Action, type StartAction as AnyAction, queueTimeoutDefaultSecs, startKinds } from "#domain/action";
import { type Policy, urlFault } from "#domain/calls/guard";
import { isReservedHeader } from "#domain/calls/webhook";
import type { FaultCode, Faults, Path } from "#domain/faults";
import { inputsFaults, inputsField } from "#domain/inputs/shape";
import { decoder } from "#domain/schema/decode";
import { any, anyObject, field, int, opt, text, yearSecs } from "#domain/schema/text";
import { nearest } from "#domain/values/nearest";

const headers = Schema.Record(Schema.String, Schema.String);
const exampleUrl = "https://service.example.com/run";

const places = ["Start", "End", "Cancel"] as const;
/** When an action is taken. */
export type Place = (typeof places)[number];

const triggerAt = (place: Place) =>
  opt(
    Schema.Literals(places),
    "When the action is taken. Its place says so already, so it may be left out; another one than its place says is refused.",
    { example: place },
  );

/** `start` bodies may be any JSON; those of other calls are objects, because the key `baton` is added to them. */
const actionWith = <B extends Schema.Top, S extends Schema.Struct.Fields, N extends Schema.Struct.Fields>(
  body: B,
  bodyText: string,
  place: Place,
  ofStart: S,
  ofMessage: N,
) => {
  const trigger = triggerAt(place);
  const bodyField = opt(body, bodyText, { example: { file: "a.csv" } });
  const headersField = opt(headers, "Headers of the call by name, at most 32. Those that Baton sets are refused.", {
    example: { "x-team": "data" },
  });
  return [
    Schema.Struct({
      kind: field(Schema.Literal("Webhook"), "An HTTP call.", { example: "Webhook" }),
      trigger,
      params: field(
        Schema.Struct({
          url: field(Schema.String, "Where the call goes: http or https, at most 2,048 characters.", {
            example: exampleUrl,
          }),
          verb: field(Schema.Literals(["Get", "Post", "Put", "Patch", "Delete"]), "The HTTP method.", {
            example: "Post",
          }),
          body: bodyField,
          headers: headersField,
          completes: opt(
            Schema.Literals(["on_callback", "on_response"]),
            "`on_callback`: the service reports later, by its handle. `on_response`: the answer of the call is the report.",
            { default: "on_callback", example: "on_response" },
          ),
          ...ofStart,
        }),
        "What is called, and how.",
        { example: { url: exampleUrl, verb: "Post" } },
      ),
    }),
    Schema.Struct({
      kind: field(Schema.Literal("Nats"), "A message on NATS JetStream.", { example: "Nats" }),
      trigger,
      params: field(
        Schema.Struct({
          subject: field(Schema.String, "A subject under `baton.work.`, without wildcards, at most 255 characters.", {
            example: "baton.work.resize",
          }),
          body: bodyField,
          headers: headersField,
          ...ofStart,
          ...ofMessage,
        }),
        "What is published, and where.",
        { example: { subject: "baton.work.resize" } },
      ),
    }),
  ] as const;
};

const wait = Schema.Struct({
  kind: field(Schema.Literal("Wait"), "A gate: nothing is called. The task is Running until somebody reports.", {
    example: "Wait",
  }),
  trigger: triggerAt("Start"),
  params: opt(
    Schema.Struct({
      prompt: opt(text(1_000), "What is asked of the person who opens the gate, at most 1,000 characters.", {
        example: "Deploy to production?",
      }),
    }),
    "What is waited for.",
    { default: {}, example: { prompt: "Deploy to production?" } },
  ),
});

const ofStartMessage = {
  queue_timeout_secs: opt(
    int(1, yearSecs),
    "Seconds that the message may wait in its queue: the task is timed out then, unless somebody is heard of who works on it. From the first heartbeat or progress on, `timeout` holds.",
    { default: queueTimeoutDefaultSecs, example: 3600 },
  ),
};

export const StartAction = Schema.Union([
  ...actionWith(
    any,
    "Any JSON, sent as it is; for an HTTP call with `inputs` an object, to which the member `baton` is added. A Get sends none.",
    "Start",
    { inputs: inputsField },
    ofStartMessage,
  ),
  wait,
]).annotate({
  identifier: "StartAction",
  description: "What starts a task: an HTTP call, a message that a worker pulls, or nothing but somebody's word.",
});
export const LaterAction = Schema.Union(
  actionWith(anyObject, "A JSON object; the member `baton` is added to it. A Get sends none.", "End", {}, {}),
).annotate({
  identifier: "Action",
  description: "What Baton does when something has ended or is canceled: an HTTP call, or a message.",
});

const decodeLater = decoder(LaterAction);

/** An action as a service may answer it to a start call; undefined when it is none. */
export function readAction(value: unknown, policy: Policy, faults: Faults): Action | undefined {
  const action = decodeLater(value, [], faults);
  actionFaults(value, [], "Cancel", policy, faults);
  return action && faults.none ? tidyAction(action as Action) : undefined;
}

/** What was left out by `null` is left out, and so is the trigger: the place of an action says it. */
export function tidyAction<A extends AnyAction>({ kind, params: sent }: Sent<A>): A {
  const params: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(sent ?? {})) if (value !== null) params[key] = value;
  return { kind, params } as unknown as A;
}
/** Only a gate may leave out its params. */
type Sent<A extends AnyAction> = { readonly kind: A["kind"]; readonly params?: A["params"] | null };

/** Faults beyond the shape. Looks at a value that may have any shape, and says nothing of what the schema says. */
export function actionFaults(value: unknown, path: Path, place: Place, policy: Policy, faults: Faults): void {
  const { params, trigger: sent } = (value ?? {}) as { params?: Record<string, unknown> | null; trigger?: unknown };
  if (places.includes(sent as Place) && sent !== place)
    faults.add([...path, "trigger"], "not_allowed", `must be ${place} here, or left out`, sent);
  if (typeof params !== "object" || params === null) return;
  const kind = kindOf(value as { kind?: unknown }, params);
  if (kind === "Webhook" && typeof params.url === "string")
    add(urlFaultOf(params.url, policy), [...path, "params", "url"], faults);
  if (kind === "Nats" && typeof params.subject === "string")
    add(subjectFault(params.subject), [...path, "params", "subject"], faults);
  if (typeof params.headers === "object" && params.headers !== null) {
    headerFaults(params.headers as Record<string, unknown>, [...path, "params", "headers"], faults);
  }
  if (place === "Start") inputsFaults(kind, params, [...path, "params"], faults);
}

/** What an action of no known kind was surely meant to be; else what was sent. */
function kindOf({ kind }: { readonly kind?: unknown }, params: Readonly<Record<string, unknown>>): unknown {
  if (startKinds.some((known) => known === kind)) return kind;
  const near = typeof kind === "string" ? nearest(kind, startKinds) : undefined;
  return near ?? ("url" in params ? "Webhook" : "subject" in params ? "Nats" : kind);
}

type Wrong = readonly [code: FaultCode, wrong: string, ...sent: readonly [] | readonly [sent: string]];

function add(wrong: Wrong | undefined, path: Path, faults: Faults): void {
  if (wrong === undefined) return;
  const [code, says, ...sent] = wrong;
  faults.add(path, code, says, ...sent);
}

const urlCharsMax = 2048;

/** A URL is quoted only where it cannot hold a password. */
function urlFaultOf(url: string, policy: Policy): Wrong | undefined {
  // `new URL` drops some of these silently, and two readers would see two hosts.
  if (/[\s\\\p{Cc}]/u.test(url)) return ["invalid_format", "must not hold blanks, control characters or backslashes"];
  if (url.length > urlCharsMax) return ["out_of_range", `must have at most ${urlCharsMax} characters`];
  // The parser would take the first name of the path for a missing host.
  const read = /^https?:\/\/[^/?#]/i.test(url) ? URL.parse(url) : null;
  if (/^https?:\/\/[^/?#]*@/i.test(url)) return ["invalid_format", "must not hold a user name or password"];
  if (read === null || read.hostname === "")
    return ["invalid_format", "must be a URL that starts with http:// or https:// and names a host", url];
  if (read.port === "0") return ["invalid_format", "must not name port 0", url];
  const blocked = urlFault(url, policy)?.says;
  return blocked === undefined ? undefined : ["receiver_blocked", blocked];
}

const subjectPattern = /^baton\.work(\.[^\s.*>\p{Cc}]+)+$/u;

function subjectFault(subject: string): Wrong | undefined {
  if (subjectPattern.test(subject) && subject.length <= 255) return undefined;
  return [
    "invalid_format",
    "must be a subject under baton.work. without wildcards, of at most 255 characters",
    subject,
  ];
}

const headersMax = 32;
const headerCharsMax = 4096;

function headerFaults(headers: Record<string, unknown>, path: Path, faults: Faults): void {
  const seen = new Set<string>();
  const entries = Object.entries(headers);
  if (entries.length > headersMax)
    faults.add(path, "too_many", `must have at most ${headersMax} entries, has ${entries.length}`);
  for (const [name, value] of entries) {
    const at = [...path, name];
    const lower = name.toLowerCase();
    if (name === "__proto__" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name))
      faults.add(at, "invalid_format", "is not a header name");
    else if (isReservedHeader(name)) faults.add(at, "header_reserved", "is set by Baton or by the connection itself");
    else if (seen.has(lower)) faults.add(at, "duplicate", "is named twice");
    seen.add(lower);
    if (typeof value !== "string") continue;
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      faults.add(at, "invalid_format", "must hold printable Latin-1 characters only");
    else if (value.length > headerCharsMax)
      faults.add(at, "out_of_range", `must have at most ${headerCharsMax} characters`);
  }
}
