// A rerun on a real Postgres, without workers: what is refused, what is read of the old batch, and what is written.
import { afterAll, describe, expect, it } from "vitest";
import { refused } from "#test/refused";
import { hook, ids, missing, openReruns, task } from "./rerun.stage.ts";

const { api, create, end, rerun, count } = await openReruns();
afterAll(api.close);

describe("is refused", () => {
  it.each([
    ["an array", [], ["body: must be an object, not an array"]],
    ["a text for a switch", { dependents: "yes" }, ['dependents: must be true or false, not "yes"']],
    ["ids that are none", { from: ["a", 1] }, ['from[0]: must be a UUID, not "a"', "from[1]: must be a UUID, not 1"]],
    ["no list of ids", { from: missing }, [`from: must be an array, not "${missing}"`]],
    ["another word", { only: "Failed" }, ['only: must be one of failed, all, not "Failed"']],
    [
      "two faults",
      { only: 1, dry_run: true },
      ["only: must be one of failed, all, not 1", "dry_run: is not a known field"],
    ],
  ])("with %s: 400", async (_what, body, details) => {
    const answer = await rerun(missing, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toEqual(
      refused("validation_failed", "Validation failed", {
        details: expect.arrayContaining(details),
        faults: details.map(() => expect.anything()),
      }),
    );
    expect(answer.json().details).toHaveLength(details.length);
  });

  it("of an id that is none, and of nobody", async () => {
    expect([(await rerun("x")).statusCode, (await rerun("x")).json().details]).toEqual([
      400,
      ['id: must be a UUID, not "x"'],
    ]);
    expect([(await rerun(missing)).statusCode, (await rerun(missing)).json()]).toEqual([
      404,
      refused("unknown_batch", "No such batch"),
    ]);
  });

  it("while a task is unfinished, and nothing is written", async () => {
    const batch = await create([task("a"), task("b")]);
    await api.db.use((sql) => sql`update batch set unfinished = 1, succeeded = total - 1 where id = ${batch}`);
    const [before, rings] = [await count(), api.rings()];
    for (const only of ["failed", "all"]) {
      const answer = await rerun(batch, { only });
      expect([answer.statusCode, answer.json()]).toEqual([
        409,
        refused("batch_not_complete", "The batch has not ended: 1 of 2 tasks are unfinished"),
      ]);
    }
    expect([await count(), api.rings()]).toEqual([before, rings]);
  });
});

describe("creates", () => {
  const rule = { type: "Concurrency", max_concurrency: 2, matcher: { kind: "k", status: "Running", fields: ["p"] } };
  const dedupe = [{ kind: "build", status: "Failure", fields: ["p"] }];
  const sent = {
    scope: "nightly",
    metadata: { who: "me" },
    on_batch_complete: [hook("complete")],
    tasks: [
      task("a"),
      task("b", {
        dependencies: [{ id: "a", requires_success: true }],
        kind: "build",
        timeout: 7,
        priority: 3,
        expected_count: 9,
        metadata: { p: 1 },
        rules: [rule],
        dedupe_strategy: dedupe,
        dead_end_barrier: true,
        retry: { max_retries: 2, initial_delay_secs: 1 },
        on_start: hook("start"),
        on_success: [hook("s1"), hook("s2")],
        on_failure: [hook("f")],
        on_cancel: [hook("c")],
      }),
      task("c", { dependencies: [{ id: "b", condition: "on_success" }, { id: "a" }] }),
      task("d", { dependencies: [{ id: "a", condition: "on_failure" }, { id: "b" }] }),
    ],
  };

  it("what POST /task would have: the same tasks, as they are now, in a batch like the old one", async () => {
    const old = await create(sent);
    const was = await api.get(`/task?batch_id=${old}`);
    await end(old, { b: "Failure", c: "Skipped", d: "Skipped" });
    const [b] = was.filter((one: { local_id: string }) => one.local_id === "b");
    await api.db.use((sql) => sql`update task set priority = 8, expected_count = 10 where id = ${b.id}`);
    await api.db.use((sql) => sql`update task_spec set metadata = '{"p":2}' where id = ${b.id}`);
    const rings = api.rings();
    const answer = await rerun(old.toUpperCase());
    expect([answer.statusCode, api.rings()]).toEqual([201, rings + 1]);
    const made = answer.json();
    const batch = String(answer.headers["x-batch-id"]);
    expect([ids(made), batch === old]).toEqual([["b", "c"], false]);
    for (const one of made) {
      expect(one.batch_id).toBe(batch);
      const { blocked_by, ...got } = await api.get(`/task/${one.id}`);
      expect(got).toEqual(one);
    }
    const { id, created_at, started_at, ended_at, last_updated, batch_id, ...kept } = await api.get(`/task/${b.id}`);
    expect(made[0]).toMatchObject({
      ...kept,
      status: "Pending",
      priority: 8,
      expected_count: 10,
      metadata: { p: 2 },
      rules: [rule],
      started_at: null,
      ended_at: null,
      attempt: 0,
      success: 0,
      failures: 0,
      failure_reason: null,
      next_retry_at: null,
      result: null,
    });
    const [row] = await api.db.use(
      (sql) => sql`select acts, retry, children, receiver from task where id = ${made[0].id}`,
    );
    expect(row).toMatchObject({ acts: 15, retry: { max_retries: 2, initial_delay_secs: 1 }, children: 1 });
    const [spec] = await api.db.use((sql) => sql`select dedupe from task_spec where id = ${made[0].id}`);
    expect(spec?.dedupe).toEqual(dedupe);
    expect((await api.get(`/dag/${batch}`)).links).toEqual([
      { parent_id: made[0].id, child_id: made[1].id, requires_success: false, condition: "on_success" },
    ]);
    expect(await api.get(`/batch/${batch}`)).toMatchObject({
      scope: "nightly",
      metadata: { who: "me" },
      total_tasks: 2,
    });
    const [complete] = await api.db.use((sql) => sql`select on_complete from batch_spec where id = ${batch}`);
    expect(complete?.on_complete).toEqual(sent.on_batch_complete);
  });

  it("all of it again, with every edge; the old batch stays as it was", async () => {
    const old = await create(sent);
    await end(old, { b: "Failure", c: "Skipped", d: "Skipped" });
    const before = [await api.get(`/batch/${old}`), await api.get(`/dag/${old}`)];
    const made = (await rerun(old, { only: "all" })).json();
    expect(made.map((one: { local_id: string; status: string }) => [one.local_id, one.status])).toEqual([
      ["a", "Pending"],
      ["b", "Waiting"],
      ["c", "Waiting"],
      ["d", "Waiting"],
    ]);
    expect([await api.get(`/batch/${old}`), await api.get(`/dag/${old}`)]).toEqual(before);
    const dag = await api.get(`/dag/${made[0].batch_id}`);
    const named = (links: { parent_id: string; child_id: string }[], tasks: { id: string; local_id: string }[]) =>
      links.map(({ parent_id, child_id, ...edge }) => {
        const name = (id: string) => tasks.find((one) => one.id === id)?.local_id;
        return [name(parent_id), name(child_id), edge];
      });
    expect(named(dag.links, dag.tasks)).toEqual(named(before[1].links, before[1].tasks));
  });

  it("a rerun of a rerun", async () => {
    const old = await create(sent);
    await end(old, { b: "Failure", c: "Skipped", d: "Skipped" });
    const again = String((await rerun(old)).headers["x-batch-id"]);
    expect((await rerun(again)).statusCode).toBe(409);
    await end(again, { c: "Failure" });
    expect(ids((await rerun(again)).json())).toEqual(["c"]);
    // Nobody is in the way of anybody: the same batch twice at once is two batches.
    const both = await Promise.all([rerun(old), rerun(old)]);
    expect(new Set(both.map((answer) => answer.headers["x-batch-id"])).size).toBe(2);
  });

  it("no batch, where nothing is left to take", async () => {
    const old = await create(sent);
    await end(old, { d: "Skipped" });
    const [before, rings] = [await count(), api.rings()];
    const key = { "idempotency-key": `nothing of ${old}` };
    for (const [body, headers] of [[{}], [{ from: [] }], [{}, key], [{}, key]] as const) {
      const answer = await rerun(old, body, headers);
      expect([answer.statusCode, answer.body, answer.headers["x-batch-id"]]).toEqual([204, "", undefined]);
    }
    expect((await rerun(old, { only: "all" }, key)).statusCode).toBe(422);
    expect((await rerun(await create([]), { only: "all" })).statusCode).toBe(204);
    expect([await count(), api.rings()]).toEqual([before + 1, rings]);
  });

  it("what failed, where nothing is said", async () => {
    const old = await create([task("a"), task("b", { dependencies: [{ id: "a" }] }), task("c")]);
    await end(old, { b: "Failure", c: "Canceled" });
    for (const body of ["", {}, { only: null, dependents: null, from: null }])
      expect(ids((await rerun(old, body)).json())).toEqual(["b", "c"]);
  });

  it("a delay that begins again, and no time that has passed", async () => {
    const ahead = new Date(Date.now() + 86_400_000).toISOString();
    const old = await create([
      task("over", { run_at: "2020-01-01T00:00:00Z" }),
      task("ahead", { run_at: ahead }),
      task("delayed", { delay_secs: 3_000 }),
      task("waits", { delay_secs: 3_000, dependencies: [{ id: "over" }] }),
    ]);
    await end(old);
    const answer = await rerun(old, { only: "all" });
    const made = answer.json();
    const begun = (one: { created_at: string; run_at: string }) => Date.parse(one.run_at) - Date.parse(one.created_at);
    expect(made.slice(0, 2).map((one: { run_at: string }) => one.run_at)).toEqual([null, ahead]);
    expect(made.slice(2).map(begun)).toEqual([3_000_000, 3_000_000]);
    const rows = await api.db.use(
      (sql) => sql`select due_at from task where batch_id = ${made[0].batch_id} order by pos`,
    );
    expect(rows.map((row) => row.due_at?.toISOString() ?? null)).toEqual([null, made[1].run_at, made[2].run_at, null]);
    // And again, when it is run a second time.
    await end(String(answer.headers["x-batch-id"]));
    const second = (await rerun(String(answer.headers["x-batch-id"]), { only: "all" })).json();
    expect(begun(second[2])).toBe(3_000_000);
  });
});

it("under one Idempotency-Key makes one batch, however often and at once it is asked for", async () => {
  const rule = { type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields: [] } };
  const batch = await create([task("a", { on_start: hook("a") }), task("b"), task("c", { rules: [rule] })]);
  await end(batch, { a: "Failure", c: "Canceled" });
  const before = Number(await count());
  const key = { "idempotency-key": `again ${batch}` };
  const first = await Promise.all(Array.from({ length: 5 }, () => rerun(batch, { only: "failed" }, key)));
  expect(first.map(({ statusCode }) => statusCode)).toEqual([201, 201, 201, 201, 201]);
  expect(new Set(first.map(({ body }) => body)).size).toBe(1);
  expect(ids(first[0]?.json() ?? [])).toEqual(["a", "c"]);
  await end(String(first[0]?.headers["x-batch-id"]));
  const later = await rerun(batch, { only: "failed" }, key);
  expect([later.statusCode, later.body, later.headers["x-batch-id"]]).toEqual([
    201,
    first[0]?.body,
    first[0]?.headers["x-batch-id"],
  ]);
  expect((await rerun(batch, { only: "all" }, key)).statusCode).toBe(422);
  expect((await rerun(batch, { only: "failed" })).statusCode).toBe(201);
  expect(await count()).toBe(before + 2);
});
