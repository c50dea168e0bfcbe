// MAX_UNFINISHED_TASKS: once so many tasks are unfinished every creation is refused with the advice to come again later, over HTTP and NATS;
// what creates nothing is not full, and without a limit nobody counts.
import { afterAll, beforeEach, expect, it } from "vitest";
import { createFromMessage } from "#intake/by-message";
import { strict } from "#test/policy";
import { refused } from "#test/refused";
import { openApi } from "./api.ts";

const api = await openApi({ MAX_UNFINISHED_TASKS: "4" });
afterAll(api.close);
beforeEach(() => api.db.use((sql) => sql`truncate batch, task cascade`));

const tasks = (n: number) => Array.from({ length: n }, (_, i) => ({ id: `t${i}`, name: "t", kind: "k" }));
const keyed = (key: string, body: unknown) =>
  api.app.inject({
    ...{ method: "POST", url: "/task", payload: JSON.stringify(body) },
    headers: { "content-type": "application/json", "idempotency-key": key },
  });
const rerun = (batch: string) =>
  api.app.inject({
    ...{ method: "POST", url: `/batch/${batch}/rerun`, payload: '{"only":"all"}' },
    headers: { "content-type": "application/json" },
  });
const add = (batch: string, body: readonly object[], more: Record<string, string> = {}) =>
  api.app.inject({
    ...{ method: "POST", url: `/batch/${batch}/tasks`, headers: { "content-type": "application/json", ...more } },
    payload: JSON.stringify(body.map((task) => ({ ...task, id: "added" }))),
  });
const batchOf = (answer: { headers: Record<string, unknown> }) => answer.headers["x-batch-id"] as string;
const end = (batch: string) =>
  api.db.tx(async (sql) => {
    await sql`update task set status = 'Canceled', ended_at = now(), due_at = null where batch_id = ${batch}`;
    await sql`update batch set unfinished = 0, canceled = total, completed_at = now() where id = ${batch}`;
  });
const count = async () => (await api.db.use((sql) => sql`select count(*)::int as n from task`))[0]?.n as number;

const full = refused("too_many_unfinished", "Too many tasks are unfinished", {
  details: ["tasks: 5 are unfinished, the limit is 4"],
});

it("is reached by what is unfinished, and left again when that ends", async () => {
  const [first, second] = [await api.post(tasks(3)), await api.post(tasks(2))];
  expect([first.statusCode, second.statusCode]).toEqual([201, 201]);
  const third = await api.post(tasks(1));
  expect([third.statusCode, third.headers["retry-after"], third.json()]).toEqual([429, "5", full]);
  expect((await api.post([])).statusCode).toBe(429);
  expect(await count()).toBe(5);
  await end(batchOf(first));
  expect((await api.post(tasks(1))).statusCode).toBe(201);
});

it("holds for reruns, for calls with a key, for those that leave out what exists, and for NATS", async () => {
  const ended = await api.post(tasks(2));
  await end(batchOf(ended));
  await api.post(tasks(5));
  const again = await rerun(batchOf(ended));
  expect([again.statusCode, again.headers["retry-after"], again.json()]).toEqual([429, "5", full]);
  expect((await keyed("limit", tasks(1))).json()).toEqual(full);
  const [open] = await api.db.use((sql) => sql`select id from batch where completed_at is null`);
  expect((await add(open?.id, tasks(1))).json()).toEqual(full);
  expect((await add(open?.id, tasks(1), { "idempotency-key": "limit" })).json()).toEqual(full);
  const dedupe_strategy = [{ kind: "k", status: "Pending", fields: [] }];
  expect((await api.post(tasks(1).map((task) => ({ ...task, dedupe_strategy })))).json()).toEqual(full);
  const config = {
    maxTasksPerBatch: 9,
    maxDepsPerTask: 9,
    maxLinksPerBatch: 100,
    maxActionsPerTask: 9,
    maxUnfinishedTasks: 4,
  };
  const byNats = await createFromMessage(
    { config, policy: strict, db: api.db, commands: { notifyClaims: () => {} }, large: api.large },
    JSON.stringify(tasks(1)),
  );
  expect(byNats).toMatchObject({ status: 429, body: full });
  expect(await count()).toBe(7);
});

it("refuses neither a repetition, nor a dry run, nor what is malformed", async () => {
  const first = await keyed("repeated", tasks(5));
  expect(first.statusCode).toBe(201);
  const repeated = await keyed("repeated", tasks(5));
  expect([repeated.statusCode, repeated.body]).toEqual([201, first.body]);
  expect((await keyed("repeated", tasks(1))).statusCode).toBe(422);
  expect((await api.post(tasks(1), "?dry_run=1")).statusCode).toBe(200);
  expect((await api.post([{}])).statusCode).toBe(400);
  // A key that was full is not used up.
  expect((await keyed("later", tasks(1))).statusCode).toBe(429);
  await end(batchOf(first));
  expect((await keyed("later", tasks(1))).statusCode).toBe(201);
});

it("counts in a way that leaves the updates of a batch cheap", async () => {
  const batch = batchOf(await api.post(tasks(3)));
  const hot = await api.db.tx(async (sql) => {
    await sql`update batch set unfinished = 2, succeeded = total - 2, completed_at = null where id = ${batch}`;
    return sql`select pg_stat_get_xact_tuples_hot_updated('batch'::regclass)::int as n`;
  });
  expect(hot[0]?.n).toBe(1);
});

it.each([
  ["10", true],
  ["0", false],
])("is counted where it is set, and only there: %s", async (max, counted) => {
  const free = await openApi({ MAX_UNFINISHED_TASKS: max });
  const queries: string[] = [];
  const use = free.db.use.bind(free.db);
  free.db.use = (work, ...rest) => {
    queries.push(String(work));
    return use(work, ...rest);
  };
  expect((await free.post(tasks(5))).statusCode).toBe(201);
  expect(queries.some((query) => query.includes("unfinished"))).toBe(counted);
  await free.close();
});
