// Who may call what: the matrix of roles and routes, that health needs no token, and what a signed handle opens.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signatureOf } from "#domain/calls/handle";
import { refused } from "#test/refused";
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

it("leaves health, readiness and the pages open, since a browser has no token before it has the page", async () => {
  const open = ["/health", "/ready", "/view", "/docs", "/llms.txt"].map((url) => call("GET", url));
  expect([...(await Promise.all(open)), await call("GET", "/")]).toEqual([200, 200, 200, 200, 200, 303]);
});

it("asks for a token in the way HTTP has for it", async () => {
  const answer = await app.inject("/task");
  expect([answer.headers["www-authenticate"], answer.json()]).toEqual([
    "Bearer",
    refused("unauthorized", "A valid bearer token is needed"),
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

  it("is ignored where neither tokens nor a secret are set", async () => {
    const { json, asked } = await fakeServer();
    for (const query of [`?sig=${sig(0)}`, "?sig=nonsense"])
      expect((await json("PATCH", `/task/${id}${query}`, { priority: 1 })).statusCode).toBe(200);
    for (const query of ["?sig=%00", "?sig=a&sig=b"])
      expect((await json("PATCH", `/task/${id}${query}`, { priority: 1 })).statusCode).toBe(400);
    expect(asked.every((command) => command.attempt === undefined)).toBe(true);
  });

  describe("with HANDLE_SECRET alone", async () => {
    const alone = await fakeServer({ HANDLE_SECRET: secret });
    const report = (method: "PATCH" | "PUT", query: string, headers: Record<string, string> = {}) =>
      alone.json(method, `/task/${id}${query}`, method === "PUT" ? {} : done, headers);

    it.each(["PATCH", "PUT"] as const)("%s needs a good signature", async (method) => {
      alone.asked.length = 0;
      alone.counted.length = 0;
      for (const query of ["", "?sig=wrong", `?attempt=1&sig=${sig(0)}`, `?sig=${sig(0, other)}`]) {
        const answer = await report(method, query);
        const error = "The handle as it was sent, with its signature, is needed";
        expect([answer.statusCode, answer.json()]).toEqual([401, refused("unauthorized", error)]);
        expect((await report(method, query, { authorization: "Bearer x" })).statusCode).toBe(401);
      }
      expect([alone.asked, alone.counted]).toEqual([[], []]);
    });

    it("takes a good one, whatever else a proxy has added, and says that it is of a past attempt", async () => {
      expect((await report("PATCH", `?sig=${sig(0)}`, { authorization: "Bearer x" })).statusCode).toBe(200);
      const { answer } = alone.state;
      alone.state.answer = (command) =>
        "attempt" in command && command.attempt === 1
          ? answer(command)
          : { status: 409, id, code: "wrong_attempt", attempt: 1 };
      const past = await report("PATCH", `?sig=${sig(0)}`);
      expect([past.statusCode, past.json().code]).toEqual([409, "wrong_attempt"]);
      expect((await report("PATCH", `?attempt=1&sig=${sig(1)}`)).statusCode).toBe(200);
      alone.state.answer = answer;
    });

    it("leaves all other calls open", async () => {
      for (const [method, url] of [
        ["DELETE", `/task/${id}`],
        ["PATCH", `/task/pause/${id}`],
      ] as const)
        expect((await alone.app.inject({ method, url })).statusCode).toBe(200);
      expect((await alone.app.inject("/metrics")).statusCode).toBe(200);
      expect((await alone.app.inject("/nope")).statusCode).toBe(404);
    });
  });

  it("is nothing where no secret is set", async () => {
    const { json } = await fakeServer({ AUTH_TOKEN: "master" });
    expect((await json("PATCH", `/task/${id}?sig=${sig(0)}`, done)).statusCode).toBe(401);
    const withToken = { authorization: "Bearer master" };
    expect((await json("PATCH", `/task/${id}?sig=x`, done, withToken)).statusCode).toBe(200);
  });
});
