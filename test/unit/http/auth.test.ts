// Who may call what: the matrix of roles and routes, that health needs no token, and what a signed handle opens.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signatureOf } from "#domain/handle";
import { fakeServer } from "./fakes.ts";

const hash = (token: string) => createHash("sha256").update(token).digest("hex");
const tokens = ["read", "submit", "operate"].map((role) => `${role}-name:${role}:${hash(`${role}-token`)}`).join(",");
const { app } = await fakeServer({ AUTH_TOKEN: "master", AUTH_TOKENS: tokens });
const id = "019b0000-0000-7000-8000-00000000000a";

const call = async (
  method: "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE",
  url: string,
  authorization?: string,
) => (await app.inject({ method, url, headers: authorization === undefined ? {} : { authorization } })).statusCode;

it.each<[Parameters<typeof call>[0], string, "read" | "submit" | "operate"]>([
  ["GET", `/task/${id}`, "read"],
  ["HEAD", `/task/${id}`, "read"],
  ["GET", "/task", "read"],
  ["GET", "/metrics", "read"],
  ["GET", "/openapi.json", "read"],
  ["GET", "/docs/json", "read"],
  ["GET", "/view", "read"],
  ["GET", "/nope", "read"],
  ["POST", "/task", "submit"],
  ["PATCH", `/task/${id}`, "operate"],
  ["PUT", `/task/${id}`, "operate"],
  ["DELETE", `/task/${id}`, "operate"],
  ["PATCH", `/task/pause/${id}`, "operate"],
  ["DELETE", `/batch/${id}`, "operate"],
  ["POST", `/batch/${id}/pause`, "operate"],
  ["POST", `/batch/${id}/rerun`, "operate"],
  ["GET", `/webhook-deliveries/${id}`, "read"],
  ["POST", `/webhook-deliveries/${id}/replay`, "operate"],
  ["POST", "/webhook-deliveries/replay", "operate"],
])("%s %s needs %s", async (method, url, right) => {
  for (const wrong of [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "Basic master",
    "master",
    `Bearer ${hash("master")}`,
  ]) {
    expect(await call(method, url, wrong)).toBe(401);
  }
  const roles = ["read", "submit", "operate"] as const;
  for (const role of roles) {
    const status = await call(method, url, `Bearer ${role}-token`);
    if (roles.indexOf(role) < roles.indexOf(right)) expect(status).toBe(403);
    else expect([401, 403]).not.toContain(status);
  }
  expect([401, 403]).not.toContain(await call(method, url, "bearer master"));
});

it("leaves health and readiness open", async () => {
  expect([await call("GET", "/health"), await call("GET", "/ready")]).toEqual([200, 200]);
});

it("asks for a token in the way HTTP has for it", async () => {
  const answer = await app.inject("/task");
  expect([answer.headers["www-authenticate"], answer.json()]).toEqual([
    "Bearer",
    { error: "A valid bearer token is needed", details: [] },
  ]);
});

describe("a signed handle", async () => {
  const secret = "handle secret";
  const other = "019b0000-0000-7000-8000-00000000000b";
  const signed = await fakeServer({ AUTH_TOKENS: tokens, HANDLE_SECRET: secret });
  const done = { status: "Success" };
  const sig = (attempt: number, task = id) => signatureOf(secret, task, attempt);
  const patch = (query: string, body: object = done, headers: Record<string, string> = {}, task = id) =>
    signed.json("PATCH", `/task/${task}${query}`, body, headers);

  it("reports without a token, for its attempt alone", async () => {
    signed.asked.length = 0;
    expect((await patch(`?sig=${sig(0)}`)).statusCode).toBe(200);
    expect((await patch(`?attempt=2&sig=${sig(2)}`)).statusCode).toBe(200);
    expect((await patch(`?sig=${sig(0)}`, done, {}, id.toUpperCase())).statusCode).toBe(200);
    expect(signed.asked.map(({ target, attempt }) => [target, attempt])).toEqual([
      [id, 0],
      [id, 2],
      [id, 0],
    ]);
  });

  it("may say all that a report says, and nothing of the priority", async () => {
    const result = { a: 1 };
    const whole = { ...done, new_success: 1, new_failures: 2, metadata: { a: 1 }, expected_count: 3, result };
    expect((await patch(`?sig=${sig(0)}`, whole)).statusCode).toBe(200);
    const failed = { status: "Failure", failure_reason: "no" };
    expect((await patch(`?sig=${sig(0)}`, failed)).statusCode).toBe(200);
    const refused = await patch(`?sig=${sig(0)}`, { ...done, priority: 1 });
    expect([refused.statusCode, refused.json().error]).toEqual([403, "A signed handle may not change the priority"]);
    const asOperator = { authorization: "Bearer operate-token" };
    expect((await patch(`?sig=${sig(0)}`, { priority: 1 }, asOperator)).statusCode).toBe(200);
  });

  it("counts for its own task", async () => {
    signed.state.rows = [{ status: "Running" }];
    const put = (task: string, query: string) => signed.json("PUT", `/task/${task}${query}`, { new_success: 1 });
    expect((await put(id, `?sig=${sig(0)}`)).statusCode).toBe(202);
    expect((await put(id, `?attempt=1&sig=${sig(1)}`)).statusCode).toBe(202);
    expect((await put(other, `?sig=${sig(0)}`)).statusCode).toBe(401);
  });

  it.each([
    ["none", ""],
    ["an empty one", "?sig="],
    ["a wrong one", `?sig=${"x".repeat(43)}`],
    ["one of another task", `?sig=${sig(0, other)}`],
    ["one of another attempt", `?attempt=1&sig=${sig(0)}`],
    ["one of an attempt that is not named", `?sig=${sig(1)}`],
    ["another spelling of the attempt", `?attempt=00&sig=${sig(0)}`],
    ["two", `?sig=${sig(0)}&sig=${sig(0)}`],
    ["two attempts", `?attempt=0&attempt=0&sig=${sig(0)}`],
    ["one of another secret", `?sig=${signatureOf("other", id, 0)}`],
  ])("is none with %s", async (_, query) => {
    signed.asked.length = 0;
    expect((await patch(query)).statusCode).toBe(401);
    expect(signed.asked).toEqual([]);
  });

  it.each<["GET" | "DELETE" | "PATCH" | "POST", string]>([
    ["GET", `/task/${id}`],
    ["GET", `/task/${id}/events`],
    ["GET", "/task"],
    ["GET", "/metrics"],
    ["DELETE", `/task/${id}`],
    ["PATCH", `/task/pause/${id}`],
    ["PATCH", `/task/resume/${id}`],
    ["POST", "/task"],
    ["POST", `/batch/${id}/rerun`],
    ["DELETE", `/batch/${id}`],
  ])("opens nothing else: %s %s", async (method, url) => {
    expect((await signed.app.inject({ method, url: `${url}?sig=${sig(0)}` })).statusCode).toBe(401);
  });

  it("gives way to a token, whatever that may do", async () => {
    signed.asked.length = 0;
    const withToken = (token: string) => patch(`?sig=${sig(0)}`, done, { authorization: `Bearer ${token}` });
    expect((await withToken("operate-token")).statusCode).toBe(200);
    expect(signed.asked[0]).not.toHaveProperty("attempt");
    expect((await withToken("read-token")).statusCode).toBe(403);
    expect((await withToken("wrong")).statusCode).toBe(401);
  });

  it.each<[string, Record<string, string>]>([
    ["without tokens", { HANDLE_SECRET: secret }],
    ["without either", {}],
  ])("is ignored %s", async (_, env) => {
    const { json, asked } = await fakeServer(env);
    for (const query of [`?sig=${sig(0)}`, "?sig=nonsense", "?sig=%00", "?sig=a&sig=b"])
      expect((await json("PATCH", `/task/${id}${query}`, { priority: 1 })).statusCode).toBe(200);
    expect(asked.every((command) => command.attempt === undefined)).toBe(true);
  });

  it("is nothing where no secret is set", async () => {
    const { json } = await fakeServer({ AUTH_TOKEN: "master" });
    expect((await json("PATCH", `/task/${id}?sig=${sig(0)}`, done)).statusCode).toBe(401);
    const withToken = { authorization: "Bearer master" };
    expect((await json("PATCH", `/task/${id}?sig=x`, done, withToken)).statusCode).toBe(200);
  });
});
