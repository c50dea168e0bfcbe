// The limits on time in the real system, over HTTP and over NATS: who ends a task, when, and for which reason, through pauses,
// retries and put-backs; how long a message may lie in its queue; and the deadline of a batch. Each is started by one worker and
// ended by another, which takes over the timers of the one that was killed.
import { jetstream } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { stays, until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
let nats: NatsConnection;
beforeAll(async () => {
  [cluster, service] = await Promise.all([startCluster({ workers: 2 }), startReceiver()]);
  nats = await connect({ servers: cluster.nats.url });
});
afterAll(async () => {
  await nats.close();
  await cluster.stop();
});

let made = 0;
const named = (more: object) => ({ id: "t", name: "t", kind: `k${made++}`, ...more });
const message = (params: object = {}) => ({ kind: "Nats", params: { subject: "baton.work.limits.x", ...params } });
const create = async (more: object): Promise<string> => (await cluster.create([named(more)])).t as string;
const ended = async (id: string, withinMs = 10_000) =>
  until(
    async () => {
      const row = await cluster.row(id);
      return row.ended_at === null ? null : row;
    },
    withinMs,
    "the task ends",
  );
const becomes = (id: string, status: string, withinMs = 10_000) =>
  until(async () => (await cluster.status(id)) === status, withinMs, `the task is ${status}`);
const eventsOf = async (id: string): Promise<{ event: string; to: string; reason: string | null }[]> =>
  (await cluster.call("GET", `/task/${id}/events`)).body;
const secs = (from: unknown, to: unknown) => ((to as Date).getTime() - (from as Date).getTime()) / 1000;
/** A timer never goes off early, and not long after on a loaded machine. */
const expectAfter = (from: unknown, to: unknown, limit: number) => {
  expect(secs(from, to)).toBeGreaterThanOrEqual(limit - 0.002);
  expect(secs(from, to)).toBeLessThan(limit + 3);
};

describe("a task that is not started in time", () => {
  it.each(["HTTP", "NATS"])("fails as any parent that fails, created over %s", async (via) => {
    const tasks = [
      named({ id: "first", on_start: service.action("/held"), timeout: 3_600 }),
      named({
        id: "waits",
        dependencies: [{ id: "first" }],
        expires_secs: 2,
        on_failure: [service.action("/expired")],
      }),
      named({ id: "needs", dependencies: [{ id: "waits", requires_success: true }] }),
      named({ id: "rescues", dependencies: [{ id: "waits", condition: "on_failure" }] }),
    ];
    let batch: { id: string; local_id: string; expires_secs: number | null }[];
    if (via === "HTTP") batch = (await cluster.call("POST", "/task", { tasks })).body;
    else {
      const answer = await nats.request("baton.batch.create", JSON.stringify({ tasks }), { timeout: 10_000 });
      batch = answer.json<{ tasks: typeof batch }>().tasks;
    }
    expect(batch.map(({ expires_secs }) => expires_secs)).toEqual([null, 2, null, null]);
    const id = (name: string) => batch.find(({ local_id }) => local_id === name)?.id ?? "";
    const row = await ended(id("waits"));
    expect(row).toMatchObject({ status: "Failure", failure_reason: "Not started within 2 s", first_claimed_at: null });
    expectAfter(row.created_at, row.ended_at, 2);
    expect(await cluster.row(id("needs"))).toMatchObject({
      status: "Failure",
      failure_reason: "Required parent task waits failed",
    });
    await becomes(id("rescues"), "Success");
    expect((await eventsOf(id("waits"))).map(({ event }) => event)).toEqual(["expire"]);
    await until(() => service.of(id("waits"), "end").length === 1);
  });

  it("fails also while it is paused, and while its receiver puts it off: a claim that was put back is none", async () => {
    service.answer("/full", { status: 503, headers: { "retry-after": "1" } });
    const paused = await create({ expires_secs: 3, delay_secs: 3 });
    expect(await cluster.call("PATCH", `/task/pause/${paused}`)).toMatchObject({ status: 200 });
    const refused = await create({ expires_secs: 3, max_duration_secs: 1, on_start: service.action("/full") });
    for (const id of [paused, refused]) {
      const row = await ended(id);
      expect(row).toMatchObject({ status: "Failure", failure_reason: "Not started within 3 s" });
      expectAfter(row.created_at, row.ended_at, 3);
    }
    expect(service.of(refused, "start").length).toBeGreaterThan(0);
  });

  it("is not failed once it was started", async () => {
    const id = await create({ expires_secs: 1, timeout: 3_600, on_start: service.action("/long") });
    await becomes(id, "Running");
    await stays(async () => (await cluster.status(id)) === "Running", 1_500);
  });
});

describe("a task that takes longer than it may", () => {
  it("ends while it runs, whatever is heard of it, without a retry, and its service is asked to stop", async () => {
    const id = await create({
      ...{ max_duration_secs: 3, retry: { max_retries: 5 }, timeout: 3_600 },
      ...{
        on_start: service.action("/slow"),
        on_cancel: [service.action("/stop")],
        on_failure: [service.action("/sad")],
      },
    });
    await becomes(id, "Running");
    const beats = setInterval(() => void cluster.call("PUT", `/task/${id}`, { new_success: 1 }).catch(() => {}), 200);
    const row = await ended(id).finally(() => clearInterval(beats));
    expect(row).toMatchObject({ status: "Failure", failure_reason: "Ran longer than 3 s", attempt: 0 });
    expectAfter(row.first_claimed_at, row.ended_at, 3);
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      event: "overrun",
      to: "Failure",
      reason: "Ran longer than 3 s",
    });
    await until(() => service.of(id, "cancel").length === 1 && service.of(id, "end").length === 1);
  });

  it("ends in back-off and while it is paused: the time goes on over attempts, and no service is asked to stop", async () => {
    const retry = { max_retries: 5, initial_delay_secs: 1, backoff_multiplier: 1_000 };
    service.answer("/fails", { status: 500 });
    const task = {
      max_duration_secs: 4,
      retry,
      on_start: service.action("/fails"),
      on_cancel: [service.action("/no")],
    };
    const [waiting, paused] = [await create(task), await create(task)];
    await until(
      async () => Number((await cluster.row(paused)).attempt) === 1 && (await cluster.status(paused)) === "Retrying",
    );
    expect(await cluster.call("PATCH", `/task/pause/${paused}`)).toMatchObject({ status: 200 });
    for (const id of [waiting, paused]) {
      const row = await ended(id);
      expect(row).toMatchObject({ status: "Failure", failure_reason: "Ran longer than 4 s", attempt: 1 });
      expectAfter(row.first_claimed_at, row.ended_at, 4);
      expect(service.of(id, "start")).toHaveLength(2);
      expect(service.of(id, "cancel")).toHaveLength(0);
    }
  });

  it("ends while its call is open; an action in the late answer is delivered at once", async () => {
    const hold = service.hold("/open");
    const id = await create({ max_duration_secs: 2, on_start: service.action("/open") });
    const row = await ended(id);
    expect(row.failure_reason).toBe("Ran longer than 2 s");
    hold.release({ status: 200, body: service.action("/undo") });
    await until(() => service.to("/undo").some(({ taskId }) => taskId === id));
    expect(await cluster.status(id)).toBe("Failure");
  });
});

describe("a message in its queue", () => {
  const words: readonly [string, (id: string) => Promise<unknown>][] = [
    ["PUT", (id) => cluster.call("PUT", `/task/${id}`, {})],
    ["PATCH", (id) => cluster.call("PATCH", `/task/${id}`, {})],
    ["PATCH with counters", (id) => cluster.call("PATCH", `/task/${id}`, { new_success: 1 })],
    [".progress", (id) => jetstream(nats).publish(`baton.task.${id}.progress`, "{}")],
    [".update", (id) => jetstream(nats).publish(`baton.task.${id}.update`, "{}")],
  ];

  it("is timed out after the time that its action says, as any time-out", async () => {
    const on_start = message({ queue_timeout_secs: 3 });
    const retry = { max_retries: 1, retry_on: ["timeout"], initial_delay_secs: 0 };
    const id = await create({ timeout: 1, on_start, retry, on_cancel: [service.action("/forget")] });
    const row = await ended(id, 20_000);
    expect(row).toMatchObject({ status: "Failure", failure_reason: "Timeout after 3 s", attempt: 1 });
    const reasons = (await eventsOf(id)).filter(({ event }) => event === "timeout").map(({ reason }) => reason);
    expect(reasons).toEqual(["Timeout after 3 s", "Timeout after 3 s"]);
    await until(() => service.of(id, "cancel").length === 2);
    expectAfter(row.started_at, row.ended_at, 3);
  });

  it("may lie there longer than the timeout; the first report of the worker that took it puts that in force", async () => {
    const tasks = words.map((_, n) => named({ id: `t${n}`, timeout: 2, on_start: message() }));
    const quiet = named({ id: "quiet", timeout: 2, on_start: message() });
    const ids = await cluster.create([...tasks, quiet]);
    const idOf = (n: number) => ids[`t${n}`] as string;
    for (const id of Object.values(ids)) await becomes(id, "Running");
    for (const id of Object.values(ids))
      expect(await cluster.call("PATCH", `/task/${id}`, { priority: 3, metadata: {} })).toMatchObject({ status: 200 });
    await stays(
      async () => (await Promise.all(Object.values(ids).map((id) => cluster.status(id)))).every((s) => s === "Running"),
      3_000,
    );
    const before = Date.now();
    await Promise.all(words.map(([, say], n) => say(idOf(n))));
    for (const [n, [word]] of words.entries()) {
      const row = await ended(idOf(n));
      expect(row, word).toMatchObject({ status: "Failure", failure_reason: "Timeout after 2 s", heard: true });
      expectAfter(new Date(before), row.ended_at, 2);
    }
    expect(await cluster.row(ids.quiet as string)).toMatchObject({ status: "Running", heard: false });
  });
});

describe("the deadline of a batch", () => {
  const tasks = () => [
    named({ id: "runs", timeout: 3_600, on_start: service.action("/runs"), on_cancel: [service.action("/halt")] }),
    named({ id: "waits", dependencies: [{ id: "runs" }] }),
    named({ id: "later", delay_secs: 3_600 }),
  ];

  it("stops what is left of it, completes it, and is kept by a rerun", async () => {
    const on_batch_complete = service.action("/complete");
    const created = await cluster.call("POST", "/task", { tasks: tasks(), deadline_secs: 3, on_batch_complete });
    expect(created.status).toBe(201);
    const check = async (batch: string, to: number) => {
      const get = async () => (await cluster.call("GET", `/batch/${batch}`)).body;
      const { created_at, deadline_at } = await get();
      expect(secs(new Date(created_at), new Date(deadline_at))).toBe(3);
      const done = await until(async () => {
        const body = await get();
        return body.completed_at === null ? null : body;
      });
      expect(done).toMatchObject({ status: "canceled", status_counts: { canceled: 3 } });
      expectAfter(new Date(deadline_at), new Date(done.completed_at), 0);
      const { body } = await cluster.call("GET", `/dag/${batch}`);
      expect(body.tasks.map((task: { failure_reason: string }) => task.failure_reason)).toEqual(
        Array(3).fill("Batch deadline passed"),
      );
      const runs = body.tasks[0].id;
      expect((await eventsOf(runs)).at(-1)).toMatchObject({ event: "stop_batch", reason: "Batch deadline passed" });
      await until(() => service.of(runs, "cancel").length === 1 && service.to("/complete").length === to);
    };
    const batch = created.headers.get("x-batch-id") ?? "";
    await check(batch, 1);
    const again = await cluster.call("POST", `/batch/${batch}/rerun`, { only: "all" });
    expect(again.status).toBe(201);
    await check(again.headers.get("x-batch-id") ?? "", 2);
  });

  it("is none for a batch that was complete before, and null where none was asked for", async () => {
    const created = await cluster.call("POST", "/task", { tasks: [named({})], deadline_secs: 1 });
    const id = created.body[0].id;
    await becomes(id, "Success");
    await stays(async () => (await cluster.status(id)) === "Success", 1_500);
    const { body } = await cluster.call(
      "GET",
      `/batch/${(await cluster.call("POST", "/task", [named({})])).headers.get("x-batch-id")}`,
    );
    expect(body.deadline_at).toBeNull();
  });

  it("stops a batch that is too large for one transaction", { timeout: 60_000 }, async () => {
    const many = Array.from({ length: 900 }, (_, n) => named({ id: `t${n}`, delay_secs: 3_600 }));
    const created = await cluster.call("POST", "/task", { tasks: many, deadline_secs: 1 });
    const batch = created.headers.get("x-batch-id") ?? "";
    await until(async () => (await cluster.call("GET", `/batch/${batch}`)).body.completed_at !== null, 30_000);
    const [row] = await cluster.sql`
      select count(*)::int as n from task where batch_id = ${batch} and failure_reason = 'Batch deadline passed'`;
    expect(row?.n).toBe(900);
  });
});

it("a rerun keeps the limits of its tasks, which count anew", async () => {
  const id = await create({
    max_duration_secs: 2,
    expires_secs: 500,
    timeout: 3_600,
    on_start: service.action("/again"),
  });
  const first = await ended(id);
  const again = await cluster.call("POST", `/batch/${first.batch_id}/rerun`, { only: "failed" });
  expect(again.body).toMatchObject([{ max_duration_secs: 2, expires_secs: 500 }]);
  const second = await ended(again.body[0].id);
  expect(second.failure_reason).toBe("Ran longer than 2 s");
  expectAfter(second.first_claimed_at, second.ended_at, 2);
});

it("another worker keeps the limits that a killed one had armed", { timeout: 60_000 }, async () => {
  const own = await startCluster({ workers: 1, env: { WORKER_CLAIM_TIMEOUT_SECS: "2" } });
  const at = { timeout: 3_600, on_start: service.action("/orphan") };
  const created = await own.call("POST", "/task", {
    // Long after the others, also where the second worker is slow to start.
    deadline_secs: 15,
    tasks: [
      named({ id: "long", max_duration_secs: 4, ...at }),
      named({ id: "late", expires_secs: 4, paused: true }),
      named({ id: "rest", ...at }),
    ],
  });
  const [long = "", late = "", rest = ""] = created.body.map(({ id }: { id: string }) => id);
  await until(async () => (await own.status(long)) === "Running" && (await own.status(rest)) === "Running");
  const [first] = own.workers;
  await own.kill(first as NonNullable<typeof first>);
  await own.start("worker");
  const reasons = async () => Promise.all([long, late, rest].map(async (id) => (await own.row(id)).failure_reason));
  await until(async () => !(await reasons()).includes(null), 40_000);
  expect(await reasons()).toEqual(["Ran longer than 4 s", "Not started within 4 s", "Batch deadline passed"]);
  await own.stop();
});
