// Adding tasks to a batch at the commands, without workers: what they begin with, what the tables hold then, and what is refused.
import { describe, expect, it } from "vitest";
import { type Added, add, api, become, begun, byTask, counts, create, needs, row, task } from "./grow.stage.ts";

it("adds tasks below tasks of the batch, whatever has become of those", async () => {
  const { batch, ids } = await create([task("run"), task("done"), task("broken"), task("below", needs("run"))]);
  await become(ids.done, "Success");
  await become(ids.broken, "Failure");
  const rings = api.rings();
  const { status, body, headers } = await add(batch, [
    task("z", { ...needs("y", { requires_success: true }), kind: "other" }),
    task("w", needs("run", { condition: "on_success" })),
    task("x", needs("done", { requires_success: true })),
    task("y", { ...needs("broken", { requires_success: true }), expected_count: 7 }),
    task("v", needs("broken", { condition: "none_failed" })),
  ]);
  expect([status, headers["x-batch-id"], api.rings()]).toEqual([201, batch, rings + 1]);
  expect(begun(body)).toEqual([
    ["Failure", "Required parent task y failed"],
    ["Waiting", null],
    ["Pending", null],
    ["Failure", "Required parent task broken failed"],
    ["Skipped", "Condition none_failed of parent task broken not met: it is Failure"],
  ]);
  expect(await counts(batch)).toMatchObject({
    total: 9,
    unfinished: 4,
    links: 6,
    failed: 3,
    followed: 2,
    skipped: 1,
    kinds: ["k", "other"],
  });
  expect(await row(ids.run)).toMatchObject({ children: 2, open: 2 });
  expect(await row(ids.broken)).toMatchObject({ children: 2, open: 0 });
  for (const added of body as Added[]) {
    expect(await api.get(`/task/${added.id}`)).toMatchObject(JSON.parse(JSON.stringify(added)));
    expect((await row(added.id))?.rank).toBeGreaterThan(3);
  }
  const events = await api.get(`/task/${body[3].id}/events`);
  expect(events.map((one: { event: string; to: string }) => [one.event, one.to])).toEqual([["parent_lost", "Failure"]]);
  expect(await api.get(`/batch/${batch}`)).toMatchObject({
    ...{ total_tasks: 9, total_expected: null, kinds: ["k", "other"] },
    ...{ status_counts: { success: 1, failure: 3, skipped: 1, pending: 2, waiting: 2 }, first_failure: null },
  });
  expect((await api.get(`/dag/${batch}`)).links).toHaveLength(6);
  expect((await api.get("/batches?kind=other")).map((one: { batch_id: string }) => one.batch_id)).toEqual([batch]);
});

it("lists tasks that were added by their kind, and by that of the batch, newest first, and no more once they are deleted", async () => {
  const { batch } = await create({ open: true, tasks: [task("a", { kind: "first" })] });
  await add(batch, [task("b", { kind: "first" }), task("c", { kind: "second" })]);
  await add(batch, [task("d", { kind: "second" })]);
  const named = async (query: string) =>
    (await api.get(`/task?${query}`)).map((one: { local_id: string }) => one.local_id);
  expect(await named("kind=first")).toEqual(["b", "a"]);
  expect(await named("kind=second")).toEqual(["d", "c"]);
  expect([await named("kind=second&page_size=1"), await named("kind=second&page_size=1&page=1")]).toEqual([
    ["d"],
    ["c"],
  ]);
  expect((await api.get("/batches?kind=second")).map((one: { batch_id: string }) => one.batch_id)).toEqual([batch]);
});

it("takes the two forms of a body and nothing else, and an empty one adds nothing", async () => {
  const { batch } = await create([task("a")]);
  expect((await add(batch, { tasks: [task("b")] })).status).toBe(201);
  expect(await add(batch, [])).toMatchObject({ status: 204, headers: { "x-batch-id": batch } });
  const refused = await add(batch, { tasks: [task("b"), task("c", { timeout: 0, ...needs("ghost") })], scope: "s" });
  expect([refused.status, refused.body.code]).toEqual([400, "validation_failed"]);
  expect(refused.body.details).toEqual([
    "scope: is not a known field",
    expect.stringContaining("tasks[1].timeout"),
    'tasks[0].id: "b" is already the id of a task of the batch',
    'tasks[1].dependencies[0].id: no task of this call or of the batch has the id "ghost"',
  ]);
  expect(refused.body.faults.at(-1)).toMatchObject({ path: "/tasks/1/dependencies/0/id", code: "dependency_unknown" });
  expect(await counts(batch)).toMatchObject({ total: 2 });
});

it("an open batch is not complete when all has ended, and then takes tasks still; one that is complete is 409", async () => {
  const open = await create({ open: true, tasks: [] });
  expect(await api.get(`/batch/${open.batch}`)).toMatchObject({
    status: "running",
    open: true,
    total_tasks: 0,
    completed_at: null,
  });
  expect((await add(open.batch, [task("a")])).status).toBe(201);
  const { batch, ids } = await create([task("a")]);
  await become(ids.a, "Success");
  expect(await add(batch, [task("b")])).toMatchObject({
    status: 409,
    body: { code: "batch_complete", error: "The batch is complete" },
  });
  await api.db.use((sql) => sql`update batch set stopping = true, open = false where id = ${open.batch}`);
  expect(await add(open.batch, [task("b")])).toMatchObject({
    status: 409,
    body: { code: "batch_complete", error: "The batch was stopped" },
  });
  const nowhere = "019b0000-0000-7000-8000-000000000000";
  expect(await add(nowhere, [task("b")])).toMatchObject({ status: 404, body: { code: "unknown_batch" } });
  expect(await byTask(nowhere, [task("b")])).toMatchObject({ status: 404, body: { code: "unknown_task" } });
});

it("pauses what is added to a paused batch, and holds the batch's dead ends for it", async () => {
  const { batch } = await create({ paused: true, open: true, dead_end: "keep", tasks: [] });
  const { body } = await add(batch, [task("a"), task("b", { paused: true, dead_end: "cancel" })]);
  expect(body.map((one: Added & { dead_end: string }) => [one.status, one.dead_end])).toEqual([
    ["Paused", "keep"],
    ["Paused", "cancel"],
  ]);
  const paused = await api.db.use(
    (sql) => sql`select paused_by_batch as p from task where batch_id = ${batch} order by pos`,
  );
  expect(paused.map(({ p }) => p)).toEqual([true, false]);
});

it("finds an earlier task of the addition in the state in which a paused batch takes it", async () => {
  const twin = (id: string, status: string) =>
    task(id, { kind: "held", metadata: { n: id[0] }, dedupe_strategy: [{ kind: "held", status, fields: ["n"] }] });
  const { batch } = await create({ paused: true, open: true, tasks: [] });
  const sent = [twin("a", "Success"), twin("a2", "Paused"), twin("b", "Success"), twin("b2", "Pending")];
  const { body, headers } = await add(batch, sent);
  expect([body.map((one: Added) => one.local_id), headers["baton-deduplicated"]]).toEqual([["a", "b", "b2"], "a2"]);
});

it("takes the id of a task that was deduplicated for met, and gives it again", async () => {
  const twin = { metadata: { n: "dedupe" }, dedupe_strategy: [{ kind: "k", status: "Pending", fields: ["n"] }] };
  const { batch } = await create([task("first", twin), task("left", twin)]);
  const named = await add(batch, [task("x", needs("left", { requires_success: true })), task("left2", twin)]);
  expect([named.status, named.headers["baton-deduplicated"]]).toEqual([201, "left2"]);
  expect(named.body.map((one: Added) => [one.local_id, one.status])).toEqual([["x", "Pending"]]);
  const again = await add(batch, [task("left"), task("y", needs("left2"))]);
  expect(again.body.map((one: Added) => one.status)).toEqual(["Pending", "Pending"]);
  // Now it is a task, and the one that is meant.
  expect((await add(batch, [task("z", needs("left"))])).body.map((one: Added) => one.status)).toEqual(["Waiting"]);
});

it("plans and writes nothing with dry_run", async () => {
  const { batch, ids } = await create([task("a")]);
  const rehearsed = await add(batch, [task("b", needs("a")), task("c", needs("b"))], {}, "?dry_run=1");
  expect(rehearsed).toMatchObject({
    status: 200,
    body: { levels: [["b"], ["c"]], deduplicated: [], rules: [], warnings: [] },
  });
  expect([await counts(batch), await row(ids.a)]).toMatchObject([{ total: 1 }, { children: 0 }]);
  await become(ids.a, "Success");
  expect((await add(batch, [task("b")], {}, "?dry_run=1")).status).toBe(409);
});

describe("with an Idempotency-Key", () => {
  it("gives the first answer again, also when the batch is complete by then", async () => {
    const { batch, ids } = await create([task("a"), task("broken")]);
    await become(ids.broken, "Failure");
    const key = { "idempotency-key": "one" };
    const sent = [task("b", needs("a")), task("c", needs("broken", { requires_success: true }))];
    const first = await add(batch, sent, key);
    expect([first.status, begun(first.body)]).toEqual([
      201,
      [
        ["Waiting", null],
        ["Failure", "Required parent task broken failed"],
      ],
    ]);
    const repeated = async () => {
      const { status, body, headers } = await add(batch, sent, key);
      expect([status, body, headers["x-batch-id"]]).toEqual([201, first.body, batch]);
    };
    await repeated();
    await become(ids.a, "Success");
    await become(first.body[0].id, "Success");
    expect((await api.get(`/batch/${batch}`)).completed_at).not.toBeNull();
    await repeated();
    expect(await add(batch, [task("b", needs("a"))], key)).toMatchObject({ status: 422, body: { code: "key_reused" } });
    await api.db.use((sql) => sql`delete from batch where id = ${batch}`);
    await repeated();
    // Another path is another key.
    const other = await create([task("a"), task("broken")]);
    expect((await add(other.batch, sent, key)).status).toBe(201);
  });

  it("adds once, however many calls come at the same moment", async () => {
    const { batch } = await create([task("a")]);
    const calls = Array.from({ length: 8 }, () => add(batch, [task("b")], { "idempotency-key": "together" }));
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
    expect(await counts(batch)).toMatchObject({ total: 2 });
  });

  it("keeps nothing of what was refused", async () => {
    const { batch } = await create([task("a")]);
    const key = { "idempotency-key": "refused" };
    expect((await add(batch, [task("b", needs("ghost"))], key)).status).toBe(400);
    expect((await add(batch, [task("b")], key)).status).toBe(201);
  });
});

it("of two calls with one id at the same moment one adds it", async () => {
  const { batch } = await create([task("a")]);
  const answers = await Promise.all(Array.from({ length: 6 }, () => add(batch, [task("b")])));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400, 400, 400]);
  expect(await counts(batch)).toMatchObject({ total: 2, unfinished: 2 });
});

it("refuses more than a call or the batch may have", async () => {
  const { batch } = await create([task("a")]);
  expect(
    (
      await add(
        batch,
        Array.from({ length: 51 }, (_, i) => task(`t${i}`)),
      )
    ).body.details,
  ).toEqual(["tasks: must have at most 50 entries, has 51"]);
  await api.db.use(
    (sql) => sql`update batch set total = 49999, succeeded = 49998, links = 1000000 where id = ${batch}`,
  );
  expect((await add(batch, [task("b"), task("c", needs("b"))])).body.details).toEqual([
    "tasks: would make 50001 tasks in the batch, at most 50000 are allowed",
    "tasks: would make 1000001 dependencies in the batch, at most 1000000 are allowed",
  ]);
  expect((await add(batch, [task("b")])).status).toBe(201);
});

it("waits for a batch that somebody holds locked, and nobody else waits with it", { timeout: 20_000 }, async () => {
  const { batch } = await create([task("a")]);
  const release = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const locking = api.db.tx(async (sql) => {
    await sql`select id from batch where id = ${batch} for update`;
    held.resolve();
    await release.promise;
  });
  await held.promise;
  // More than there are connections.
  const adding = Array.from({ length: 40 }, (_, i) => add(batch, [task(`t${i}`)]));
  const others = await Promise.all(Array.from({ length: 20 }, () => create([task("other")])));
  expect(others.every((made) => made.batch !== undefined)).toBe(true);
  expect(await counts(batch)).toMatchObject({ total: 1 });
  release.resolve();
  await locking;
  expect(new Set((await Promise.all(adding)).map(({ status }) => status))).toEqual(new Set([201]));
  expect(await counts(batch)).toMatchObject({ total: 41 });
});
