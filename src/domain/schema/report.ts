// What PATCH, PUT and the NATS commands may say about a task: shapes, and what they may not say together.
// Pure; lists every fault. Whether the task accepts it is for its machine to say.
import * as Schema from "effect/Schema";
import type { Fields } from "#domain/command";
import { decoder, type Faults, sizeFault } from "#domain/schema/decode";
import {
  any,
  anyObject,
  count,
  int,
  metadataBytesMax,
  name,
  opt,
  priority,
  resultBytesMax,
  update,
} from "#domain/schema/text";

/** A reason may be a whole stack trace. */
const reason = name(65_536);

export const fields = {
  new_success: opt(update),
  new_failures: opt(update),
  failure_reason: opt(reason),
  metadata: opt(anyObject),
  expected_count: opt(count),
  priority: opt(priority),
  result: opt(any),
};

/** Body of PATCH /task/{id}. */
export const Patch = Schema.Struct({ status: opt(Schema.Literals(["Success", "Failure"])), ...fields });
/** Body of PUT /task/{id}. */
export const Put = Schema.Struct({ new_success: opt(update), new_failures: opt(update) });
/** Payload of `baton.task.<id>.<verb>`: the PATCH fields without the status, which is the verb. */
export const Command = Schema.Struct({ ...fields, attempt: opt(int(0, 2 ** 31 - 1)) });

const decodePatch = decoder(Patch);
const decodePut = decoder(Put);
const decodeCommand = decoder(Command);

export interface Report {
  readonly verb: "succeed" | "fail" | "update";
  readonly fields: Fields;
}

export function readPatch(body: unknown, faults: Faults): Report | undefined {
  const sent = decodePatch(body, "", faults);
  if (isObject(body)) {
    const status = body.status ?? undefined;
    const verb = status === "Success" ? "succeed" : status === "Failure" ? "fail" : "update";
    fieldFaults(body, status === undefined || verb !== "update" ? verb : undefined, faults);
    if (sent && faults.none) return { verb, fields: withoutNulls(sent, "status") };
  }
  return undefined;
}

export interface Counts {
  readonly success: number;
  readonly failures: number;
}

export function readPut(body: unknown, faults: Faults): Counts | undefined {
  const sent = decodePut(body, "", faults);
  if (!isObject(body)) return undefined;
  const counts = { success: sent?.new_success ?? 0, failures: sent?.new_failures ?? 0 };
  if (sent && counts.success === 0 && counts.failures === 0)
    faults.add("", "must count something: new_success or new_failures above 0");
  return faults.none ? counts : undefined;
}

/** The payload of a NATS command; an empty one is `{}`. */
export function readCommand(
  verb: "succeed" | "fail" | "update" | "cancel" | "pause" | "resume",
  body: unknown,
  faults: Faults,
): { readonly fields: Fields; readonly attempt?: number } | undefined {
  const sent = decodeCommand(body, "", faults);
  if (!isObject(body)) return undefined;
  if (verb === "succeed" || verb === "fail" || verb === "update") fieldFaults(body, verb, faults);
  else
    for (const key of Object.keys(fields))
      if (isThere(body[key]) && !(verb === "cancel" && key === "failure_reason"))
        faults.add(key, `says nothing with ${verb}`);
  if (!sent || !faults.none) return undefined;
  const { attempt } = sent;
  return { fields: withoutNulls(sent, "attempt"), ...(attempt === undefined || attempt === null ? {} : { attempt }) };
}

/** What fields may not say together; `verb` undefined: the status is at fault already. */
function fieldFaults(body: Record<string, unknown>, verb: Report["verb"] | undefined, faults: Faults): void {
  if (verb === "fail" && !isThere(body.failure_reason)) faults.add("failure_reason", "is required with status Failure");
  if (verb === "succeed" && isThere(body.failure_reason))
    faults.add("failure_reason", "must not be given with Success");
  if (verb === "update" && !changesSomething(body)) faults.add("", "must change something");
  sizeFault(body.metadata, "metadata", faults, metadataBytesMax);
  sizeFault(body.result, "result", faults, resultBytesMax);
}

function changesSomething(body: Record<string, unknown>): boolean {
  const counts = [body.new_success, body.new_failures].some((n) => isThere(n) && n !== 0);
  return (
    counts || ["metadata", "expected_count", "priority", "result", "failure_reason"].some((key) => isThere(body[key]))
  );
}

function withoutNulls(sent: Record<string, unknown>, except: string): Fields {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(sent)) {
    if (key !== except && value !== null && value !== undefined) kept[key] = value;
  }
  return kept as Fields;
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
