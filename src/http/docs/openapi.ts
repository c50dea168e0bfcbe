// The OpenAPI 3.1 document: the table of operations in another form.
import { type ErrorCode, errorCodes } from "#domain/errors";
import { ErrorAnswer } from "#domain/schema/answers/system";
import { exampleId, scheduleName } from "#domain/schema/text";
import { version } from "#domain/values/version";
import { components, exampleOf, type Json, refOf } from "#http/docs/components";
import { type Answer, codeOf, type Operation, type Refusal, refusalsOf } from "#http/operations/operation";
import { table } from "#http/operations/table";
import type { Params } from "#http/query";

let made: Json | undefined;

/** Made once, when it is first asked for. */
export function openApi(): Json {
  made ??= make();
  return made;
}

function make(): Json {
  const paths = pathsOf();
  return {
    openapi: "3.1.0",
    info,
    tags,
    paths,
    components: { schemas: namedIn(paths), securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{}, { token: [] }],
  };
}

/** The components that something of HTTP refers to, directly or through others; NATS has more. */
function namedIn(paths: Json): Json {
  const all = components();
  const named = new Set<string>();
  const visit = (json: unknown): void => {
    for (const [, name = ""] of JSON.stringify(json).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (named.has(name)) continue;
      named.add(name);
      visit(all[name]);
    }
  };
  visit(paths);
  return Object.fromEntries(Object.entries(all).filter(([name]) => named.has(name)));
}

const info = {
  title: "Baton",
  version,
  description:
    "Runs DAGs of your tasks: posts a batch, calls your services, takes their reports. `null` for an optional field means left out; times are RFC 3339 in UTC with milliseconds; nothing is coerced.",
};
const tags = [
  { name: "tasks", description: "Creating, reading and reporting tasks." },
  { name: "batches", description: "The tasks of one call, as a whole." },
  { name: "schedules", description: "Batches that are made again and again." },
  { name: "deliveries", description: "Notifications that Baton sends." },
  { name: "operators", description: "What runs, what waits, and for what." },
  { name: "system", description: "The process itself." },
];

function pathsOf(): Record<string, Json> {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, op] of table) {
    const item = paths[op.path] ?? {};
    paths[op.path] = item;
    item[op.method] = operationOf(id, op);
  }
  return paths;
}

function operationOf(id: string, op: Operation): Json {
  return {
    tags: [op.tag],
    summary: op.summary,
    operationId: id,
    ...(op.right === "open" ? { security: [] } : {}),
    description: [op.description, rightOf(op)].filter((part) => part !== undefined).join("\n\n"),
    parameters: parametersOf(op),
    ...(op.body
      ? { requestBody: { required: op.body.optional !== true, content: { "application/json": bodyOf(op.body) } } }
      : {}),
    responses: { ...mapValues(op.answers, answerOf), ...refusalAnswers(op) },
  };
}

function rightOf({ right, byHandle }: Operation): string {
  if (right === "open") return "Needs no token.";
  return `Needs the right to ${right}${byHandle ? ", or a signed handle of the task" : ""}.`;
}

const bodyOf = ({ schema, example }: NonNullable<Operation["body"]>): Json => ({ schema: refOf(schema), example });

const ofId = { description: "The id, a UUID.", schema: { type: "string", format: "uuid" }, example: exampleId };
const ofName = {
  description: "The name of the schedule.",
  schema: { type: "string", pattern: scheduleName.source },
  example: "nightly",
};
const keyHeader = {
  name: "Idempotency-Key",
  in: "header",
  description: "A repetition with the same key counts once and gets the first answer; kept 24 h.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
  example: "order-4711",
};

function parametersOf({ path, query = {}, headers = {}, keyed }: Operation): Json[] {
  const ids = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: "path", required: true, ...(name === "name" ? ofName : ofId) },
  }));
  return [...ids, ...paramsOf(query, "query"), ...paramsOf(headers, "header"), ...(keyed ? [keyHeader] : [])];
}

const paramsOf = (params: Params, place: "query" | "header"): Json[] =>
  Object.entries(params).map(([name, { what, schema, example }]) => ({
    ...{ name, in: place, description: what, schema, example },
  }));

function answerOf({ what, schema, listOf, type = "application/json", headers = {}, example: own }: Answer): Json {
  const shape = schema ? refOf(schema) : listOf ? { type: "array", items: refOf(listOf) } : undefined;
  const example = shape && exampleOf(shape, components());
  const other = type === "application/json" ? { type: "object" } : { type: "string" };
  const hasBody = shape !== undefined || own !== undefined;
  return {
    description: what,
    ...headersOf(headers),
    ...(hasBody
      ? {
          content: {
            [type]: shape ? { schema: shape, example } : { schema: other, example: own },
          },
        }
      : {}),
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Json {
  if (Object.keys(headers).length === 0) return {};
  return { headers: mapValues(headers, (description) => ({ description, schema: { type: "string" } })) };
}

/** One answer a status, which lists its codes; each code is an example. */
function refusalAnswers(op: Operation): Record<string, Json> {
  const byStatus = Map.groupBy(refusalsOf(op), statusOf);
  const answers = [...byStatus].toSorted(([a], [b]) => a - b);
  return Object.fromEntries(
    answers
      .filter(([status]) => !(status in op.answers))
      .map(([status, list]) => [status, refusalAnswer(op, status, list)]),
  );
}

export const statusOf = (refusal: Refusal): number =>
  (typeof refusal === "object" ? refusal.status : undefined) ?? errorCodes[codeOf(refusal)].statuses[0];

function refusalAnswer(op: Operation, status: number, refusals: readonly Refusal[]): Json {
  const shape = refOf(op.refusalSchemas?.[status] ?? ErrorAnswer);
  const usual = exampleOf(shape, components()) as Json;
  const examples = refusals.map(codeOf).map((code) => [code, { value: { ...usual, ...exampleFor(code) } }]);
  const waits = status === 429 || status === 503 || refusals.some((refusal) => codeOf(refusal) === "key_in_flight");
  return {
    description: refusals.map((refusal) => `\`${codeOf(refusal)}\`: ${whenOf(refusal)}`).join("\n\n"),
    ...headersOf({
      ...(waits ? { "Retry-After": "Seconds until the call may be repeated." } : {}),
      ...(status === 401 ? { "WWW-Authenticate": "Always `Bearer`." } : {}),
    }),
    content: { "application/json": { schema: shape, examples: Object.fromEntries(examples) } },
  };
}

const whenOf = (refusal: Refusal): string =>
  (typeof refusal === "object" ? refusal.what : undefined) ?? errorCodes[codeOf(refusal)].when;

function exampleFor(code: ErrorCode): Json {
  if (code === "validation_failed") return { code };
  return { error: errorCodes[code].when, code, details: [], faults: [] };
}

const mapValues = <V>(record: Readonly<Record<string | number, V>>, change: (value: V) => Json): Record<string, Json> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
