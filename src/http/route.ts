// What every route has in common: who may call it, how it is documented, how it reads its id and sends its answer.
// A route without documentation does not start: the OpenAPI document is made from these.
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Door } from "#bus/door";
import type { Config } from "#config";
import type { Answer } from "#domain/command";
import { Invalid, NotFound } from "#domain/errors";
import type { Policy } from "#domain/guard";
import { isKey, isUuid, mustBeKey } from "#domain/schema/text";
import { type Reply, reply } from "#http/errors";
import type { Params } from "#http/query";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";

export interface Deps {
  readonly config: Config;
  /** Which receivers actions may name. */
  readonly policy: Policy;
  readonly db: Db;
  readonly door: Door;
  readonly log: Logger;
}

/** What a token has to allow; `open` needs none. */
export type Right = "open" | "read" | "submit" | "operate";

type JsonSchema = Readonly<Record<string, unknown>>;

export interface RouteDoc {
  readonly summary: string;
  /** What a line cannot say, in Markdown. */
  readonly description?: string;
  readonly tag: "tasks" | "batches" | "deliveries" | "system";
  readonly query?: Params;
  readonly body?: JsonSchema;
  /** By HTTP status. A text alone is an answer in the common error form. */
  readonly answers: Readonly<
    Record<
      number,
      | string
      | {
          readonly what: string;
          readonly schema?: JsonSchema;
          readonly type?: string;
          readonly headers?: Readonly<Record<string, string>>;
        }
    >
  >;
  /** Takes an `Idempotency-Key` header. */
  readonly keyed?: boolean;
}

/** What whoever creates is told when there is too much to do. */
export const tooMany = {
  what: "As many tasks are unfinished as MAX_UNFINISHED_TASKS allows.",
  schema: { $ref: "#/components/schemas/Error" },
  headers: { "Retry-After": "Seconds until the call may be repeated." },
} as const;

declare module "fastify" {
  interface FastifyContextConfig {
    readonly right?: Right;
    readonly doc?: RouteDoc;
  }
}

/** The id in the path, in lower case. */
export function idOf(request: FastifyRequest): string {
  const { id } = request.params as { readonly id: string };
  if (!isUuid(id)) throw new Invalid("Invalid id", ["id: must be a UUID"]);
  return id.toLowerCase();
}

export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new NotFound(`No such ${what}`);
  return value;
}

/** The client's own key for this request. */
export const keyOf = (request: FastifyRequest): string | undefined =>
  readKey("Idempotency-Key", request.headers["idempotency-key"]);

/** The same from a header of any name. */
export function readKey(header: string, key: unknown): string | undefined {
  if (key === undefined) return undefined;
  if (!isKey(key)) throw new Invalid("Invalid header", [`${header}: ${mustBeKey}`]);
  return key;
}

export function send(out: FastifyReply, { status, headers, body }: Reply): FastifyReply {
  out.code(status).headers(headers);
  return body === undefined ? out.send() : out.send(body);
}

/** What the actor answered to a command about one task. */
export function replyToTask(answer: Answer): Reply {
  const { status, id, state, attempt, error, details = [], allowed = [] } = answer;
  if (status < 300) return reply(status, { id, status: state, attempt });
  if (status === 409) return reply(409, { error, current_status: state, allowed });
  if (status === 404) return reply(404, { error: error ?? "No such task", details });
  const headers: Record<string, string> = status === 503 ? { "retry-after": "1" } : {};
  return reply(status, { error, details }, headers);
}
