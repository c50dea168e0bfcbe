// The document describes every route there is, refers to nothing that is missing, and the pages that show it answer.
import { expect, it } from "vitest";
import { fakeServer } from "./fakes.ts";

const { app } = await fakeServer({ CORS_ORIGINS: "https://app.example.com" });
const document = (await app.inject("/openapi.json")).json();

it("names every route of the API, with its errors", () => {
  const routes = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item as object).map((method) => `${method} ${path}`),
  );
  expect(routes.sort()).toEqual(
    [
      "get /health",
      "get /ready",
      "get /metrics",
      "get /openapi.json",
      "get /view",
      "post /task",
      "get /task",
      "get /task/{id}",
      "patch /task/{id}",
      "put /task/{id}",
      "delete /task/{id}",
      "patch /task/pause/{id}",
      "patch /task/resume/{id}",
      "get /task/{id}/events",
      "get /batch/{id}",
      "delete /batch/{id}",
      "post /batch/{id}/pause",
      "post /batch/{id}/resume",
      "post /batch/{id}/rerun",
      "patch /batch/{id}/rules",
      "get /batches",
      "get /dag/{id}",
      "get /webhook-deliveries",
      "get /webhook-deliveries/{id}",
      "post /webhook-deliveries/{id}/replay",
      "post /webhook-deliveries/replay",
      "get /events",
      "get /circuits",
    ].sort(),
  );
  const patch = document.paths["/task/{id}"].patch;
  expect(Object.keys(patch.responses)).toEqual(["200", "400", "401", "403", "404", "409", "413", "415", "422", "503"]);
  expect(document.openapi).toBe("3.1.0");
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

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
const operations = Object.entries(document.paths as Record<string, Record<string, { responses: object }>>).flatMap(
  ([path, item]) =>
    Object.entries(item).map(([method, { responses }]) => ({
      method: method.toUpperCase() as Method,
      path,
      responses,
    })),
);

it.each(operations)(
  "documents every answer of $method $path that a wrong request gets",
  async ({ method, path, responses }) => {
    const { app: small } = await fakeServer({ PAYLOAD_MAX_BYTES: "1000", AUTH_TOKEN: "master" });
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
  const { NewTask, TaskPatch } = document.components.schemas;
  expect(NewTask.properties.timeout).toEqual({ type: "integer", minimum: 1, maximum: 86_400 });
  expect([NewTask.required, NewTask.additionalProperties]).toEqual([["id", "name", "kind"], false]);
  expect(TaskPatch.properties.priority).toEqual({ type: "integer", minimum: -1000, maximum: 1000 });
});

it("is shown at /docs, and /view says what runs", async () => {
  expect([(await app.inject("/docs")).statusCode, (await app.inject("/docs/json")).json().info.title]).toEqual([
    200,
    "Baton",
  ]);
  const view = await app.inject("/view");
  expect([view.statusCode, view.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  expect(view.body).toContain('href="docs"');
});

it("answers HEAD as GET, without a body", async () => {
  const head = await app.inject({ method: "HEAD", url: "/openapi.json" });
  expect([head.statusCode, head.body]).toEqual([200, ""]);
});

it("lets the configured origin in, and no other", async () => {
  const ask = (origin: string) => app.inject({ url: "/health", headers: { origin } });
  expect((await ask("https://app.example.com")).headers["access-control-allow-origin"]).toBe("https://app.example.com");
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
