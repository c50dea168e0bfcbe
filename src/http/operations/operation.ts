// What an operation of the API is, as data: routes, rights, validators, OpenAPI, types and pages are made from it.
// Nothing about an operation is said anywhere else.
import type * as Schema from "effect/Schema";
import type { ErrorCode } from "#domain/errors";
import type { Faults } from "#domain/faults";
import { goingOn } from "#domain/schema/answers/batch";
import type { Params } from "#http/query";

/** What a token has to allow; `open` needs none. */
export type Right = "open" | "read" | "submit" | "operate";
export type Method = "get" | "post" | "put" | "patch" | "delete";
export type Tag = "tasks" | "batches" | "schedules" | "deliveries" | "operators" | "system";

/** What a call takes as its body. */
export interface Body<T> {
  readonly schema: Schema.Top;
  /** Undefined when there were faults. Left out where reading needs more than the body. */
  readonly read?: (body: unknown, faults: Faults) => T | undefined;
  /** A bare array stands for the member `tasks`, and paths of faults say so. */
  readonly bareTasks?: true;
  /** It may be left out. */
  readonly optional?: true;
  /** One over `limits.largeBodyBytes` is handed on as bytes: another thread parses it. */
  readonly large?: true;
  readonly example: unknown;
}

export interface Answer {
  readonly what: string;
  readonly schema?: Schema.Top;
  /** Of a list of these. */
  readonly listOf?: Schema.Top;
  /** `application/json` if left out. */
  readonly type?: string;
  /** Where there is no schema to make one of. */
  readonly example?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error code; with a status where it is not the first of its statuses. `what`: more than the code says. */
export type Refusal = ErrorCode | { readonly code: ErrorCode; readonly status?: number; readonly what?: string };

export interface Operation<P extends Params = Params, T = unknown> {
  readonly method: Method;
  /** With names in braces: `/task/{id}`. An `{id}` is a UUID, a `{name}` that of a schedule. */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  /** What a line cannot say, in Markdown. */
  readonly description?: string;
  readonly right: Right;
  /** What a body with `dry_run` needs instead; `right` is `operate` then. */
  readonly rehearsalRight?: Right;
  /** A signed handle of the task in the path is as good as a token. */
  readonly byHandle?: true;
  /** Others are refused, but on the pages of the process itself. */
  readonly query?: P;
  /** Request headers that are read as parameters are; others are not looked at. */
  readonly headers?: Params;
  readonly body?: Body<T>;
  /** Takes an `Idempotency-Key`. */
  readonly keyed?: true;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those that every operation of its sort has. */
  readonly refusals?: readonly Refusal[];
  /** The schema of error answers of a status, where it says more than `Error`. */
  readonly refusalSchemas?: Readonly<Record<number, Schema.Top>>;
}

/** Of calls that give tasks their rules, or other metadata. */
export const warningHeader = {
  "Baton-Warning": "What is sound and surely not meant, percent-encoded; one line each, at most 10.",
};

/** Keeps the types of the parameters and of the body. */
export const operation = <P extends Params = Record<never, never>, T = undefined>(
  row: Operation<P, T>,
): Operation<P, T> => row;

/** The answer where what follows from a command takes over 10 s: the same, and that it goes on. */
export const propagating = <Fields extends Schema.Struct.Fields>(
  name: string,
  { fields }: { readonly fields: Fields },
  headers?: Answer["headers"],
): Answer => ({
  what: "The same, known so far: the command is committed, and what follows from it takes over 10 s.",
  schema: propagatingOf(name, fields),
  ...(headers === undefined ? {} : { headers }),
});

const propagatings = new Map<string, Schema.Top>();

/** One for each name: several operations give the same answer, and clients know one type of it. */
function propagatingOf(name: string, fields: Schema.Struct.Fields): Schema.Top {
  const schema = propagatings.get(name) ?? goingOn(name, fields);
  propagatings.set(name, schema);
  return schema;
}

/** Of every operation: what comes of a token, of a body, of a key, of the servers behind. */
export function refusalsOf(op: Operation): readonly Refusal[] {
  const own = op.refusals ?? [];
  const known = new Set(own.map(codeOf));
  const common = commonRefusals(op).filter((code) => !known.has(code));
  return [...common, ...own];
}

function commonRefusals(op: Operation): ErrorCode[] {
  const codes: ErrorCode[] = [];
  if (op.path.includes("{id}")) codes.push("invalid_id");
  if (op.right !== "open") codes.push("validation_failed", "unauthorized", "forbidden");
  if (op.method !== "get") codes.push("malformed_json", "body_too_large", "unsupported_media_type");
  if (op.keyed) codes.push("key_reused");
  if (op.tag !== "system") codes.push("unavailable");
  return codes;
}

export const codeOf = (refusal: Refusal): ErrorCode => (typeof refusal === "string" ? refusal : refusal.code);
