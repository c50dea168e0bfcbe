// What the answer to a creation says beside its tasks: warnings, what was left out, and headers of actions to whom they belong.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openApi } from "./api.ts";

interface Sent {
  readonly params: { readonly headers?: object };
}
const hook = { kind: "Webhook", params: { url: "http://127.0.0.1:9/x", verb: "Post", headers: { "X-Mine": "1" } } };
const task = (id: string, more: object = {}) => ({ id, name: id, kind: "k", ...more });

let api: Awaited<ReturnType<typeof openApi>>;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

it("hides the values of action headers from tokens that may not operate", async () => {
  const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");
  const names = ["read", "submit", "operate"] as const;
  const guarded = await openApi({ AUTH_TOKENS: names.map((role) => `${role}:${role}:${hashOf(role)}`).join(",") });
  const call = async (method: "GET" | "POST", url: string, token: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    return (await guarded.app.inject({ method, url, headers, ...payload })).json();
  };
  const seen = ({ actions }: { actions: Sent[] }) => actions.map(({ params }) => params.headers);
  const body = [task("a", { on_start: hook, on_success: [{ ...hook, params: { ...hook.params, headers: null } }] })];
  const [made] = await call("POST", "/task", "submit", body);
  expect(seen(made)).toEqual([{ "X-Mine": "***" }, undefined]);
  expect(seen((await call("POST", "/task", "operate", body))[0])).toEqual([{ "X-Mine": "1" }, undefined]);
  for (const role of names)
    expect(seen(await call("GET", `/task/${made.id}`, role))).toEqual([
      { "X-Mine": role === "operate" ? "1" : "***" },
      undefined,
    ]);
  await guarded.close();
});

it("warns of a rule that can admit nothing, in a dry run and in a header of the answer", async () => {
  const rule = {
    type: "Concurrency",
    max_concurrency: 1,
    matcher: { kind: "k", status: "Running", fields: ["tennant"] },
  };
  const body = [task("a", { metadata: { tenant: 1 }, rules: [rule] })];
  const text =
    'tasks[0].rules[0].matcher.fields[0]: the metadata of the task has no "tennant", so this rule never lets it start; did you mean "tenant"?';
  expect((await api.post(body, "?dry_run=1")).json().warnings).toEqual([text]);
  const other = { ...rule, matcher: { ...rule.matcher, kind: "résumé" } };
  const answer = await api.post([task("a", { metadata: { tenant: 1 }, rules: [rule, other] })]);
  expect(answer.statusCode).toBe(201);
  const sent = [answer.headers["baton-warning"]].flat() as string[];
  expect(sent.map(decodeURIComponent)).toEqual([
    text,
    'tasks[0].rules[1].matcher.kind: no task of this call has the kind "résumé"',
  ]);
});

it("names at most 100 deduplicated tasks, and ten warnings", async () => {
  const dedupe_strategy = [{ kind: "many", status: "Pending", fields: ["n"] }];
  const matcher = (field: number) => ({ kind: "many", status: "Running", fields: [`lacks ${field}`] });
  const some = Array.from({ length: 101 }, (_, n) =>
    task(`t ${n},`, {
      kind: "many",
      metadata: { n },
      dedupe_strategy,
      rules: n < 11 ? [{ type: "Concurrency", max_concurrency: 1, matcher: matcher(n) }] : [],
    }),
  );
  expect((await api.post(some)).headers["baton-warning"]).toHaveLength(10);
  const answer = await api.post(some);
  expect(answer.statusCode).toBe(204);
  const named = String(answer.headers["baton-deduplicated"]).split(",");
  expect(named.map(decodeURIComponent)).toEqual(some.slice(0, 100).map(({ id }) => id));
  expect(answer.headers["baton-warning"]).toBeUndefined();
});
