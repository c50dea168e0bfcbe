// What PATCH, PUT and the NATS commands may say about a task: shapes, and what they may not say together.
// Pure; lists every fault. Whether the task accepts it is for its machine to say.
import * as Schema from "effect/Schema";
import { reasonCharsMax, reasonIn } from "#domain/actor";
import type { AcceptedVerb, Fields, Override } from "#domain/command";
import type { Faults } from "#domain/faults";
import { decoder, sizeFault } from "#domain/schema/decode";
import {
  any,
  anyObject,
  count,
  field,
  int,
  metadataBytesMax,
  name,
  opt,
  priority,
  resultBytesMax,
  text,
  time,
  update,
} from "#domain/schema/text";
import { outcomes } from "#domain/state";
import { isObject } from "#domain/values/json";

/** A reason may be a whole stack trace. */
const reason = name(65_536);

const counters = {
  new_success: opt(update, "How many pieces of work succeeded since the last update.", { default: 0, example: 10 }),
  new_failures: opt(update, "How many pieces of work failed since the last update.", { default: 0, example: 1 }),
};

const fields = {
  ...counters,
  failure_reason: opt(reason, "Why it failed, or was skipped: required with Failure, allowed with Skipped.", {
    example: "disk full",
  }),
  metadata: opt(anyObject, "Replaces the metadata, at most 65,536 bytes.", { example: { tenant: "a" } }),
  expected_count: opt(count, "How much work there is to count.", { example: 1000 }),
  priority: opt(priority, "Higher ones start first.", { example: 10 }),
  run_at: opt(
    time,
    "When a task that is not started may start, at most a year ahead, or be tried next; null, or a time that has passed, is now.",
    { example: "2030-01-31T12:00:00.000Z" },
  ),
  result: opt(any, "What the work gave: any JSON of at most 65,536 bytes.", { example: { rows: 1000 } }),
};

/** Body of PATCH /task/{id}. */
export const Patch = Schema.Struct({
  status: opt(
    Schema.Literals(outcomes),
    "How the task ended. Skipped: there was nothing to do, and neither on_success nor on_failure follows. Left out: the other fields change.",
    { example: "Success" },
  ),
  ...fields,
}).annotate({
  identifier: "TaskPatch",
  description:
    "A report that a task has ended, or a change of its other fields. Without any of them it is a heartbeat.",
});
/** Body of PUT /task/{id}. */
export const Put = Schema.Struct(counters).annotate({
  identifier: "Counters",
  description: "What is added to the counters of a task. Nothing, or zeros: a heartbeat.",
});
const attempt = opt(int(0, 2 ** 31 - 1), "The attempt that the command speaks of; left out: the present one.", {
  example: 0,
});
const overridden = {
  status: field(Schema.Literals(outcomes), "How the task ends.", { example: "Success" }),
  reason: field(name(1_000), "Why: kept in the event, and as `failure_reason` of Failure and Skipped.", {
    example: "done by hand",
  }),
  result: opt(any, "What the work gave: any JSON of at most 65,536 bytes.", { example: { rows: 1000 } }),
};
/** Body of POST /task/{id}/override. */
export const TaskOverride = Schema.Struct(overridden).annotate({
  identifier: "TaskOverride",
  description: "An operator's word on how an unfinished task ends.",
});
/** Payload of `baton.task.<id>.override`. */
export const OverrideMessage = Schema.Struct({ ...overridden, attempt }).annotate({
  identifier: "TaskOverrideMessage",
  description: "An operator's word on how an unfinished task ends, by NATS.",
});
/** Payload of `baton.task.<id>.progress`. */
export const ProgressMessage = Schema.Struct({ ...counters, attempt }).annotate({
  identifier: "TaskProgress",
  description: "What is added to the counters of a task, by NATS. Nothing, or zeros: a heartbeat.",
});
/** Payload of `baton.task.<id>.<verb>`: the PATCH fields without the status, which is the verb. */
export const Command = Schema.Struct({
  ...fields,
  attempt,
  reason: opt(text(reasonCharsMax), "Why: with cancel, pause and resume. It stands in the event.", {
    example: "wrong input",
  }),
}).annotate({ identifier: "TaskCommand", description: "The fields of a command to one task, by NATS." });

const decodePatch = decoder(Patch);
const decodePut = decoder(Put);
const decodeProgress = decoder(ProgressMessage);
const decodeCommand = decoder(Command);
const decodeOverride = decoder(TaskOverride);
const decodeOverrideMessage = decoder(OverrideMessage);

export interface Report {
  readonly verb: "succeed" | "fail" | "skip" | "update";
  readonly fields: Fields;
}

export function readPatch(body: unknown, faults: Faults): Report | undefined {
  const sent = decodePatch(body, [], faults);
  if (isObject(body)) {
    const status = body.status ?? undefined;
    const verb = status === undefined ? "update" : verbs.get(status);
    fieldFaults(body, verb, faults);
    if (sent && verb && faults.none) return { verb, fields: withoutNulls(sent, "status") };
  }
  return undefined;
}

const verbs: ReadonlyMap<unknown, Report["verb"]> = new Map([
  ["Success", "succeed"],
  ["Failure", "fail"],
  ["Skipped", "skip"],
]);

export function readOverride(body: unknown, faults: Faults): Override | undefined {
  return overrideIn(body, decodeOverride(body, [], faults), faults);
}

/** The payload of `.override`. */
export function readOverrideMessage(
  body: unknown,
  faults: Faults,
): { readonly override: Override; readonly attempt?: number } | undefined {
  const sent = decodeOverrideMessage(body, [], faults);
  const override = overrideIn(body, sent, faults);
  return override && { override, ...attemptIn(sent) };
}

function overrideIn(body: unknown, sent: (typeof TaskOverride)["Type"] | undefined, faults: Faults) {
  if (!isObject(body)) return undefined;
  sizeFault(body.result, ["result"], faults, resultBytesMax);
  if (!sent || !faults.none) return undefined;
  const { status, reason, result } = sent;
  return { status, reason, ...(result === undefined || result === null ? {} : { result }) };
}

export interface Counts {
  readonly success: number;
  readonly failures: number;
  readonly attempt?: number;
}

export function readPut(body: unknown, faults: Faults): Counts | undefined {
  const sent = decodePut(body, [], faults);
  if (!isObject(body)) return undefined;
  return faults.none ? countsIn(sent) : undefined;
}

/** The payload of `.progress`. */
export function readProgress(body: unknown, faults: Faults): Counts | undefined {
  const sent = decodeProgress(body, [], faults);
  if (!isObject(body) || !faults.none) return undefined;
  return { ...countsIn(sent), ...attemptIn(sent) };
}

const attemptIn = (sent: { readonly attempt?: number | null } | undefined): { readonly attempt?: number } =>
  sent?.attempt === undefined || sent.attempt === null ? {} : { attempt: sent.attempt };

const countsIn = (sent: (typeof Put)["Type"] | undefined): Counts => ({
  success: sent?.new_success ?? 0,
  failures: sent?.new_failures ?? 0,
});

/** What the payload of a command says. */
export interface CommandFields {
  readonly fields: Fields;
  readonly attempt?: number;
  readonly reason?: string;
}

/** The payload of a NATS command; an empty one is `{}`. */
export function readCommand(verb: AcceptedVerb, body: unknown, faults: Faults): CommandFields | undefined {
  const decoded = decodeCommand(body, [], faults);
  if (!isObject(body)) return undefined;
  const isReport = verb !== "cancel" && verb !== "pause" && verb !== "resume";
  if (isReport) fieldFaults(body, verb, faults);
  for (const key of isReport ? ["reason"] : Object.keys(fields))
    if (isThere(body[key])) faults.add([key], "conflict", `says nothing with ${verb}`);
  if (!decoded || !faults.none) return undefined;
  const { attempt, reason } = decoded;
  return {
    fields: withoutNulls(decoded, "attempt", "reason"),
    ...(attempt === undefined || attempt === null ? {} : { attempt }),
    ...reasonIn(reason),
  };
}

/** What fields may not say together; `verb` undefined: the status is at fault already. */
function fieldFaults(body: Record<string, unknown>, verb: Report["verb"] | undefined, faults: Faults): void {
  if (verb === "fail" && !isThere(body.failure_reason))
    faults.add(["failure_reason"], "required", "is required with status Failure");
  if (verb !== "update" && body.run_at !== undefined)
    faults.add(["run_at"], "conflict", "must not be given with a report that the task has ended");
  if ((verb === "succeed" || verb === "update") && isThere(body.failure_reason))
    faults.add(["failure_reason"], "conflict", "must be given with status Failure or Skipped alone");
  sizeFault(body.metadata, ["metadata"], faults, metadataBytesMax);
  sizeFault(body.result, ["result"], faults, resultBytesMax);
}

function withoutNulls(sent: Record<string, unknown>, ...except: string[]): Fields {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(sent)) {
    if (!except.includes(key) && value !== undefined && (value !== null || key === "run_at")) kept[key] = value;
  }
  return kept as Fields;
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
