// What single settings do, observed from outside on the whole system: small pools, a database that is away, slow sweeps,
// a small channel for counters. Each would pass unnoticed if the setting were read and never used.
import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { startCluster } from "#test/cluster";
import { reports, startReceiver } from "#test/receiver";
import { ownPostgres } from "#test/services";
import { until } from "#test/until";

const task = (id: string, on_start: unknown, more: object = {}) => ({ id, name: id, kind: "k", on_start, ...more });

test("POOL_ACQUIRE_RETRIES=0: without the database 503 and alive, and it recovers", async () => {
  const postgres = await ownPostgres();
  const service = await startReceiver();
  service.answer("/work", reports({ status: "Success" }));
  const cluster = await startCluster({
    workers: 1,
    databaseUrl: postgres.url,
    env: { POOL_ACQUIRE_RETRIES: "0", POOL_TIMEOUT_SECS: "3" },
  });
  const batch = [task("t", service.action("/work"))];
  const { t: first = "" } = await cluster.create(batch);
  await until(async () => (await cluster.status(first)) === "Success");
  await postgres.stop();
  const calls = ["/task", `/task/${first}`, "/batches"].map((path) => ["GET", path, undefined] as const);
  for (let round = 0; round < 3; round++) {
    const replies = await Promise.all(
      [...calls, ["POST", "/task", batch] as const].map(([verb, path, body]) => cluster.call(verb, path, body)),
    );
    for (const { status, headers, body } of replies) {
      expect([status, typeof body.error]).toEqual([503, "string"]);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
  }
  await until(async () => (await cluster.call("GET", "/ready")).status === 503);
  expect((await cluster.call("GET", "/health")).body).toMatchObject({
    status: "degraded",
    database: "down",
    nats: "up",
  });
  const pids = cluster.members.map((member) => [member.pid, member.alive]);
  await postgres.start();
  for (const member of cluster.members)
    await until(async () => (await fetch(`${member.url}/ready`)).ok, 10_000, `${member.name} recovers`);
  const { t: second = "" } = await cluster.create(batch);
  await until(async () => (await cluster.status(second)) === "Success");
  expect(cluster.members.map((member) => [member.pid, member.alive])).toEqual(pids);
  expect(pids.every(([, alive]) => alive)).toBe(true);
});

test("POOL_MAX_SIZE=1: a whole batch runs through one process in both roles, on one connection", async () => {
  const service = await startReceiver();
  service.answer("/work", reports({ status: "Success" }));
  const cluster = await startCluster({ together: true, env: { POOL_MAX_SIZE: "1", POOL_MIN_IDLE: "1" } });
  const width = 20;
  const wide = Array.from({ length: width }, (_, i) => task(`w${i}`, service.action("/work")));
  const deep = Array.from({ length: 10 }, (_, i) =>
    task(`d${i}`, service.action("/work"), {
      on_success: [service.action("/end")],
      dependencies: (i === 0 ? wide : [{ id: `d${i - 1}` }]).map(({ id }) => ({ id, requires_success: true })),
    }),
  );
  const { d9 = "" } = await cluster.create({ tasks: [...wide, ...deep], on_batch_complete: service.action("/done") });
  let most = 0;
  await until(async () => {
    const [row] = await cluster.sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'baton'`;
    most = Math.max(most, row?.n ?? 0);
    return (await cluster.call("GET", `/task/${d9}`)).body.status === "Success";
  }, 20_000);
  await until(() => service.to("/done").length === 1 && service.to("/end").length === 10);
  expect(most).toBe(1);
  expect(service.to("/work").length).toBe(width + 10);
});

test("WORKER_LOOP_INTERVAL_MS=5000: lost work is found that often, and work does not wait for it", async () => {
  const service = await startReceiver();
  service.answer("/work", reports({ status: "Success" }));
  const cluster = await startCluster({ workers: 1, env: { WORKER_LOOP_INTERVAL_MS: "5000" } });
  const [sweeper] = cluster.workers;
  // Work of which nobody hears, as if the notification were lost.
  const { lost = "" } = await cluster.create([task("lost", service.action("/lost"), { delay_secs: 3600 })]);
  expect((await cluster.call("PATCH", `/task/pause/${lost}`)).status).toBe(200);
  const sweeps = async () => {
    const text = await (await fetch(`${sweeper?.url}/metrics`)).text();
    return Number(/^baton_sweeps_total\{sweep="dispatch"\} (\d+)/m.exec(text)?.[1] ?? 0);
  };
  const before = await sweeps();
  await until(async () => (await sweeps()) > before, 8_000, "the worker sweeps");
  const swept = performance.now();
  await cluster.sql`update task set status = 'Pending', due_at = null, run_at = null where id = ${lost}`;
  await until(() => service.to("/lost").length === 1, 8_000, "the next sweep finds it");
  const tookMs = performance.now() - swept;
  expect(tookMs).toBeGreaterThan(4_000);
  expect(tookMs).toBeLessThan(6_500);

  await cluster.start("worker");
  const begun = performance.now();
  const chain = Array.from({ length: 8 }, (_, i) =>
    task(
      `c${i}`,
      service.action("/work"),
      i > 0 ? { dependencies: [{ id: `c${i - 1}`, requires_success: true }] } : {},
    ),
  );
  const { c7 = "" } = await cluster.create(chain);
  await until(async () => (await cluster.status(c7)) === "Success");
  expect(performance.now() - begun).toBeLessThan(4_000);
});

test("an hour between sweeps: tasks that wait for a free slot are taken as soon as there is one", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({ workers: 1, env: { WORKER_LOOP_INTERVAL_MS: "3600000" } });
  const on_start = service.action("/work", { completes: "on_response" });
  const ids = await cluster.create(Array.from({ length: 1_000 }, (_, i) => task(`t${i}`, on_start)));
  const ended = () => cluster.sql`select from task where status = 'Success'`;
  await until(async () => (await ended()).length === Object.keys(ids).length, 30_000, "all have run");
});

test("BATCH_CHANNEL_CAPACITY=1: one counter update at a time is on its way, the others wait, none is lost", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({ workers: 1, env: { BATCH_CHANNEL_CAPACITY: "1" } });
  const wide = await cluster.start("api", { BATCH_CHANNEL_CAPACITY: "100" });
  const { t = "" } = await cluster.create([task("t", service.action("/run"))]);
  await until(async () => (await cluster.status(t)) === "Running");

  const nats = await connect({ servers: cluster.nats.url });
  const stored: number[] = [];
  nats.subscribe("baton.progress", {
    callback: (_, message) => void stored.push(message.json<{ updates: unknown[] }>().updates.length),
  });
  await nats.flush();
  const puts = (url: string, n: number) =>
    Promise.all(Array.from({ length: n }, () => cluster.call("PUT", `${url}/task/${t}`, { new_success: 1 })));
  try {
    const narrow = await puts(cluster.url, 40);
    await nats.flush();
    expect(narrow.every(({ status }) => status === 202)).toBe(true);
    // Each message holds what was accepted and not yet stored: never more than the capacity.
    expect(stored.splice(0)).toEqual(Array(40).fill(1));
    const many = await puts(wide.url, 40);
    await nats.flush();
    expect(many.every(({ status }) => status === 202)).toBe(true);
    expect(Math.max(...stored)).toBeGreaterThan(1);
  } finally {
    await nats.close();
  }
  await until(async () => Number((await cluster.row(t)).success) === 80);
});

test("WEBHOOK_HOST_CONCURRENCY and WORKER_WEBHOOK_CONCURRENCY: a task that waits for a slot says whether it is its receiver's", async () => {
  const [slow, other] = await Promise.all([startReceiver(), startReceiver()]);
  const holds = [slow, other].map((receiver) => receiver.hold("/work"));
  const cluster = await startCluster({
    workers: 1,
    env: { WEBHOOK_HOST_CONCURRENCY: "2", WORKER_WEBHOOK_CONCURRENCY: "4" },
  });
  const blockedBy = async (id = "") => (await cluster.call("GET", `/task/${id}`)).body.blocked_by;
  const three = ["a", "b", "c"].map((id) => task(id, slow.action("/work")));
  const { c } = await cluster.create(three);
  await until(() => slow.to("/work").length === 2);
  expect(await blockedBy(c)).toEqual([{ type: "slots", host: new URL(slow.url).host }]);
  const { f } = await cluster.create(["d", "e", "f"].map((id) => task(id, other.action("/work"))));
  await until(() => other.to("/work").length === 2);
  for (const id of [c, f]) expect(await blockedBy(id)).toEqual([{ type: "slots" }]);
  for (const hold of holds) hold.release();
  await until(async () => (await cluster.status(c ?? "")) === "Running");
  expect(await blockedBy(c)).toEqual([]);
});
