// The document describes every route there is, refers to nothing that is missing, and the pages that show it answer.
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, it } from "vitest";
import { table } from "#http/operations/table";
import { fakeServer } from "../fakes.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
interface Operation {
  readonly operationId: string;
  readonly description: string;
  readonly parameters: readonly { readonly name: string; readonly description?: string; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object; readonly example: unknown }> };
  readonly responses: Record<
    string,
    {
      readonly content?: Record<
        string,
        { readonly schema: object; readonly example?: unknown; readonly examples?: Record<string, { value: unknown }> }
      >;
    }
  >;
}

const { app } = await fakeServer({ CORS_ORIGINS: "https://app.example.com" });
const document = (await app.inject("/openapi.json")).json();
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    method: method.toUpperCase() as Method,
    path,
    operation,
    responses: operation.responses,
  })),
);

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ ...document, $id: "api" });
/** Of a schema of the document, whose references it can follow. */
const validator = (schema: object) =>
  ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components')));

it("is taken by a validator of OpenAPI", async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  const broken = structuredClone(document);
  delete broken.info.title;
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

it("is OpenAPI 3.1 and names every operation once", () => {
  expect(document.openapi).toBe("3.1.0");
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids)).toEqual(new Set(table.map(([id]) => id)));
  expect(ids).toHaveLength(table.length);
});

it("lists the errors of a call by status, with their codes", () => {
  const patch = document.paths["/task/{id}"].patch;
  expect(Object.keys(patch.responses)).toEqual("200 202 400 401 403 404 409 413 415 422 503".split(" "));
  const { description, content } = patch.responses[409];
  expect(description).toMatch(/^`not_in_this_state`: .*\n\n`wrong_attempt`: /);
  expect(Object.keys(content["application/json"].examples)).toEqual(["not_in_this_state", "wrong_attempt"]);
});

it("says that a creation takes a key, and what becomes of it", () => {
  const { parameters, responses } = document.paths["/task"].post;
  expect(parameters.map(({ name }: { name: string }) => name)).toEqual(["dry_run", "Idempotency-Key"]);
  expect(Object.keys(responses)).toEqual([
    ...["200", "201", "204", "400", "401", "403", "409", "413", "415", "422", "429", "503"],
  ]);
  expect(responses[409].headers).toHaveProperty("Retry-After");
  expect(responses[429].headers).toHaveProperty("Retry-After");
});

const { app: small } = await fakeServer({ PAYLOAD_MAX_BYTES: "1000", AUTH_TOKEN: "master" });

it.each(operations)(
  "documents every answer of $method $path that a wrong request gets",
  async ({ method, path, responses }) => {
    const json = { "content-type": "application/json", authorization: "Bearer master" };
    const ask = async (id: string, payload?: string, headers: Record<string, string> = json) =>
      (
        await small.inject({
          ...{ method, url: path.replace("{id}", id), headers },
          ...(payload === undefined ? {} : { payload }),
        })
      ).statusCode;
    const id = "019b0000-0000-7000-8000-00000000000a";
    const got: Record<string, number> = {};
    if (method !== "GET") {
      got.large = await ask(id, `"${"x".repeat(2_000)}"`);
      got.text = await ask(id, "{}", { ...json, "content-type": "text/plain" });
      got.malformed = await ask(id, "{");
      expect([got.large, got.text, got.malformed]).toEqual([413, 415, 400]);
      got.number = await ask(id, "7");
      got.empty = await ask(id, "{}");
    }
    if (path.includes("{id}")) got.id = await ask("7", method === "GET" ? undefined : "{}");
    // A stream, which does not end, is no wrong request.
    if (path !== "/events") got.plain = await ask(id, undefined, { authorization: "Bearer master" });
    got.stranger = await ask(id, undefined, {});
    for (const [what, status] of Object.entries(got))
      expect(Object.keys(responses), `${what}: ${status}`).toContain(String(status));
  },
);

it("refers to nothing that is missing", () => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(refs.length).toBeGreaterThan(20);
  for (const name of refs) expect(document.components.schemas).toHaveProperty(name as string);
});

it("says of requests what the decoders hold to", () => {
  const { TaskInput, TaskPatch } = document.components.schemas;
  expect(TaskInput.properties.timeout).toMatchObject({ type: "integer", minimum: 1, maximum: 31_536_000, default: 60 });
  expect([TaskInput.required, TaskInput.additionalProperties]).toEqual([["id", "name", "kind"], false]);
  expect(TaskPatch.properties.priority).toMatchObject({ type: "integer", minimum: -1000, maximum: 1000 });
  expect(JSON.stringify(document)).not.toMatch(/Concurency|concurency|"hidden"/);
});

type Schema = {
  [key: string]: unknown;
  properties?: Record<string, Schema>;
  description?: string;
  examples?: unknown[];
};
const schemas = document.components.schemas as Record<string, Schema>;

/** Every object with properties, with the place where it stands. */
function objectsIn(schema: unknown, at: string): { at: string; properties: Record<string, Schema> }[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties } = schema as Schema;
  const inner = Object.entries(schema).flatMap(([key, value]) =>
    ["examples", "default"].includes(key) ? [] : objectsIn(value, `${at}/${key}`),
  );
  return properties !== undefined && at.split("/").at(-1) !== "properties" ? [{ at, properties }, ...inner] : inner;
}

it.each(Object.entries(schemas))(
  "%s is described, with every property and an example of each that fits",
  (name, schema) => {
    expect(schema.description).toMatch(/\S/);
    for (const { at, properties } of objectsIn(schema, name)) {
      for (const [key, property] of Object.entries(properties)) {
        expect(property.description, `${at}/${key}`).toMatch(/^[A-Z0-9`].*[.:)]$/s);
        expect(property.examples, `${at}/${key}`).toHaveLength(1);
        const check = validator(property);
        expect(check(property.examples?.[0]), `${at}/${key}: ${JSON.stringify(check.errors)}`).toBe(true);
        if ("default" in property) expect(check(property.default), `${at}/${key} default`).toBe(true);
      }
    }
  },
);

it.each(operations)("$method $path has a description, and examples that its schemas take", ({ operation }) => {
  expect(operation.description).toMatch(/\S/);
  for (const { name, description, example } of operation.parameters) {
    expect([name, typeof description, example === undefined]).toEqual([name, "string", false]);
  }
  const bodies = [operation.requestBody, ...Object.values(operation.responses)];
  for (const { schema, example, examples } of bodies.flatMap((body) => Object.values(body?.content ?? {}))) {
    if (!("$ref" in schema) && !("items" in schema)) continue;
    const given = examples ? Object.values(examples).map((one) => (one as { value: unknown }).value) : [example];
    const check = validator(schema);
    for (const value of given) expect(check(value), JSON.stringify(check.errors)).toBe(true);
  }
});

it.each(operations)("$method $path has an example of what it takes or gives", ({ operation }) => {
  const bodies = [operation.requestBody, ...Object.values(operation.responses)] as {
    content?: Record<string, object>;
  }[];
  const contents = bodies.flatMap((body) => Object.values(body?.content ?? {}));
  for (const content of contents) expect("example" in content || "examples" in content).toBe(true);
  // What has neither body nor answer is a 303 or a 204.
  const empty = Object.keys(operation.responses).some((status) => ["204", "303"].includes(status));
  expect(contents.length > 0 || empty).toBe(true);
});

it("answers HEAD as GET, without a body", async () => {
  const head = await app.inject({ method: "HEAD", url: "/openapi.json" });
  expect([head.statusCode, head.body]).toEqual([200, ""]);
});

it("lets the configured origin in, and no other", async () => {
  const ask = (origin: string) => app.inject({ url: "/health", headers: { origin } });
  const { headers } = await ask("https://app.example.com");
  expect(headers["access-control-allow-origin"]).toBe("https://app.example.com");
  expect(headers["access-control-expose-headers"]).toBe(
    "Link, Baton-Warning, Baton-Deduplicated, X-Batch-ID, Retry-After",
  );
  expect((await ask("https://evil.example.com")).headers).not.toHaveProperty("access-control-allow-origin");
  const preflight = await app.inject({
    method: "OPTIONS",
    url: "/task",
    headers: { origin: "https://app.example.com", "access-control-request-method": "POST" },
  });
  expect([preflight.statusCode, preflight.headers["access-control-allow-methods"]]).toEqual([
    204,
    expect.stringContaining("PATCH"),
  ]);
});
