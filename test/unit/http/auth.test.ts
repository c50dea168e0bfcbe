// Who may call what: the matrix of roles and routes, and that health needs no token.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
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
