// POST /bulk on a real Postgres, without workers: what matches, what is answered, what is kept, and what a rehearsal costs.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refused } from "#test/refused";
import { openApi } from "./api.ts";

const env = { MAX_TASKS_PER_BATCH: "20000", PAYLOAD_MAX_BYTES: "50000000" };
let api: Awaited<ReturnType<typeof openApi>>;
beforeAll(async () => {
  api = await openApi(env);
});
afterAll(() => api.close());

const call = async (method: "GET" | "POST" | "DELETE", url: string, body?: object, headers = {}) => {
  const json = { "content-type": "application/json", ...headers };
  const sent = body === undefined ? { headers } : { headers: json, payload: JSON.stringify(body) };
  const answer = await api.app.inject({ method, url, ...sent });
  return { status: answer.statusCode, body: answer.json(), link: String(answer.headers.link ?? "") };
};
const bulk = (body: object, headers = {}) => call("POST", "/bulk", { action: "cancel", ...body }, headers);
const create = async (n: number, more: object = {}, batch: object = {}) => {
  const tasks = Array.from({ length: n }, (_, i) => ({ id: `t${i}`, name: `t${i}`, kind: "k", ...more }));
  const answer = await api.post({ tasks, ...batch });
  expect(answer.statusCode).toBe(201);
  return { batch: String(answer.headers["x-batch-id"]), ids: answer.json().map((one: { id: string }) => one.id) };
};
const rows = async (table: string) =>
  (await api.db.use((sql) => sql.unsafe(`select count(*)::int as n from ${table}`)))[0]?.n;
const missing = "019b0000-0000-7000-8000-000000000000";

describe("what matches", () => {
  it("is what the listing shows", async () => {
    const { batch, ids } = await create(12, { kind: "listed", metadata: { tenant: "a", more: [1] }, timeout: 77 });
    const other = await create(2, { kind: "listed too", metadata: { tenant: "b" }, delay_secs: 60 });
    const sampled = async (tasks: object) => (await bulk({ tasks, dry_run: true })).body;
    const listed = async (query: string) =>
      (await api.get(`/task?page_size=10&${query}`)).map(({ id }: { id: string }) => id);
    for (const [tasks, query, matched] of [
      [{ kind: "listed" }, "kind=listed", 14],
      [{ kind: "listed too" }, "kind=listed%20too", 2],
      [{ batch_id: batch.toUpperCase() }, `batch_id=${batch}`, 12],
      [{ metadata: { tenant: "a" }, timeout: 77 }, 'metadata={"tenant":"a"}&timeout=77', 12],
      [{ batch_id: batch, status: "Running" }, `batch_id=${batch}&status=Running`, 0],
      [
        { batch_id: other.batch, status: ["Pending"], start_kind: "none" },
        `batch_id=${other.batch}&start_kind=none`,
        2,
      ],
    ] as const)
      expect(await sampled(tasks)).toEqual({ matched, sample: await listed(query) });
    expect(new Set((await sampled({ batch_id: other.batch })).sample)).toEqual(new Set(other.ids));
    expect(ids).toHaveLength(12);
  });

  it("is found among batches and deliveries as well", async () => {
    const { batch } = await create(1, {}, { scope: "found", metadata: { owner: "data" } });
    const found = { matched: 1, sample: [batch] };
    for (const batches of [{ scope: "found" }, { metadata: { owner: "data" } }, { scope: "found", status: "running" }])
      expect((await bulk({ batches, dry_run: true })).body).toEqual(found);
    const later = new Date(Date.now() + 60_000).toISOString();
    expect((await bulk({ batches: { scope: "found", created_before: later }, dry_run: true })).body).toEqual(found);
    expect((await bulk({ batches: { scope: "found", created_after: later }, dry_run: true })).body.matched).toBe(0);
    const replay = { action: "replay", deliveries: { status: "exhausted", receiver: "nosuch:1" }, dry_run: true };
    expect((await bulk(replay)).body).toEqual({ matched: 0, sample: [] });
  });
});

it("a rehearsal writes nothing, and neither uses nor keeps a key", async () => {
  const { batch } = await create(3);
  const before = await Promise.all(["bulk", "bulk_item", "create_key"].map(rows));
  const key = { "idempotency-key": "rehearsed" };
  const { status, body } = await bulk({ tasks: { batch_id: batch }, dry_run: true }, key);
  expect([status, body.matched]).toEqual([200, 3]);
  expect(await Promise.all(["bulk", "bulk_item", "create_key"].map(rows))).toEqual(before);
  expect((await bulk({ tasks: { batch_id: batch } }, key)).status).toBe(202);
});

it("is written down with its set as of the call", async () => {
  const { batch, ids } = await create(3);
  const { status, body } = await bulk({ tasks: { batch_id: batch }, reason: "why" });
  expect([status, body]).toEqual([202, { bulk_id: expect.any(String), matched: 3 }]);
  const items = await api.db.use((sql) => sql`select target from bulk_item where bulk_id = ${body.bulk_id} order by n`);
  expect(new Set(items.map(({ target }) => target))).toEqual(new Set(ids));
  const seen = await call("GET", `/bulk/${body.bulk_id}`);
  expect(seen).toMatchObject({ status: 200 });
  expect(seen.body).toEqual({
    ...{
      bulk_id: body.bulk_id,
      action: "cancel",
      filter: { tasks: { batch_id: batch } },
      reason: "why",
      actor: "anonymous",
    },
    ...{ state: "running", matched: 3, done: 0, skipped: 0, failed: 0, created_at: expect.any(String), ended_at: null },
  });
  const [listed] = (await call("GET", "/bulk?page_size=1")).body;
  expect(listed).toEqual(seen.body);
});

it("of nothing is done at once", async () => {
  const { body } = await bulk({ tasks: { batch_id: missing } });
  expect(body.matched).toBe(0);
  const seen = await call("GET", `/bulk/${body.bulk_id}`);
  expect(seen.body).toMatchObject({ state: "done", matched: 0, done: 0, ended_at: expect.any(String) });
  expect((await call("DELETE", `/bulk/${body.bulk_id}`)).body).toEqual(seen.body);
});

it("is stopped before it was begun: nothing of it is done, and nothing changes after that", async () => {
  const { batch } = await create(3);
  const { body } = await bulk({ tasks: { batch_id: batch } });
  const stopped = await call("DELETE", `/bulk/${body.bulk_id}`);
  expect(stopped).toMatchObject({
    status: 200,
    body: { state: "stopped", matched: 3, done: 0, ended_at: expect.any(String) },
  });
  expect((await call("DELETE", `/bulk/${body.bulk_id}`)).body).toEqual(stopped.body);
});

it.each(["GET", "DELETE"] as const)("%s of one that is not known is 404", async (method) => {
  expect(await call(method, `/bulk/${missing}`)).toMatchObject({
    ...{ status: 404, body: refused("unknown_bulk", "No such bulk operation") },
  });
});

it("knows 10,000 matches at once, and leaves more to a worker", async () => {
  const { batch } = await create(10_000, { kind: "ten thousand" });
  const tasks = { kind: "ten thousand" };
  expect((await bulk({ tasks })).body.matched).toBe(10_000);
  await create(1, { kind: "ten thousand" });
  const { status, body } = await bulk({ tasks });
  expect([status, body]).toEqual([202, { bulk_id: expect.any(String), matched: null }]);
  expect((await call("GET", `/bulk/${body.bulk_id}`)).body).toMatchObject({ state: "collecting", matched: null });
  expect((await bulk({ tasks, dry_run: true })).body).toEqual({ matched: 10_001, sample: expect.any(Array) });
  expect((await call("DELETE", `/bulk/${body.bulk_id}`)).body).toMatchObject({ state: "stopped", matched: null });
  expect(batch).toBeTruthy();
});

it("counts to 100,000 in a rehearsal, and says that there is more", async () => {
  await api.db.tx(async (sql) => {
    await sql.unsafe("set local statement_timeout = 0");
    await sql`
      insert into batch (id, total, unfinished, created_at, completed_at)
      select gen_random_uuid(), 0, 0, now() - interval '1 day' - n * interval '1 s', now() from generate_series(1, 100001) n`;
    await sql`analyze batch`;
  }, 60_000);
  const created_before = new Date(Date.now() - 3_600_000).toISOString();
  const { body } = await bulk({ batches: { created_before }, dry_run: true });
  expect(body).toMatchObject({ matched: 100_000, more: true });
  expect(body.sample).toHaveLength(10);
});

describe("under a key", () => {
  it("a repetition gets the first answer, another body is refused, and another path is another key", async () => {
    const key = { "idempotency-key": "k1" };
    const { batch } = await create(2);
    const first = await bulk({ tasks: { batch_id: batch } }, key);
    await create(2);
    const before = await rows("bulk");
    expect(await bulk({ tasks: { batch_id: batch, kind: "" } }, key)).toEqual(first);
    expect(await bulk({ tasks: { batch_id: batch }, reason: "x" }, key)).toMatchObject({
      status: 422,
      body: { code: "key_reused" },
    });
    const until = (created_before: string) =>
      bulk({ batches: { scope: "keyed", created_before } }, { "idempotency-key": "k3" });
    expect((await until("2030-01-31T12:00:00Z")).status).toBe(202);
    expect((await until("2030-01-31T14:00:00+02:00")).status).toBe(202);
    expect((await until("2030-02-01T12:00:00Z")).status).toBe(422);
    expect(await rows("bulk")).toBe(before + 1);
    const created = await call("POST", "/task", { tasks: [{ id: "a", name: "a", kind: "k" }] }, key);
    expect(created.status).toBe(201);
  });

  it("calls at the same moment make one operation", async () => {
    const { batch } = await create(2);
    const before = await rows("bulk");
    const asked = () => bulk({ tasks: { batch_id: batch } }, { "idempotency-key": "k2" });
    const answers = await Promise.all([asked(), asked(), asked()]);
    expect(new Set(answers.map(({ body }) => body.bulk_id)).size).toBe(1);
    expect(await rows("bulk")).toBe(before + 1);
  });
});

it("tells workers of it", async () => {
  const before = api.rings();
  await bulk({ tasks: { batch_id: missing } });
  expect(api.rings()).toBe(before + 1);
});

it("lists every fault of a body", async () => {
  const { status, body } = await bulk({ tasks: { status: "x", knid: 1 }, dry_run: 1 });
  expect(status).toBe(400);
  expect(body.faults.map(({ path, code }: { path: string; code: string }) => [path, code])).toEqual([
    ["/dry_run", "wrong_type"],
    ["/tasks/status", "not_allowed"],
    ["/tasks/knid", "unknown_field"],
  ]);
});

it("lists operations newest first, page by page", async () => {
  const all: string[] = [];
  for (let url = "/bulk?page_size=3"; url !== ""; ) {
    const { body, link } = await call("GET", url);
    for (const { bulk_id } of body) all.push(bulk_id);
    url = /^<(.+)>; rel="next"$/.exec(link)?.[1] ?? "";
  }
  const stored = await api.db.use((sql) => sql<{ id: string }[]>`select id from bulk order by created_at desc, id`);
  expect(all).toEqual(stored.map(({ id }) => id));
  expect(all.length).toBeGreaterThan(6);
});
