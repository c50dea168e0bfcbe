// Every route there is, taken from the OpenAPI document, under every kind of token. A new route fails here until it is listed
// with the right that it needs.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { refused } from "#test/refused";
import { fakeServer } from "./fakes.ts";

const rights = {
  open: ["GET /health", "GET /ready", "GET /view", "GET /docs", "GET /llms.txt", "GET /"],
  read: [
    ...["GET /metrics", "GET /openapi.json", "GET /asyncapi.json", "GET /whoami"],
    ...["GET /task", "GET /task/{id}", "GET /task/{id}/events", "GET /batch/{id}", "GET /batches", "GET /dag/{id}"],
    ...["GET /webhook-deliveries", "GET /webhook-deliveries/{id}", "GET /events", "GET /circuits"],
    ...[
      "GET /workers",
      "GET /dead-letters",
      "GET /limits",
      "GET /receivers",
      "GET /search",
      "GET /task/{id}/attempts",
      "GET /overview",
      "GET /schedules",
      "GET /schedules/{name}",
    ],
    ...["GET /bulk", "GET /bulk/{id}"],
  ],
  submit: ["POST /task", "POST /batch/{id}/tasks", "POST /batch/{id}/close"],
  operate: [
    ...["PATCH /task/{id}", "PUT /task/{id}", "DELETE /task/{id}", "PATCH /task/pause/{id}", "PATCH /task/resume/{id}"],
    ...["POST /task/{id}/override", "POST /task/{id}/tasks"],
    ...["DELETE /batch/{id}", "POST /batch/{id}/pause", "POST /batch/{id}/resume", "POST /batch/{id}/rerun"],
    ...["PATCH /batch/{id}/rules", "POST /webhook-deliveries/{id}/replay", "POST /webhook-deliveries/replay"],
    ...["POST /dead-letters/{id}/replay", "POST /bulk", "DELETE /bulk/{id}"],
    "GET /batch/{id}/definition",
    ...["PUT /schedules/{name}", "DELETE /schedules/{name}", "POST /schedules/{name}/run"],
    ...["POST /schedules/{name}/pause", "POST /schedules/{name}/resume"],
  ],
} as const;
type Right = keyof typeof rights;
const ranks: Record<string, number> = { open: 0, read: 1, submit: 2, operate: 3 };

const hash = (token: string) => createHash("sha256").update(token).digest("hex");
const named = ["read", "submit", "operate"].map((role) => `${role}-name:${role}:${hash(`${role}-token`)}`).join(",");
const { app } = await fakeServer({ AUTH_TOKENS: named });
const headers = { authorization: "Bearer read-token" };
const { paths } = (await app.inject({ url: "/openapi.json", headers })).json();
const routes = Object.entries(paths as Record<string, object>).flatMap(([path, item]) =>
  Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
);

it("lists every route, each once", () => {
  expect(Object.values(rights).flat().toSorted()).toEqual(routes.toSorted());
});

const cells = (Object.keys(rights) as Right[]).flatMap((right) =>
  rights[right].flatMap((route) =>
    [undefined, "wrong", "read", "submit", "operate"].map((token) => {
      const enough = right === "open" || (ranks[token ?? ""] ?? -1) >= (ranks[right] as number);
      const known = token !== undefined && token !== "wrong";
      return { route, token: token ?? "no", expected: enough ? "let in" : known ? 403 : 401 };
    }),
  ),
);

it.each(cells)("$route with $token token: $expected", async ({ route, token, expected }) => {
  const [method, path] = route.split(" ") as ["GET" | "POST" | "PUT" | "PATCH" | "DELETE", string];
  const answer = await app.inject({
    ...{ method, url: path.replace("{id}", "019b0000-0000-7000-8000-00000000000a") },
    headers: token === "no" ? {} : { authorization: `Bearer ${token}-token` },
  });
  const status = answer.statusCode;
  expect(status === 401 || status === 403 ? status : "let in").toBe(expected);
  if (expected !== "let in")
    expect(answer.json()).toEqual(refused(status === 401 ? "unauthorized" : "forbidden", expect.any(String)));
  expect(answer.headers["www-authenticate"]).toBe(expected === 401 ? "Bearer" : undefined);
});

it.each([
  ["read", true, "let in"],
  ["submit", true, "let in"],
  ["read", false, 403],
  ["submit", undefined, 403],
  ["operate", undefined, "let in"],
] as const)("POST /bulk with a %s token and dry_run %s: %s", async (token, dryRun, expected) => {
  const { statusCode } = await app.inject({
    ...{ method: "POST", url: "/bulk", payload: { action: "cancel", tasks: { kind: "" }, dry_run: dryRun } },
    headers: { authorization: `Bearer ${token}-token` },
  });
  expect(statusCode === 403 ? 403 : "let in").toBe(expected);
});
