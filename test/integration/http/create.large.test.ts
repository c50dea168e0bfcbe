// Large bodies of POST /task: another thread deals with them, the answers are those of every other body, and nobody else has to
// wait. A body that is padded with blanks is a large one that says the same.
import { request } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, describe, expect, it } from "vitest";
import { limits } from "#limits";
import { openApi } from "./api.ts";

const env = { MAX_TASKS_PER_BATCH: "20000", MAX_LINKS_PER_BATCH: "500000", PAYLOAD_MAX_BYTES: "50000000" };
const api = await openApi(env);
afterAll(api.close);

const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
const hook = (headers: object) => ({ kind: "Webhook", params: { url: "http://127.0.0.1:9/x", verb: "Post", headers } });
const padded = (text: string) => text + " ".repeat(limits.largeBodyBytes);

async function post(payload: string, query = "", headers: Record<string, string> = {}, to = api) {
  const sent = { "content-type": "application/json", ...headers };
  const answer = await to.app.inject({ method: "POST", url: `/task${query}`, headers: sent, payload });
  // A connection is closed where a body that is no JSON was not looked at by a handler.
  const { date, connection, "content-length": length, ...rest } = answer.headers;
  expect(answer.body === "" ? "0" : length).toBe(String(Buffer.byteLength(answer.body)));
  return { status: answer.statusCode, headers: rest, text: answer.body };
}

/** Without what is made anew for each call. */
const alike = (answer: Awaited<ReturnType<typeof post>>) =>
  JSON.parse(
    JSON.stringify(answer)
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
      .replace(/20\d\d-\d\d-\d\dT[\d:.]+Z/g, "<time>"),
  );

const rule = { type: "Concurrency", max_concurrency: 1, matcher: { kind: "nobody", status: "Running", fields: ["p"] } };
const sound = [
  task("a", { on_start: hook({ "X-Mine": "é" }), metadata: { p: "\u2028ü" } }),
  task("b", { dependencies: [{ id: "a", requires_success: true }], delay_secs: 5, rules: [rule] }),
];

describe("a large body is answered as any other:", () => {
  it.each([
    ["created", JSON.stringify(sound), "", 201],
    [
      "created with what holds for the whole batch",
      JSON.stringify({ tasks: sound, scope: "s", paused: true }),
      "",
      201,
    ],
    ["empty", "[]", "", 204],
    ["a dry run", JSON.stringify(sound), "?dry_run=1", 200],
    ["faults of the body and of the query", JSON.stringify([task("a", { timeout: 0 }), {}]), "?dry_run=x&y=1", 400],
    ["a number that would change", '[{"id":"a","name":"a","kind":"k","priority":9007199254740993}]', "", 400],
    ["no JSON", "[{]", "", 400],
    ["no batch", '"a"', "", 400],
  ])("%s", async (_, text, query, status) => {
    const [one, other] = [await post(text, query), await post(padded(text), query)];
    expect(one.status).toBe(status);
    expect(alike(other)).toEqual(alike(one));
  });

  it("what was left out", async () => {
    const twin = (metadata: object) =>
      task("a", { metadata, dedupe_strategy: [{ kind: "k", status: "Pending", fields: ["n"] }] });
    await post(JSON.stringify([task("first", { metadata: { n: 1 } })]));
    const answer = await post(padded(JSON.stringify([twin({ n: 1 }), task("b")])));
    expect([answer.status, answer.headers["baton-deduplicated"], JSON.parse(answer.text)]).toMatchObject([
      ...[201, "a"],
      [{ local_id: "b" }],
    ]);
  });

  it("headers of actions, to those who may see them", async () => {
    const sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"; // of "foo"
    const guarded = await openApi({ AUTH_TOKENS: `ci:submit:${sha256}` });
    try {
      const answer = await post(padded(JSON.stringify(sound)), "", { authorization: "Bearer foo" }, guarded);
      expect(JSON.parse(answer.text)[0].actions[0].params.headers).toEqual({ "X-Mine": "***" });
      const batch = await guarded.db.use((sql) => sql`select created_by from batch`);
      expect(batch).toEqual([{ created_by: "token:ci" }]);
    } finally {
      await guarded.close();
    }
  });

  it("under a key, whichever of two equal bodies comes first", async () => {
    const text = JSON.stringify(sound);
    for (const [first, second] of [
      [text, padded(text)],
      [padded(text), text],
    ] as const) {
      const key = { "idempotency-key": `first ${first.length}` };
      const made = await post(first, "", key);
      expect(await post(second, "", key)).toEqual(made);
      expect((await post(padded("[]"), "", key)).status).toBe(422);
    }
    const key = { "idempotency-key": "at once" };
    const [one, ...others] = await Promise.all([text, padded(text), padded(text)].map((body) => post(body, "", key)));
    for (const other of others) expect(other).toEqual(one);
  });
});

it("tells whoever may start the tasks", async () => {
  const before = api.rings();
  await post(padded(JSON.stringify(sound)));
  expect(api.rings()).toBe(before + 1);
});

it("uses no more connections than the process may have", async () => {
  const single = await openApi({ POOL_MAX_SIZE: "1" });
  const most = { open: 0 };
  try {
    const [{ name }] = (await single.db.use((sql) => sql`select current_database() as name`)) as unknown as [
      { name: string },
    ];
    const answers = Promise.all([1, 2].map(() => post(padded(JSON.stringify(sound)), "", {}, single)));
    let isOver = false;
    void answers.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const [{ n }] = (await api.db.use(
        (sql) => sql`
          select count(*)::int as n from pg_stat_activity where datname = ${name} and application_name = 'baton'`,
      )) as unknown as [{ n: number }];
      most.open = Math.max(most.open, n);
    }
    expect((await answers).map(({ status }) => status)).toEqual([201, 201]);
    expect(most.open).toBe(1);
    expect(await single.db.use((sql) => sql`select from batch`)).toHaveLength(2);
  } finally {
    await single.close();
  }
});

it("holds up nobody, not for half a second", { timeout: 120_000 }, async () => {
  const parents = (n: number) => Array.from({ length: Math.min(n, 50) }, (_, p) => ({ id: `t${n - p - 1}` }));
  const tasks = Array.from({ length: 10_000 }, (_, n) =>
    task(`t${n}`, { dependencies: parents(n), on_start: hook({ "X-Mine": "1" }) }),
  );
  const body = Buffer.from(JSON.stringify(tasks));
  expect(body.length).toBeGreaterThan(8_000_000);
  const url = await api.app.listen({ port: 0, host: "127.0.0.1" });
  await fetch(`${url}/health`);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const { promise, resolve, reject } = Promise.withResolvers<[status: number | undefined, bytes: number]>();
  const headers = { "content-type": "application/json", "content-length": body.length };
  const call = request(`${url}/task`, { method: "POST", headers }, (answer) => {
    let bytes = 0;
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    answer.on("end", () => resolve([answer.statusCode, bytes]));
  });
  call.on("error", reject).end(body);
  const [status, bytes] = await promise;
  delay.disable();
  expect([status, bytes > 5_000_000]).toEqual([201, true]);
  expect(delay.max / 1e6).toBeLessThan(400);
});
