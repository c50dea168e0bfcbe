// What every route has in common: it is a row of the table of operations, by which its path, its right, its parameters and
// its body are read before its handler is called; and how it sends its answer.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { CommandPublisher } from "#bus/commands/publisher";
import type { NextEvent } from "#bus/events";
import type { Config } from "#config";
import type { Policy } from "#domain/calls/guard";
import { Invalid } from "#domain/errors";
import { Faults, quoted } from "#domain/faults";
import { scheduleName } from "#domain/schema/text";
import { emptyJson } from "#domain/values/json";
import type { Console } from "#http/console/files";
import type { Site } from "#http/docs/site";
import type { Operation } from "#http/operations/operation";
import { type Params, readHeaders, readQuery, type Values } from "#http/query";
import { noteRefused } from "#http/refused";
import type { LargeCalls } from "#intake/large/calls";
import { type Reply, refusal } from "#intake/reply";
import { idOf, isNothing, readKey } from "#intake/sent";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";

export interface Deps {
  readonly config: Config;
  /** Which receivers actions may name. */
  readonly policy: Policy;
  readonly db: Db;
  readonly commands: CommandPublisher;
  readonly nextEvent: NextEvent;
  /** Deals with bodies that would hold up all other calls. */
  readonly large: LargeCalls;
  readonly console: Console;
  readonly site: Site;
  readonly log: Logger;
}

declare module "fastify" {
  interface FastifyContextConfig {
    readonly operation?: Operation;
  }
}

/** A call as its handler gets it: everything that the table says of it holds. */
export interface Call<P extends Params, T> {
  /** From the path, in lower case; empty where the path has none. */
  readonly id: string;
  /** The same of a name. */
  readonly name: string;
  readonly query: Values<P>;
  /** By the names of the table. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: T;
  /** The client's own key for this request. */
  readonly key: string | undefined;
  /** Of query and headers; empty, except where the body is read by the handler, which adds its own. */
  readonly faults: Faults;
  readonly request: FastifyRequest;
}

/** Registers the route of an operation. */
export function route<P extends Params, T>(
  app: FastifyInstance,
  op: Operation<P, T>,
  handler: (call: Call<P, T>, out: FastifyReply) => Promise<unknown>,
): void {
  const config = { operation: op as unknown as Operation };
  app[op.method](op.path.replace(/\{(\w+)\}/g, ":$1"), { config }, async (request, out) =>
    isBeyond(op, request) ? send(out, notAllowed(request)) : handler(readCall(op, request), out),
  );
}

/** A caller who may only rehearse this asks for the thing itself. */
const isBeyond = ({ rehearsalRight }: Pick<Operation, "rehearsalRight">, { role, body }: FastifyRequest): boolean =>
  rehearsalRight !== undefined && role !== "operate" && !isRehearsing(body);

const isRehearsing = (sent: unknown): boolean => (sent as { readonly dry_run?: unknown } | null)?.dry_run === true;

/** The answer to a role that is too small. */
export const notAllowed = ({ role }: Pick<FastifyRequest, "role">): Reply =>
  refusal("forbidden", `The token's role, ${role}, does not allow this`);

function readCall<P extends Params, T>(op: Operation<P, T>, request: FastifyRequest): Call<P, T> {
  const { id: sent, name = "" } = request.params as { readonly id?: string; readonly name?: string };
  const id = sent === undefined ? "" : idOf(sent);
  const faults = request.bodyFaults ?? new Faults();
  if (op.path.includes("{name}") && !scheduleName.test(name))
    faults.addOutside(":name", "name", "invalid_format", `must be 1 to 100 of a-z, 0-9, _ and -, not ${quoted(name)}`);
  const isPage = op.tag === "system" && op.query === undefined;
  const query = isPage ? {} : readQuery(request.query, op.query ?? ({} as P), faults);
  const headers = op.headers ? readHeaders(request.headers, op.headers, faults) : {};
  // A rehearsal neither uses nor keeps a key.
  const isRehearsal = isRehearsing(query) || (op.rehearsalRight !== undefined && isRehearsing(request.body));
  const key =
    op.keyed && !isRehearsal ? readKey("Idempotency-Key", request.headers["idempotency-key"], faults) : undefined;
  const body = readBody(op, request.body, faults);
  if (op.method === "get" && !isPage && isSent(request)) faults.add([], "unknown_field", noBody);
  if (!faults.none && !(op.body && !op.body.read)) throw new Invalid("Validation failed", faults);
  return { id, name, query, headers, body: body as T, key, faults, request };
}

function readBody(
  { body: wanted, method }: Pick<Operation, "body" | "method">,
  sent: unknown,
  faults: Faults,
): unknown {
  if (wanted) {
    if (sent === undefined && !wanted.optional) throw emptyJson(faults);
    return wanted.read ? wanted.read(sent, faults) : sent;
  }
  if (method !== "get" && !isNothing(sent)) faults.add([], "unknown_field", noBody);
  return undefined;
}

const noBody = "this call takes no body";

/** Bodies of calls that read are not parsed. */
const isSent = ({ headers }: FastifyRequest): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

export function send(out: FastifyReply, answer: Reply): FastifyReply {
  const { status, headers, body } = answer;
  if (status >= 400) noteRefused(out, answer);
  out.code(status).headers(headers);
  return body === undefined ? out.send() : out.send(body);
}
