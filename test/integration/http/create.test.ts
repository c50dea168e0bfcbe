// Creation on a real Postgres: rows as the plan says, all or none, empty batches, dedupe under concurrency, large batches.
import { afterAll, describe, expect, it } from "vitest";
import { planBatch } from "#domain/create/batch";
import { locksOf } from "#domain/create/dedupe";
import type { NewBatch } from "#domain/schema/batch";
import { uuidv7 } from "#domain/values/uuid";
import { createFromMessage } from "#intake/by-message";
import { insertBatch } from "#store/create/create";
import { insertPlans } from "#store/create/rows";
import { takeLocks } from "#store/create/twins";
import { strict } from "#test/policy";
import { until } from "#test/until";
import { openApi } from "./api.ts";

const api = await openApi({ MAX_TASKS_PER_BATCH: "20000", PAYLOAD_MAX_BYTES: "50000000" });
afterAll(api.close);

const hook = {
  kind: "Webhook",
  params: { url: "http://127.0.0.1:9/x", verb: "Post", body: { a: [1, null] }, headers: { "X-Mine": "1" } },
};
type Sent = typeof hook;
const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
const rows = (table: string, batch: string) =>
  api.db.use((sql) =>
    sql.unsafe(`select * from ${table} where ${table === "task" ? "batch_id" : "id"} = '${batch}' order by 1`),
  );

it("answers what a GET of each task answers, and writes what each waits for", async () => {
  const rule = { type: "Concurency", max_concurency: 2, matcher: { kind: "k", status: "Running", fields: ["p"] } };
  const sent = [
    task("a", {
      on_start: hook,
      on_success: [hook],
      on_cancel: [hook],
      metadata: { p: { z: 1, a: 2 } },
      rules: [rule],
      priority: 3,
      expected_count: 9,
    }),
    task("b", {
      dependencies: [{ id: "a", requires_success: true }],
      retry: { max_retries: 2 },
      dead_end_barrier: true,
    }),
    task("c", { dependencies: [{ id: "a", condition: "on_failure" }, { id: "b" }], timeout: 5 }),
  ];
  const answer = await api.post(sent);
  expect([answer.statusCode, api.rings()]).toEqual([201, 1]);
  const batch = answer.headers["x-batch-id"] as string;
  const created = answer.json();
  expect(created.map((t: { local_id: string }) => t.local_id)).toEqual(["a", "b", "c"]);
  for (const one of created) {
    const { blocked_by, ...got } = await api.get(`/task/${one.id.toUpperCase()}`);
    expect(got).toEqual(one);
    expect(got.actions.map(({ params }: Sent) => params.headers)).toEqual(got.actions.map(() => hook.params.headers));
    expect(blocked_by.length).toBeGreaterThan(0);
  }
  expect(created[1].retry).toEqual({
    ...{ max_retries: 2, initial_delay_secs: 5, backoff_multiplier: 2, max_delay_secs: 300 },
    retry_on: ["timeout", "start_failure", "explicit"],
  });
  expect(created[0]).toMatchObject({
    retry: null,
    rules: [rule],
    metadata: { p: { z: 1, a: 2 } },
    created_at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
  });
  expect(created[0].actions.map((a: { trigger: string }) => a.trigger)).toEqual(["Start", "End", "Cancel"]);
  const found = await rows("task", batch);
  expect(found.map((t) => [t.pos, t.status, t.wait_finished, t.wait_success, t.children, t.acts])).toEqual([
    [0, "Pending", 0, 0, 2, 11],
    [1, "Waiting", 1, 1, 1, 0],
    [2, "Waiting", 2, 0, 0, 0],
  ]);
  expect((await rows("batch", batch))[0]).toMatchObject({ total: 3, unfinished: 3, completed_at: null });
});

it("writes what many tasks have in common as it writes it for each", async () => {
  const rule = { type: "Concurrency", max_concurrency: 2, matcher: { kind: "k", status: "Running", fields: ["p"] } };
  const common = {
    ...{ on_start: hook, on_failure: [hook], metadata: { p: 'a "quoted" \\ text' }, rules: [rule] },
    ...{
      retry: { max_retries: 2 },
      dead_end_barrier: true,
      dead_end: "keep",
      join: "any",
      priority: 3,
      expected_count: 2 ** 40,
      timeout: 5,
    },
    run_at: new Date(Date.now() + 86_400_000).toISOString(),
  };
  const read = async (sent: object[]) => {
    const answer = await api.post(sent);
    expect(answer.statusCode).toBe(201);
    const own = ["id", "batch_id", "created_at", "last_updated", "pos", "rank", "local_id", "name"];
    const found = await rows("task", answer.headers["x-batch-id"] as string);
    const whole = await Promise.all(found.map(async (row) => ({ ...(await rows("task_spec", row.id))[0], ...row })));
    return whole.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !own.includes(name))));
  };
  const alike = await read([task("a", common), task("b", common)]);
  const [first, plain] = await read([task("a", common), task("b")]);
  expect(alike).toEqual([first, first]);
  const [one, other] = await read([task("a"), task("b")]);
  expect([one, other]).toEqual([plain, plain]);
  expect(first).toMatchObject({
    dead_end_barrier: true,
    metadata: { p: 'a "quoted" \\ text' },
    expected_count: 2 ** 40,
  });
  expect(plain).toMatchObject({ dead_end_barrier: false, metadata: null, run_at: null });
});

it("sets the timer of a Pending task only", async () => {
  const past = "2020-01-01T00:00:00Z";
  const answer = await api.post([
    task("now", { run_at: past }),
    task("later", { delay_secs: 100 }),
    task("waits", { delay_secs: 100, dependencies: [{ id: "now" }] }),
  ]);
  const found = await rows("task", answer.headers["x-batch-id"] as string);
  expect(found.map((t) => [t.due_at !== null, t.run_at !== null])).toEqual([
    [false, true],
    [true, true],
    [false, true],
  ]);
  const [, later] = answer.json();
  expect(Date.parse(later.run_at) - Date.parse(later.created_at)).toBe(100_000);
  expect((await api.get(`/task/${later.id}`)).blocked_by).toEqual([{ type: "run_at", until: later.run_at }]);
});

it("completes an empty batch at once", async () => {
  const answer = await api.post({ tasks: [], on_batch_complete: [hook, hook], scope: "empty", metadata: { a: 1 } });
  expect([answer.statusCode, answer.body]).toEqual([204, ""]);
  const id = answer.headers["x-batch-id"] as string;
  const shown = {
    batch_id: id,
    total_tasks: 0,
    total_success: 0,
    total_failures: 0,
    total_expected: 0,
    scope: "empty",
    metadata: { a: 1 },
  };
  expect(await api.get(`/batch/${id}`)).toMatchObject(shown);
  expect(await api.get("/batches?scope=empty")).toMatchObject([shown]);
  const sent = await api.db.use(
    (sql) => sql`select key, trigger, status, action, facts from delivery where batch_id = ${id} order by key`,
  );
  expect(sent.map((d) => d.key)).toEqual([`batch:${id}:complete`, `batch:${id}:complete#2`]);
  expect(sent[0]).toMatchObject({
    trigger: "end",
    status: "pending",
    action: hook,
    facts: { batch_id: id, counts: {}, completed_at: expect.stringMatching(/\.\d{3}Z$/) },
  });
});

it("writes nothing for a dry run, nor for a refused batch", async () => {
  const count = async () => (await api.db.use((sql) => sql`select count(*)::int as n from batch`))[0]?.n;
  const before = await count();
  const rule = { type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields: [] } };
  const dry = await api.post(
    [task("a", { rules: [rule] }), task("b", { dependencies: [{ id: "a" }] }), task("c")],
    "?dry_run=1",
  );
  expect([dry.statusCode, dry.json()]).toEqual([
    200,
    { levels: [["a", "c"], ["b"]], deduplicated: [], rules: [{ id: "a", rule }], warnings: [] },
  ]);
  expect((await api.post([task("a"), task("a")])).statusCode).toBe(400);
  expect(await count()).toBe(before);
});

describe("dedupe", () => {
  const strategy = (kind: string, status = "Pending") => [{ kind, status, fields: ["key"] }];

  it("creates one of many equal tasks sent at once", async () => {
    const one = [task("a", { kind: "race", metadata: { key: { b: 1, a: null } }, dedupe_strategy: strategy("race") })];
    const answers = await Promise.all(Array.from({ length: 12 }, () => api.post(one)));
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, ...Array(11).fill(204)]);
  });

  it("waits for a call that may create the twin, and not for one of another value", async () => {
    const of = (key: string) => ({
      ...task("a", { kind: "turns", metadata: { key, env: "prod" } }),
      dedupe_strategy: [{ kind: "turns", status: "Pending" as const, fields: ["env", "key"] }],
    });
    const batch = { tasks: [of("order 1")], onComplete: [], scope: null, metadata: null, paused: false, deadEnd: null };
    let waiting: ReturnType<typeof api.post> | undefined;
    await api.db.tx(async (sql) => {
      await takeLocks(sql, locksOf(batch as NewBatch));
      // While these are held, another value goes through.
      expect((await api.post([of("order 2")])).statusCode).toBe(201);
      waiting = api.post([of("order 1")]);
      const blocked = () => sql`select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`;
      await until(async () => (await blocked()).length === 1, 10_000);
      const plan = planBatch(batch as NewBatch, uuidv7(Date.now()), Date.now());
      await insertPlans(sql, [{ ...plan, createdBy: "token" }], Date.now());
    });
    expect((await waiting)?.statusCode).toBe(204);
  });

  it("leaves out the twin only, and counts a dependency on it as met", async () => {
    await api.post([task("first", { kind: "twin", metadata: { key: 1, other: 2 } })]);
    const again = [
      task("a", { kind: "twin", metadata: { key: 1 }, dedupe_strategy: strategy("twin") }),
      task("b", {
        kind: "twin",
        metadata: { key: 2 },
        dedupe_strategy: strategy("twin"),
        dependencies: [{ id: "a", requires_success: true }],
      }),
      task("c", { kind: "twin", dedupe_strategy: strategy("twin") }),
    ];
    expect((await api.post(again, "?dry_run=true")).json()).toEqual({
      levels: [["b", "c"]],
      deduplicated: ["a"],
      rules: [],
      warnings: [],
    });
    const answer = await api.post(again);
    expect(answer.headers["baton-deduplicated"]).toBe("a");
    expect(answer.json().map((t: { local_id: string; status: string }) => [t.local_id, t.status])).toEqual([
      ["b", "Pending"],
      ["c", "Pending"],
    ]);
  });
});

it("takes the same bodies over NATS", async () => {
  const deps = {
    config: {
      maxTasksPerBatch: 10,
      maxDepsPerTask: 10,
      maxLinksPerBatch: 100,
      maxActionsPerTask: 10,
      maxUnfinishedTasks: 0,
    },
    policy: strict,
    db: api.db,
    commands: { notifyClaims: () => {} },
    large: api.large,
  };
  const made = await createFromMessage(deps, new TextEncoder().encode(JSON.stringify([task("a")])));
  expect([made.status, (made.body as unknown[]).length, made.headers["x-batch-id"]]).toEqual([
    201,
    1,
    expect.any(String),
  ]);
  expect(await createFromMessage(deps, "{")).toMatchObject({ status: 400, body: { error: "Malformed JSON" } });
  expect(await createFromMessage(deps, "[5]")).toMatchObject({
    status: 400,
    body: { error: "Validation failed", code: "validation_failed", details: ["tasks[0]: must be an object, not 5"] },
  });
});

it("creates 20,000 linked tasks in one call", async () => {
  const n = 20_000;
  const sent = Array.from({ length: n }, (_, i) =>
    task(`t${i}`, {
      on_start: hook,
      dependencies: i < 10 ? [] : [{ id: `t${i - 1}` }, { id: `t${i - 10}`, requires_success: true }],
    }),
  );
  const answer = await api.post(sent);
  expect([answer.statusCode, answer.json().length]).toEqual([201, n]);
  const id = answer.headers["x-batch-id"];
  expect((await api.get(`/batch/${id}`)).status_counts).toMatchObject({ pending: 10, waiting: n - 10 });
  const pages = await Promise.all([0, 1].map((page) => api.get(`/dag/${id}?page=${page}`)));
  expect(pages.map(({ tasks }) => tasks.length)).toEqual([n / 2, n / 2]);
  expect(pages.reduce((sum, { links }) => sum + links.length, 0)).toBe(2 * (n - 10));
  expect(pages[1].tasks.at(-1).local_id).toBe(`t${n - 1}`);
});

it("creates many at once, and where one of a group is refused the others are not", async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => api.post([task(`t${i}`)])));
  expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([201]));
  const now = Date.now();
  const sent = { tasks: [task("a")], onComplete: [], scope: "group", metadata: null, paused: false, deadEnd: null };
  const plan = (id: string) => ({ ...planBatch(sent, id, now), createdBy: "token" });
  const same = uuidv7(now);
  const ids = [uuidv7(now), uuidv7(now), same, same, uuidv7(now), uuidv7(now)];
  const ends = await Promise.allSettled(ids.map((id) => insertBatch(api.db, plan(id), now)));
  expect(ends.filter((end) => end.status === "rejected")).toHaveLength(1);
  expect((await api.get("/batches?scope=group")).map((b: { batch_id: string }) => b.batch_id).sort()).toEqual(
    [...new Set(ids)].sort(),
  );
});

it("works on one connection", async () => {
  const small = await openApi({ POOL_MAX_SIZE: "1" });
  const dedupe_strategy = [{ kind: "k", status: "Pending", fields: ["key"] }];
  const keyed = Array.from({ length: 20 }, (_, key) => [task(`t${key}`, { metadata: { key }, dedupe_strategy })]);
  const answers = await Promise.all(keyed.map((batch) => small.post(batch)));
  expect(answers.map((answer) => answer.statusCode)).toEqual(Array(20).fill(201));
  await small.close();
});
