// The table of operations against the server: each row is served and nothing else is, and what a row says of refusals holds.
import { expect, it } from "vitest";
import { errorCodes } from "#domain/errors";
import { statusOf } from "#http/docs/openapi";
import { refusalsOf } from "#http/operations/operation";
import { methodsAt, operations, table } from "#http/operations/table";
import { refused } from "#test/refused";
import { fakeServer } from "../fakes.ts";

const { app, state } = await fakeServer();
const id = "019b0000-0000-7000-8000-00000000000a";

it("has a row for each route of the server, and a route for each row", () => {
  const listed = table.map(([, { method, path }]) => `${method.toUpperCase()} ${path}`);
  // Pages are no operations: what lies below /docs and /view.
  // One line a path: the segment, and the methods behind it in brackets.
  const paths: string[] = [];
  const routes: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split("\n")) {
    const [, indent = "", segment = "", methods] = /^([│ ]*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    if (segment === "") continue;
    paths.length = indent.length / 4;
    const path = `${paths.join("")}${segment.replace(/ .*/, "")}`;
    paths.push(segment.replace(/ .*/, ""));
    for (const method of (methods ?? "").split(", ")) if (method) routes.push(`${method} ${path}`);
  }
  const own = routes
    .map((route) => route.replace(/:(\w+)/g, "{$1}"))
    .filter((route) => !route.startsWith("HEAD ") && !/\/(docs|view)[/*]/.test(route));
  expect(new Set(own)).toEqual(new Set(listed));
});

it("names operations by verbs, each once", () => {
  for (const [name] of table)
    expect(name).toMatch(
      /^(add|cancel|close|create|delete|follow|get|list|override|patch|pause|put|replay|rerun|resume|search|run|set|stop)([A-Z]|$)/,
    );
  const calls = table.map(([, { method, path }]) => `${method} ${path}`);
  expect(new Set(calls).size).toBe(calls.length);
});

it.each(table)("%s refuses by codes that have the status", (_name, op) => {
  for (const refusal of refusalsOf(op)) {
    const code = typeof refusal === "string" ? refusal : refusal.code;
    expect(errorCodes[code].statuses as readonly number[]).toContain(statusOf(refusal));
  }
});

it.each([
  ["/task", "GET, HEAD, POST", ["PATCH", "PUT", "DELETE"]],
  [`/task/${id}`, "GET, HEAD, PATCH, PUT, DELETE", ["POST"]],
  [`/batch/${id}/pause`, "POST", ["GET", "PATCH"]],
  ["/health", "GET, HEAD", ["POST"]],
] as const)("another method of %s is 405 and names %s", async (url, allow, methods) => {
  for (const method of methods) {
    const answer = await app.inject({ method, url, headers: { "content-type": "application/json" }, payload: "{" });
    expect([answer.statusCode, new Set(String(answer.headers.allow).split(", "))]).toEqual([
      405,
      new Set(allow.split(", ")),
    ]);
    const error = expect.stringMatching(/^This path takes .+ only$/);
    expect(answer.json()).toEqual(refused("method_not_allowed", error, { details: [`${method} ${url}`] }));
  }
});

it("knows no methods of a path that is none", async () => {
  expect(methodsAt("/nope", Object.values(operations))).toEqual([]);
  const answer = await app.inject({ method: "POST", url: "/nope?token=secret" });
  expect([answer.statusCode, answer.json()]).toEqual([
    404,
    refused("unknown_route", "No such route", { details: ["POST /nope"] }),
  ]);
});

it.each(table.filter(([, op]) => op.method !== "get" && !op.body))(
  "%s takes no body but an empty one",
  async (_name, op) => {
    const ask = (payload: string) =>
      app.inject({
        ...{
          method: op.method.toUpperCase() as "POST",
          url: op.path.replace("{id}", id).replace("{name}", "nightly"),
          payload,
        },
        headers: { "content-type": "application/json" },
      });
    const at = new Date();
    const schedule = { name: "nightly", every_secs: 60, cron: null, timezone: "UTC", anchor: at, now: at, batch: [] };
    const dead = { subject: "baton.door", payload: Buffer.from("{}"), cut: false };
    state.rows = [{ ...dead, ...schedule, overlap: "skip", batches: [], skipped: [], ...{ at, since: at, upto: at } }];
    for (const payload of ["", "{}", "null"]) expect((await ask(payload)).statusCode).toBeLessThan(300);
    const answer = await ask('{"reason":"x"}');
    expect([answer.statusCode, answer.json().details]).toEqual([400, ["body: this call takes no body"]]);
  },
);

it.each(table.filter(([, op]) => op.tag !== "system"))(
  "%s refuses a query parameter that it does not have",
  async (_name, op) => {
    const method = op.method.toUpperCase() as "GET";
    const answer = await app.inject({ method, url: `${op.path.replace("{id}", id)}?nmae=x` });
    expect([answer.statusCode, answer.json().faults]).toEqual([
      400,
      expect.arrayContaining([expect.objectContaining({ path: "?nmae", code: "unknown_parameter" })]),
    ]);
  },
);
