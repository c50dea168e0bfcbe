// Who a call is to Baton: by its token, by a signed handle, or nobody in particular; and the reason that it gives. Both go with
// the command to whoever decides it.
import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { signatureOf } from "#domain/calls/handle";
import { refused } from "#test/refused";
import { fakeServer } from "./fakes.ts";

const id = "019b0000-0000-7000-8000-00000000000a";
const secret = "handle secret";
const sig = signatureOf(secret, id, 0);
const hash = (token: string) => createHash("sha256").update(token).digest("hex");
const tokens = ["read", "submit", "operate"].map((role) => `my.${role}:${role}:${hash(`${role}-token`)}`).join(",");
const [guarded, signed, open] = await Promise.all([
  fakeServer({ AUTH_TOKEN: "master", AUTH_TOKENS: tokens, HANDLE_SECRET: secret }),
  fakeServer({ HANDLE_SECRET: secret }),
  fakeServer(),
]);
type Server = typeof open;
beforeEach(() => {
  for (const { asked } of [guarded, signed, open]) asked.length = 0;
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The commands of these calls. */
async function asking({ json, asked }: Server, calls: readonly Parameters<Server["json"]>[]) {
  for (const call of calls) expect((await json(...call)).statusCode, call[1]).toBeLessThan(300);
  return asked;
}

describe("the actor of a command", () => {
  const done = { status: "Success" };

  it("is the token, by its name, or the one of AUTH_TOKEN", async () => {
    const commands = await asking(guarded, [
      ["DELETE", `/task/${id}`, undefined, bearer("operate-token")],
      ["DELETE", `/batch/${id}`, undefined, bearer("operate-token")],
      ["PATCH", `/batch/${id}/rules`, { kind: "k", rules: [] }, bearer("operate-token")],
      ["PATCH", `/task/${id}`, done, bearer("master")],
    ]);
    expect(commands.map(({ actor }) => actor)).toEqual([...Array(3).fill("token:my.operate"), "token"]);
  });

  it("is the handle where its signature lets the call in; a token beside it goes first", async () => {
    const commands = await asking(guarded, [
      ["PATCH", `/task/${id}?sig=${sig}`, done],
      ["PATCH", `/task/${id}?sig=${sig}`, done, bearer("operate-token")],
    ]);
    expect(commands.map(({ actor }) => actor)).toEqual(["handle", "token:my.operate"]);
  });

  it("is anonymous where no tokens are set, whatever is sent", async () => {
    const commands = await asking(open, [
      ["PATCH", `/task/${id}?sig=${sig}`, done],
      ["POST", `/batch/${id}/pause`, undefined, bearer("operate-token")],
    ]);
    const reports = await asking(signed, [
      ["PATCH", `/task/${id}?sig=${sig}`, done, bearer("operate-token")],
      ["DELETE", `/task/${id}?sig=${sig}`],
    ]);
    expect(commands.map(({ actor }) => actor)).toEqual(["anonymous", "anonymous"]);
    expect(reports.map(({ actor }) => actor)).toEqual(["handle", "anonymous"]);
  });
});

describe("GET /whoami", () => {
  const who = ({ app }: Server, headers: Record<string, string> = {}, query = "") =>
    app.inject({ method: "GET", url: `/whoami${query}`, headers });

  it.each([
    ["read-token", "token:my.read", "read"],
    ["submit-token", "token:my.submit", "submit"],
    ["operate-token", "token:my.operate", "operate"],
    ["master", "token", "operate"],
  ])("with %s says %s, who may %s", async (token, actor, role) => {
    const answer = await who(guarded, bearer(token));
    expect([answer.statusCode, answer.json()]).toEqual([200, { actor, role }]);
  });

  it("without tokens says that anybody may do everything", async () => {
    for (const server of [open, signed])
      expect((await who(server, bearer("any"))).json()).toEqual({ actor: "anonymous", role: "operate" });
  });

  it("is 401 with a wrong token, and with none where one is needed", async () => {
    for (const headers of [{}, bearer("wrong"), { authorization: "Basic master" }]) {
      const answer = await who(guarded, headers, `?sig=${sig}`);
      expect([answer.statusCode, answer.json().code]).toEqual([401, "unauthorized"]);
    }
  });

  it("takes no parameters, and needs neither Postgres nor NATS", async () => {
    expect((await who(open, {}, "?x=1")).json()).toMatchObject({ code: "validation_failed", faults: [{ path: "?x" }] });
    open.state.up = false;
    expect((await who(open)).statusCode).toBe(200);
    open.state.up = true;
  });
});

const withReason = [
  ["DELETE", `/task/${id}`],
  ["PATCH", `/task/pause/${id}`],
  ["PATCH", `/task/resume/${id}`],
  ["DELETE", `/batch/${id}`],
  ["POST", `/batch/${id}/pause`],
  ["POST", `/batch/${id}/resume`],
] as const;

describe.each(withReason)("?reason= of %s %s", (method, path) => {
  const call = (reason: string) => open.json(method, `${path}?reason=${encodeURIComponent(reason)}`);

  it("goes with the command as it was sent, up to 1,000 characters", async () => {
    const long = "\u{1f600}".repeat(1_000);
    for (const reason of ["wrong input & more", long]) expect((await call(reason)).statusCode).toBe(200);
    expect(open.asked.map(({ reason }) => reason)).toEqual(["wrong input & more", long]);
  });

  it("is none where it is empty or left out", async () => {
    expect([(await call(" ")).statusCode, (await open.json(method, path)).statusCode]).toEqual([200, 200]);
    for (const command of open.asked) expect(command).not.toHaveProperty("reason");
  });

  it("is refused beyond that, with NUL, and twice", async () => {
    for (const [query, code] of [
      [`reason=${"x".repeat(1_001)}`, "out_of_range"],
      ["reason=a%00b", "invalid_format"],
      ["reason=a&reason=b", "repeated"],
    ]) {
      const answer = await open.json(method, `${path}?${query}`);
      const faults = [{ path: "?reason", code, message: expect.any(String) }];
      expect([answer.statusCode, answer.json()]).toEqual([
        400,
        refused("validation_failed", "Validation failed", { details: [expect.stringMatching(/^reason: /)], faults }),
      ]);
    }
    expect(open.asked).toEqual([]);
  });
});

it("no other call takes a reason", async () => {
  for (const [method, path, body] of [
    ["PATCH", `/task/${id}`, { status: "Success" }],
    ["PUT", `/task/${id}`, {}],
    ["PATCH", `/batch/${id}/rules`, { kind: "k", rules: [] }],
  ] as const)
    expect((await open.json(method, `${path}?reason=x`, body)).json().faults).toMatchObject([
      { path: "?reason", code: "unknown_parameter" },
    ]);
});
