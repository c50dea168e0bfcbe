// Reading on a real Postgres: filters, pages, orders, events, graphs and deliveries, and 404 for what does not exist.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refused } from "#test/refused";
import { openApi } from "./api.ts";

const api = await openApi({ PAGINATION_MAX: "7", PAGINATION_DEFAULT: "5" });
afterAll(api.close);

const missing = "019b0000-0000-7000-8000-000000000000";
const task = (id: string, more: object = {}) => ({ id, name: `Name_${id}%`, kind: "Build.x", ...more });
const batches: string[] = [];
const ids = new Map<string, string>();

beforeAll(async () => {
  for (let i = 0; i < 4; i++) {
    const tasks = [
      task(`a${i}`, { metadata: { n: i, deep: { list: [1, 2] } }, timeout: 60 + i, expected_count: 2 }),
      task(`b${i}`, { dependencies: [{ id: `a${i}`, condition: "on_success" }], kind: `other${i}`, expected_count: 3 }),
    ];
    const answer = await api.post({ tasks, scope: `scope${i % 2}`, metadata: { i, even: i % 2 === 0 } });
    batches.push(answer.headers["x-batch-id"] as string);
    for (const one of answer.json()) ids.set(one.local_id, one.id);
  }
});

const names = async (query: string) => (await api.get(`/task?${query}`)).map((t: { local_id: string }) => t.local_id);

describe("GET /task", () => {
  it.each<[string, string[]]>([
    ["name=a3", ["a3"]],
    ["name=NAME", []],
    ["kind=Build&page_size=100", ["a3", "a2", "a1", "a0"]],
    ["kind=B_ild", []],
    ["status=Waiting", ["b3", "b2", "b1", "b0"]],
    ["timeout=62", ["a2"]],
    [`metadata=${encodeURIComponent('{"deep":{"list":[2]}}')}&status=Pending`, ["a3", "a2", "a1", "a0"]],
    [`metadata=${encodeURIComponent('{"n":1}')}`, ["a1"]],
    ["kind=Build&page=1&page_size=3", ["a0"]],
    ["page=1000000000000", []],
  ])("?%s", async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  it("takes % and _ for what they are", async () => {
    expect(await names("name=_a0%25")).toEqual(["a0"]);
    expect(await names(`name=${encodeURIComponent("\\")}`)).toEqual([]);
  });

  it("of a batch, in pages of the default and the largest size, without the cold fields", async () => {
    expect((await names(`batch_id=${batches[2]?.toUpperCase()}`)).sort()).toEqual(["a2", "b2"]);
    expect([(await names("")).length, (await names("page_size=1000")).length]).toEqual([5, 7]);
    const [first] = await api.get("/task");
    for (const key of ["actions", "rules", "metadata"]) expect(first).not.toHaveProperty(key);
  });
});

describe("GET /batches", () => {
  const scopes = async (query: string) =>
    (await api.get(`/batches?${query}`)).map((b: { batch_id: string }) => batches.indexOf(b.batch_id));

  it.each<[string, number[]]>([
    ["", [3, 2, 1, 0]],
    ["scope=scope1", [3, 1]],
    ["scope=scope", []],
    ["kind=other2", [2]],
    ["kind=other2&status=Pending", []],
    ["kind=other2&status=Waiting&name=b2", [2]],
    ["status=Running", []],
    [`metadata=${encodeURIComponent('{"even":true}')}`, [2, 0]],
    ["page=1&page_size=3", [0]],
    ["created_after=2100-01-01T00:00:00Z", []],
    ["created_before=2100-01-01T00:00:00%2B01:00", [3, 2, 1, 0]],
  ])("?%s", async (query, expected) => {
    expect(await scopes(query)).toEqual(expected);
  });

  it("lists none again that was created at the time shown", async () => {
    const { created_at } = await api.get(`/batch/${batches[1]}`);
    expect(await scopes(`created_after=${created_at}`)).not.toContain(1);
    expect(await scopes(`created_after=${new Date(Date.parse(created_at) - 1).toISOString()}`)).toContain(1);
  });

  it("sums what its tasks say", async () => {
    await api.db.use((sql) => sql`update task set success = 5, failures = 1 where id = ${ids.get("a0") ?? ""}`);
    const batch = await api.get(`/batch/${batches[0]}`);
    expect(batch).toMatchObject({
      total_tasks: 2,
      total_success: 5,
      total_failures: 1,
      total_expected: 5,
      scope: "scope0",
      metadata: { i: 0, even: true },
    });
    expect(batch.status_counts).toEqual({
      waiting: 1,
      pending: 1,
      claimed: 0,
      running: 0,
      retrying: 0,
      paused: 0,
      success: 0,
      failure: 0,
      canceled: 0,
      skipped: 0,
    });
    const { first_failure, ...listed } = batch;
    expect(first_failure).toBe(null);
    expect(await api.get("/batches?page_size=1&page=3")).toEqual([listed]);
  });
});

it("names the unfinished dependencies of a task", async () => {
  expect((await api.get(`/task/${ids.get("b1")}`)).blocked_by).toEqual([
    { type: "dependency", task_id: ids.get("a1") },
  ]);
  expect((await api.get(`/task/${ids.get("a1")}`)).blocked_by).toEqual([{ type: "slots" }]);
});

it("says nothing of blockers once a task has ended", async () => {
  await api.db.use(
    (sql) => sql`update task set status = 'Canceled', ended_at = now() where id = ${ids.get("b3") ?? ""}`,
  );
  expect(await api.get(`/task/${ids.get("b3")}`)).not.toHaveProperty("blocked_by");
});

it("draws the graph as it was sent", async () => {
  const { tasks, links } = await api.get(`/dag/${batches[1]}`);
  expect(tasks.map((t: { local_id: string }) => t.local_id)).toEqual(["a1", "b1"]);
  expect(links).toEqual([
    { parent_id: ids.get("a1"), child_id: ids.get("b1"), requires_success: false, condition: "on_success" },
  ]);
});

it("lists events, oldest first", async () => {
  const id = ids.get("a2") ?? "";
  await api.db.use(
    (sql) => sql`
      insert into event (task_id, batch_id, "from", "to", event, at, attempt, reason, actor)
      select ${id}::uuid, ${batches[2] ?? ""}::uuid, 'Pending'::task_status, s::task_status, e, now(), 0, null, 'test'
      from (values ('Claimed', 'claim'), ('Running', 'started')) v (s, e)`,
  );
  const events = await api.get(`/task/${id}/events`);
  expect(events.map((e: { to: string }) => e.to)).toEqual(["Claimed", "Running"]);
  expect(events[0]).toEqual({
    id: expect.any(Number),
    task_id: id,
    batch_id: batches[2],
    from: "Pending",
    to: "Claimed",
    event: "claim",
    at: expect.stringMatching(/Z$/),
    attempt: 0,
    reason: null,
    actor: "test",
  });
  expect(await api.get(`/task/${ids.get("a0")}/events`)).toEqual([]);
});

it("lists deliveries, newest first", async () => {
  const id = ids.get("a3") ?? "";
  const made = await api.db.use(
    (sql) => sql`
      insert into delivery (id, key, task_id, batch_id, trigger, action, facts, created_at, status, done_at)
      select gen_random_uuid(), ${id} || n, ${id}::uuid, ${batches[3] ?? ""}::uuid, 'end', '{}', '{}', now() + n * interval '1 s',
        (case n when 1 then 'pending' else 'exhausted' end)::delivery_status, case n when 1 then null else now() end
      from generate_series(1, 3) n returning id`,
  );
  const found = async (query: string) =>
    (await api.get(`/webhook-deliveries?${query}`)).map((d: { id: string }) => made.findIndex((m) => m.id === d.id));
  expect(await found(`task_id=${id}`)).toEqual([2, 1, 0]);
  expect(await found("status=exhausted&page_size=1&page=1")).toEqual([1]);
  expect(await found(`task_id=${missing}`)).toEqual([]);
  expect(Object.keys((await api.get("/webhook-deliveries"))[0])).toEqual([
    "id",
    "task_id",
    "batch_id",
    "trigger",
    "key",
    "receiver",
    "status",
    "attempts",
    "next_at",
    "last_status",
    "last_error",
    "created_at",
  ]);
});

it.each(["/task/ID", "/task/ID/events", "/batch/ID", "/dag/ID"])("%s of nobody is 404", async (path) => {
  const answer = await api.app.inject(path.replace("ID", missing));
  expect([answer.statusCode, answer.json()]).toEqual([
    404,
    refused(expect.stringMatching(/^unknown_(task|batch)$/) as never, expect.stringMatching(/^No such (task|batch)$/)),
  ]);
});
