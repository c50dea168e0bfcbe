// What the answer to a creation says beside its tasks: warnings, what was left out, and headers of actions to whom they belong.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CommandPublisher } from "#bus/commands/publisher";
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

const call = (
  { app }: Pick<typeof api, "app">,
  method: "PATCH" | "POST" | "PUT",
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
) =>
  app.inject({
    method,
    url,
    headers: { "content-type": "application/json", ...headers },
    payload: JSON.stringify(body),
  });
const warningsIn = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) =>
  ([headers["baton-warning"] ?? []].flat() as string[]).map(decodeURIComponent);
const rule = (kind: string, ...fields: string[]) => ({
  ...{ type: "Concurrency", max_concurrency: 1, matcher: { kind, status: "Running", fields } },
});

it("warns of the same in what is added to a batch", async () => {
  const batch = (await api.post({ tasks: [task("a", { kind: "old" })], open: true })).headers["x-batch-id"];
  const added = task("b", { metadata: { tenant: 1 }, rules: [rule("old", "tennant"), rule("olt")] });
  const answer = await call(api, "POST", `/batch/${batch}/tasks`, [added]);
  expect([answer.statusCode, warningsIn(answer)]).toEqual([
    201,
    [
      'tasks[0].rules[0].matcher.fields[0]: the metadata of the task has no "tennant", so this rule never lets it start; did you mean "tenant"?',
      'tasks[0].rules[1].matcher.kind: no task of this call has the kind "olt"; did you mean "old"?',
    ],
  ]);
});

it("warns of the same in what a schedule creates, also where a key repeats the call", async () => {
  const batch = { tasks: [task("a", { metadata: { tenant: 1 }, rules: [rule("k", "tennant")] })] };
  const text =
    'batch.tasks[0].rules[0].matcher.fields[0]: the metadata of the task has no "tennant", so this rule never lets it start; did you mean "tenant"?';
  const put = (key?: string) =>
    call(
      api,
      "PUT",
      "/schedules/warned",
      { every_secs: 3600, batch },
      key === undefined ? {} : { "idempotency-key": key },
    );
  for (const answer of [await put(), await put("k"), await put("k")])
    expect([answer.statusCode < 300, warningsIn(answer)]).toEqual([true, [text]]);
  const sound = await call(api, "PUT", "/schedules/warned", { every_secs: 3600, batch: [task("a")] });
  expect(warningsIn(sound)).toEqual([]);
});

it("warns of the same in rules that tasks of a batch get, and of a kind that it does not have", async () => {
  const ask: CommandPublisher["ask"] = async ({ target }) => ({
    status: 200,
    id: target,
    counts: { updated_count: 3 },
  });
  const ruled = await openApi({}, { ask });
  const tasks = [
    task("a", { metadata: { tenant: 1, size: 2 }, expected_count: 1 }),
    task("b", { metadata: { tenant: 1 }, expected_count: 1 }),
    task("c"),
    task("other", { kind: "etl", metadata: { tennant: 1 } }),
  ];
  const batch = (await ruled.post(tasks)).headers["x-batch-id"];
  const capacity = { type: "Capacity", max_capacity: 1, matcher: { kind: "k", status: "Running", fields: [] } };
  const said = async (kind: string, ...rules: object[]) => {
    const answer = await call(ruled, "PATCH", `/batch/${batch}/rules`, { kind, rules });
    return [answer.statusCode, ...warningsIn(answer)];
  };
  expect(await said("k", rule("k", "size"), rule("etl"), rule("elt", "tennant"), capacity)).toEqual([
    200,
    'rules[0].matcher.fields[0]: the metadata of 2 of 3 unfinished tasks of the kind has no "size", so this rule never lets them start',
    'rules[2].matcher.kind: no task of the batch has the kind "elt"; did you mean "etl"?',
    'rules[2].matcher.fields[0]: the metadata of 3 of 3 unfinished tasks of the kind has no "tennant", so this rule never lets them start; did you mean "tenant"?',
    "rules[3]: 1 of 3 unfinished tasks of the kind lacks expected_count, so this rule never lets it start",
  ]);
  expect(await said("kk", rule("k", "size"))).toEqual([
    200,
    'kind: no task of the batch has the kind "kk"; did you mean "k"?',
  ]);
  expect(await said("k", rule("k"))).toEqual([200]);
  await ruled.db.use((sql) => sql`update task set status = 'Failure', ended_at = now()`);
  expect(await said("k", rule("k", "tennant"), capacity)).toEqual([200]);
  await ruled.close();
});

it("warns of the same in metadata that a task gets, while it waits to start", async () => {
  let state = "Waiting";
  const ask: CommandPublisher["ask"] = async ({ target: id }) => ({ status: 200, id, state, attempt: 0 });
  const ruled = await openApi({}, { ask });
  const metadata = { tenant: 1, size: 2 };
  const rules = [rule("k", "tenant"), rule("k", "size", "tenant")];
  const [a, b] = (await ruled.post([task("a", { metadata, rules }), task("b", { metadata })])).json();
  const said = async ({ id }: { id: string }, body: object) => {
    const answer = await call(ruled, "PATCH", `/task/${id}`, body);
    return [answer.statusCode, ...warningsIn(answer)];
  };
  const never = "so this rule never lets it start";
  const [first, size, second] = [
    `rules[0].matcher.fields[0]: the metadata of the task has no "tenant", ${never}; did you mean "tennant"?`,
    `rules[1].matcher.fields[0]: the metadata of the task has no "size", ${never}`,
    `rules[1].matcher.fields[1]: the metadata of the task has no "tenant", ${never}; did you mean "tennant"?`,
  ];
  expect(await said(a, { metadata: { tennant: 1 } })).toEqual([200, first, size, second]);
  expect(await said(a, { metadata: { size: 1, tenant: null } })).toEqual([200]);
  expect(await said(a, { priority: 1 })).toEqual([200]);
  expect(await said(b, { metadata: {} })).toEqual([200]);
  state = "Retrying";
  const failed = { status: "Failure", failure_reason: "x", metadata: { tenant: 1 } };
  expect(await said(a, failed)).toEqual([200, size]);
  // What has started or ended is not held up by it.
  for (state of ["Claimed", "Running", "Success"]) expect(await said(a, { metadata: {} })).toEqual([200]);
  await ruled.close();
});

it("changes metadata, and is silent of what cannot be looked at, while Postgres is away", async () => {
  const ask: CommandPublisher["ask"] = async ({ target: id }) => ({ status: 200, id, state: "Pending", attempt: 0 });
  const ruled = await openApi({}, { ask });
  const [a] = (await ruled.post([task("a", { metadata: { x: 1 }, rules: [rule("k", "x")] })])).json();
  await ruled.db.close();
  const answer = await call(ruled, "PATCH", `/task/${a.id}`, { metadata: {} });
  expect([answer.statusCode, answer.json(), warningsIn(answer)]).toEqual([
    ...[200, { id: a.id, status: "Pending", attempt: 0 }, []],
  ]);
  await ruled.close();
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
