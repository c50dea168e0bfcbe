// The OpenAPI 3.1 document, made from the documentation that every route carries: a route cannot be left out.
// Throws at start when a route has none.
import type { FastifyInstance, RouteOptions } from "fastify";
import type { Params } from "#http/query";
import type { Right, RouteDoc } from "#http/route";
import { shapes } from "#http/shapes";

type Json = Record<string, unknown>;

/** Filled as routes are registered. Routes of plugins (the pages of /docs) are not part of the API. */
export function documentRoutes(app: FastifyInstance, version: string): Json {
  const paths: Record<string, Json> = {};
  const document = {
    openapi: "3.1.0",
    info: { ...info, version },
    tags,
    paths,
    components,
    security: [{}, { token: [] }],
  };
  app.addHook("onRoute", (route) => {
    const methods = [route.method].flat().filter((method) => method !== "HEAD");
    if (methods.length === 0 || route.url === "/docs" || route.url.startsWith("/docs/")) return;
    const { doc, right = "read" } = route.config ?? {};
    if (!doc) throw new Error(`${methods} ${route.url} has no documentation`);
    const path = route.url.replace(/:(\w+)/g, "{$1}");
    const item = paths[path] ?? {};
    paths[path] = item;
    for (const method of methods) item[method.toLowerCase()] = operation(route, doc, right);
  });
  return document;
}

const info = {
  title: "Baton",
  description:
    "Runs DAGs of your tasks: posts a batch, calls your services, takes their reports. `null` for an optional field means left out; times are RFC 3339 in UTC with milliseconds; nothing is coerced.",
};
const tags = [
  { name: "tasks", description: "Creating, reading and reporting tasks." },
  { name: "batches", description: "The tasks of one call, as a whole." },
  { name: "deliveries", description: "Notifications that Baton sends." },
  { name: "system", description: "The process itself." },
];
const components = { schemas: shapes, securitySchemes: { token: { type: "http", scheme: "bearer" } } };

const guarded: RouteDoc["answers"] = {
  401: "A token is needed (where AUTH_TOKEN or AUTH_TOKENS is set).",
  403: "The token's role does not allow this.",
};
const common: RouteDoc["answers"] = {
  ...guarded,
  503: "Postgres cannot be reached: repeat the call after Retry-After.",
};

/** Every call may be sent a body, also one that needs none; then it has to be JSON. */
const withBody: RouteDoc["answers"] = {
  400: "The body is malformed.",
  413: "The body is larger than PAYLOAD_MAX_BYTES.",
  415: "The body is not application/json.",
};

const withKey: RouteDoc["answers"] = { 422: "The Idempotency-Key was used with another request." };

function generalAnswers(route: RouteOptions, doc: RouteDoc, right: Right): RouteDoc["answers"] {
  if (right === "open") return {};
  if (doc.tag === "system") return guarded;
  return route.method === "GET" ? common : { ...common, ...withBody };
}

function operation(route: RouteOptions, doc: RouteDoc, right: Right): Json {
  const ids = [...route.url.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", format: "uuid" },
  }));
  const key = doc.keyed
    ? [
        {
          name: "Idempotency-Key",
          in: "header",
          description: "A repetition with the same key counts once and gets the first answer; kept 24 h.",
          schema: { type: "string", maxLength: 255 },
        },
      ]
    : [];
  const answers = { ...generalAnswers(route, doc, right), ...(doc.keyed ? withKey : {}), ...doc.answers };
  return {
    tags: [doc.tag],
    summary: doc.summary,
    operationId: operationId(route),
    ...(right === "open" ? { security: [] } : {}),
    ...describing(doc.description, right === "open" ? undefined : `Needs the right to ${right}.`),
    parameters: [...ids, ...parametersOf(doc.query ?? {}), ...key],
    ...(doc.body ? { requestBody: { required: true, content: { "application/json": { schema: doc.body } } } } : {}),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
  };
}

function describing(...parts: readonly (string | undefined)[]): { description?: string } {
  const said = parts.filter((part) => part !== undefined);
  return said.length === 0 ? {} : { description: said.join("\n\n") };
}

function operationId({ method, url }: RouteOptions): string {
  const words = url
    .split("/")
    .filter((part) => part !== "")
    .map((part) => part.replace(/^:/, "by-").replace(/\W/g, "-"));
  return [String(method).toLowerCase(), ...words].join("-");
}

function parametersOf(params: Params): Json[] {
  return Object.entries(params).map(([name, { what, schema }]) => ({ name, in: "query", description: what, schema }));
}

const error = { $ref: "#/components/schemas/Error" };

function answerOf(answer: RouteDoc["answers"][number]): Json {
  const {
    what,
    schema,
    type = "application/json",
    headers = {},
  } = typeof answer === "string" ? { what: answer, schema: error } : answer;
  const described = Object.entries(headers).map(([name, description]) => [
    name,
    { description, schema: { type: "string" } },
  ]);
  return {
    description: what,
    ...(described.length > 0 ? { headers: Object.fromEntries(described) } : {}),
    ...(schema ? { content: { [type]: { schema } } } : {}),
  };
}
