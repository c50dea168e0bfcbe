// Down is not dead: processes start and stay up while Postgres or NATS is away, say so, answer 503 meanwhile, and are
// back by themselves. What was answered 503 takes no effect afterwards.
import { expect, test } from "vitest";
import { type Cluster, type Reply, startCluster } from "#test/cluster";
import { leftInStreams } from "#test/invariants";
import { reports, startReceiver } from "#test/receiver";
import { ownPostgres } from "#test/services";
import { until } from "#test/until";

const nobody = "00000000-0000-7000-8000-000000000000";
const env = { POOL_TIMEOUT_SECS: "2" };

const unavailable = ({ status, headers, body }: Reply) =>
  status === 503 && Number(headers.get("retry-after")) > 0 && typeof body.error === "string";
const health = async (url: string) => ((await (await fetch(`${url}/health`)).json()) as { status: string }).status;
const isReady = async (url: string) => (await fetch(`${url}/ready`)).status;

/** Everybody says within 5 s that something is away; a little more is for the test's own machine. */
async function saysSo(cluster: Cluster): Promise<void> {
  for (const { url, name } of cluster.members) {
    await until(async () => (await isReady(url)) === 503, 6_000, `${name} is not ready`);
    expect(await health(url)).toBe("degraded");
  }
}

async function recovers(cluster: Cluster): Promise<void> {
  for (const { url, name } of cluster.members) {
    await until(async () => (await isReady(url)) === 200, 10_000, `${name} is ready again`);
    expect(await health(url)).toBe("ok");
  }
}

test("processes start without Postgres and NATS, answer 503, and work when these come", async () => {
  const [postgres, service] = await Promise.all([ownPostgres(), startReceiver()]);
  service.answer("/work", reports({ status: "Success" }));
  const cluster = await startCluster({ workers: 0, apis: 0, databaseUrl: postgres.url, env });
  await Promise.all([postgres.kill(), cluster.nats.kill()]);
  const started = Promise.all([cluster.start("api"), cluster.start("worker")]);
  await until(() => cluster.members.length === 2);
  for (const { url } of cluster.members) await until(async () => (await health(url)) === "degraded");
  await saysSo(cluster);
  const task = { id: "t", name: "t", kind: "k", on_start: service.action("/work") };
  const calls = [
    ["GET", "/task"],
    ["GET", `/task/${nobody}`],
    ["GET", "/batches"],
    ["POST", "/task", [task]],
    ["PATCH", `/task/${nobody}`, { status: "Success" }],
    ["PUT", `/task/${nobody}`, { new_success: 1 }],
    ["DELETE", `/task/${nobody}`],
  ] as const;
  for (const [verb, path, body] of calls) {
    const reply = await cluster.call(verb, path, body);
    expect(unavailable(reply), `${verb} ${path}: ${reply.status}`).toBe(true);
  }
  expect((await cluster.call("PATCH", "/task/no-uuid", {})).status).toBe(400);

  await postgres.start();
  await until(async () => (await cluster.call("GET", "/task")).status === 200);
  expect(await isReady(cluster.url)).toBe(503);
  expect(unavailable(await cluster.call("PATCH", `/task/${nobody}`, { status: "Success" }))).toBe(true);

  await cluster.nats.start();
  await recovers(cluster);
  await started;
  const { t = "" } = await cluster.create([task]);
  await until(async () => (await cluster.status(t)) === "Success");
});

test("while NATS is away reports are 503 and reading goes on; afterwards everything does", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({ env });
  const { t = "" } = await cluster.create([{ id: "t", name: "t", kind: "k", on_start: service.action("/work") }]);
  await until(async () => (await cluster.status(t)) === "Running");
  await cluster.nats.kill();
  await saysSo(cluster);
  const before = await cluster.row(t);
  expect((await cluster.call("GET", `/task/${t}`)).status).toBe(200);
  expect(unavailable(await cluster.call("PATCH", `/task/${t}`, { status: "Success" }))).toBe(true);
  expect(unavailable(await cluster.call("PUT", `/task/${t}`, { new_success: 1 }))).toBe(true);
  await cluster.nats.start();
  await recovers(cluster);
  expect(await cluster.row(t)).toEqual(before);
  expect((await cluster.call("PATCH", `/task/${t}`, { status: "Success" })).status).toBe(200);
});

test("a report answered 503 while Postgres is away has no late effect, and counters accepted meanwhile are counted", async () => {
  const [postgres, service] = await Promise.all([ownPostgres(), startReceiver()]);
  const cluster = await startCluster({ databaseUrl: postgres.url, env });
  const { t = "" } = await cluster.create([
    {
      id: "t",
      name: "t",
      kind: "k",
      timeout: 600,
      on_start: service.action("/work"),
      on_success: [service.action("/ended")],
    },
  ]);
  await until(async () => (await cluster.status(t)) === "Running");
  await postgres.stop();
  const report = cluster.call("PATCH", `/task/${t}`, { status: "Success" });
  await saysSo(cluster);
  const counted = await Promise.all([1, 2, 3].map((n) => cluster.call("PUT", `/task/${t}`, { new_success: n })));
  expect(counted.map(({ status }) => status)).toEqual([202, 202, 202]);
  expect(unavailable(await report)).toBe(true);
  await postgres.start();
  await recovers(cluster);
  // Every message has been settled: what was to take effect has.
  await until(async () => (await leftInStreams(cluster.nats.url)).length === 0, 20_000);
  expect(await cluster.row(t)).toMatchObject({ status: "Running", success: "6" });
  expect((await cluster.call("PATCH", `/task/${t}`, { status: "Success" })).status).toBe(200);
  await until(() => service.to("/ended").length === 1);
});

test("a command that no worker took within 10 s is 503, and has no late effect", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({ workers: 2, env });
  const { t = "" } = await cluster.create([
    {
      id: "t",
      name: "t",
      kind: "k",
      timeout: 600,
      on_start: service.action("/work"),
      on_cancel: [service.action("/ended")],
    },
  ]);
  await until(async () => (await cluster.status(t)) === "Running");
  await Promise.all(cluster.workers.map((worker) => cluster.freeze(worker)));
  const before = await cluster.row(t);
  const asked = performance.now();
  const replies = await Promise.all([
    cluster.call("PATCH", `/task/${t}`, { status: "Success" }),
    cluster.call("PATCH", `/task/${t}`, { priority: 5 }),
    cluster.call("PATCH", `/task/${t}`, { new_success: 5 }),
    cluster.call("DELETE", `/task/${t}`),
  ]);
  expect(replies.map(unavailable)).toEqual([true, true, true, true]);
  expect(performance.now() - asked).toBeLessThan(12_000);
  for (const worker of cluster.workers) cluster.thaw(worker);
  await until(async () => (await leftInStreams(cluster.nats.url)).length === 0, 20_000);
  expect(await cluster.row(t)).toEqual(before);
  expect((await cluster.call("DELETE", `/task/${t}`)).status).toBe(200);
  await until(() => service.to("/ended").length === 1);
});

test("a Postgres that stands still: every read is 503 in time, and at once when that is known", async () => {
  const postgres = await ownPostgres();
  const cluster = await startCluster({ workers: 0, databaseUrl: postgres.url, env });
  const { headers } = await cluster.call("POST", "/task", []);
  const batch = headers.get("x-batch-id");
  const reads = [
    "/task",
    `/task/${nobody}`,
    `/task/${nobody}/events`,
    `/batch/${batch}`,
    "/batches",
    `/dag/${batch}`,
  ].concat(["/webhook-deliveries", `/webhook-deliveries/${nobody}`, "/circuits", `/events?batch_id=${batch}`]);
  const ask = (path: string) => fetch(`${cluster.url}${path}`, { signal: AbortSignal.timeout(10_000) });
  const tookMs = async (path: string) => {
    const began = performance.now();
    expect([path, (await ask(path)).status]).toEqual([path, 503]);
    return performance.now() - began;
  };
  await postgres.freeze();
  try {
    // POOL_TIMEOUT_SECS, and a little for the test's own machine.
    for (const ms of await Promise.all(reads.map(tookMs))) expect(ms).toBeLessThan(3_500);
    await saysSo(cluster);
    for (const ms of await Promise.all(reads.map(tookMs))) expect(ms).toBeLessThan(1_000);
  } finally {
    postgres.thaw();
  }
  await recovers(cluster);
  expect((await cluster.call("GET", `/batch/${batch}`)).status).toBe(200);
});
