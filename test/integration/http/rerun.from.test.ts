// A rerun with dependents, or from named tasks: what is in it, and what ends as soon as it exists.
import { afterAll, expect, it } from "vitest";
import { planRerun } from "#domain/create/rerun";
import { uuidv7 } from "#domain/values/uuid";
import { insertBatch } from "#store/create/create";
import { readEnded } from "#store/create/rerun";
import { hook, ids, missing, openReruns, task } from "./rerun.stage.ts";

const { api, create, end, rerun, count } = await openReruns();
afterAll(api.close);

const chain = [
  task("extract"),
  task("check", { dependencies: [{ id: "extract", requires_success: true }] }),
  task("load", { dependencies: [{ id: "check", condition: "none_failed" }] }),
  task("notify", { dependencies: [{ id: "load" }] }),
];
const idsOf = async (batch: string) =>
  Object.fromEntries(
    (await api.get(`/dag/${batch}`)).tasks.map((one: { local_id: string; id: string }) => [one.local_id, one.id]),
  );

it("also runs what ran after a task that failed", async () => {
  const old = await create(chain);
  await end(old, { check: "Failure" });
  expect(ids((await rerun(old)).json())).toEqual(["check"]);
  const answer = await rerun(old, { dependents: true });
  expect(ids(answer.json())).toEqual(["check", "load", "notify"]);
  expect(answer.json()[0]).toMatchObject({ status: "Pending" });
  const { links } = await api.get(`/dag/${String(answer.headers["x-batch-id"])}?compact=1`);
  expect(links).toEqual([
    [0, 1, "none_failed"],
    [1, 2, "always"],
  ]);
});

it("runs the named tasks and what depends on them instead", async () => {
  const old = await create(chain);
  await end(old, { extract: "Failure" });
  const { load = "" } = await idsOf(old);
  expect(ids((await rerun(old, { from: [load.toUpperCase(), load] })).json())).toEqual(["load", "notify"]);
});

it("refuses ids of other tasks, all at once, and writes nothing", async () => {
  const [old, other] = [await create(chain), await create(chain)];
  await end(old);
  const { load = "" } = await idsOf(old);
  const foreign = (await idsOf(other)).load ?? "";
  const before = await count();
  const answer = await rerun(old, { from: [foreign, load, missing] });
  const wrong = (n: number, id: string) => `from[${n}]: no task of this batch has the id "${id}"`;
  expect([answer.statusCode, answer.json().details]).toEqual([400, [wrong(0, foreign), wrong(2, missing)]]);
  expect(answer.json().faults[0]).toMatchObject({ path: "/from/0", code: "not_allowed" });
  expect(await count()).toBe(before);
});

it("ends at once what a left-out parent rules out, and tells those who asked for it", async () => {
  const old = await create([
    task("bad"),
    task("named", { dependencies: [{ id: "bad", requires_success: true }] }),
    task("both", {
      dependencies: [
        { id: "named", requires_success: true },
        { id: "bad", requires_success: true },
      ],
      expected_count: 3,
      ...{ on_failure: [hook("f1"), hook("f2")], on_success: [hook("s")] },
    }),
    task("after", { dependencies: [{ id: "both", condition: "on_success" }], on_failure: [hook("f3")] }),
    task("alarm", { dependencies: [{ id: "both", condition: "on_failure" }] }),
  ]);
  await end(old, { bad: "Failure", named: "Failure", both: "Failure", after: "Skipped" });
  const { named = "" } = await idsOf(old);
  const key = { "idempotency-key": `lost of ${old}` };
  const answer = await rerun(old, { from: [named] }, key);
  const batch = String(answer.headers["x-batch-id"]);
  const made = answer.json() as { id: string; local_id: string; status: string; ended_at: string | null }[];
  expect(made.map(({ local_id, status }) => [local_id, status])).toEqual([
    ["named", "Pending"],
    ["both", "Failure"],
    ["after", "Skipped"],
    ["alarm", "Pending"],
  ]);
  expect(made[1]).toMatchObject({ failure_reason: "Required parent task bad failed" });
  expect((await rerun(old, { from: [named] }, key)).json()).toEqual(made);
  for (const { blocked_by: _, ...one } of await Promise.all(made.map(({ id }) => api.get(`/task/${id}`))))
    expect(one).toEqual(made.find(({ id }) => id === one.id));
  expect(await api.get(`/batch/${batch}`)).toMatchObject({
    ...{ status: "running", total_tasks: 4, total_expected: null, first_failure: null, completed_at: null },
    status_counts: { pending: 2, failure: 1, skipped: 1 },
  });
  const [row] = await api.db.use(
    (sql) =>
      sql`select unfinished, failed, followed, skipped, ended_expected, ended_unexpected from batch where id = ${batch}`,
  );
  expect(row).toEqual({ unfinished: 2, failed: 1, followed: 1, skipped: 1, ended_expected: 3, ended_unexpected: 1 });
  const open = await api.db.use(
    (sql) => sql`select children, open_children from task where batch_id = ${batch} order by pos`,
  );
  // As in a turn: the count of a task that has ended stays.
  expect(open.map((one) => [one.children, one.open_children])).toEqual([
    [1, 0],
    [2, 2],
    [0, 0],
    [0, 0],
  ]);
  const [event, ...more] = await api.get(`/task/${made[1]?.id}/events`);
  expect(more).toEqual([]);
  expect(event).toMatchObject({
    ...{ from: "Waiting", to: "Failure", event: "parent_lost", at: made[1]?.ended_at, attempt: 0 },
    ...{ reason: "Required parent task bad failed", actor: expect.stringMatching(/^worker:\d+$/) },
  });
  const deliveries = await api.db.use(
    (sql) => sql`select key, status, action, receiver, facts from delivery where batch_id = ${batch} order by key`,
  );
  expect(deliveries.map((one) => [one.key, one.status, one.action, one.receiver])).toEqual([
    [`${made[1]?.id}:end:failure`, "pending", hook("f1"), "http://127.0.0.1:9"],
    [`${made[1]?.id}:end:failure#2`, "pending", hook("f2"), "http://127.0.0.1:9"],
  ]);
  expect(deliveries[0]?.facts).toEqual({
    ...{ task_id: made[1]?.id, status: "Failure", ended_at: made[1]?.ended_at, trigger: "end", attempt: 0 },
    failure_reason: "Required parent task bad failed",
  });
});

it("is refused where the batch is being deleted since it was read, and writes nothing", async () => {
  const old = await create(chain);
  await end(old, { check: "Failure" });
  const read = await readEnded(api.db, old, { only: "all", dependents: false, from: null });
  if (read === undefined || "unfinished" in read) throw new Error("the batch is not complete");
  const now = Date.now();
  const plan = { ...planRerun(read.batch, read.pick, { id: uuidv7(now), now }), createdBy: "token" };
  const before = await count();
  const { notify = "" } = await idsOf(old);
  await api.db.use((sql) => sql`delete from task where id = ${notify}`);
  await expect(insertBatch(api.db, plan, now)).rejects.toMatchObject({ status: 404, code: "unknown_batch" });
  await api.db.use((sql) => sql`delete from batch where id = ${old}`);
  await expect(insertBatch(api.db, plan, now)).rejects.toMatchObject({ status: 404, code: "unknown_batch" });
  expect(await count()).toBe(before - 1);
});
