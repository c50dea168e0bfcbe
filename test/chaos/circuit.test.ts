// The circuit of a receiver over two worker processes: it opens for both, uses up no attempts, is tried by one call at a
// time, and closes for both; another receiver is not touched.
import { beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, reports, startReceiver } from "#test/receiver";
import { stays, until } from "#test/until";

const threshold = 5;
const env = {
  WORKER_WEBHOOK_CONCURRENCY: "4",
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: String(threshold),
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS: "3",
};
let cluster: Cluster;
let good: Receiver;
beforeAll(async () => {
  good = await startReceiver();
  good.answer("/work", reports({ status: "Success" }));
  cluster = await startCluster({ workers: 2, env });
});

const tasks = (service: Receiver, n: number, more: object = {}) =>
  Array.from({ length: n }, (_, i) => ({
    ...{ id: `t${i}`, name: "t", kind: "k", on_start: service.action("/work") },
    ...more,
  }));
const circuitOf = async ({ url }: Receiver) => {
  const { body } = await cluster.call("GET", "/circuits");
  return body.find(({ receiver }: { receiver: string }) => receiver === url);
};
const states = async (ids: readonly string[]) => {
  const rows = await cluster.sql<{ status: string; attempt: number; n: number }[]>`
    select status::text, attempt, count(*)::int as n from task where id in ${cluster.sql([...ids])} group by 1, 2 order by 1`;
  return rows.map(({ status, attempt, n }) => [status, attempt, n]);
};
const worksElsewhere = async () => {
  const { t0 = "" } = await cluster.create(tasks(good, 1));
  await until(async () => (await cluster.status(t0)) === "Success", 2_000);
};

test("opens for every process, holds starts up without using attempts, is probed by one call, and closes", async () => {
  const service = await startReceiver();
  // As many failures as it takes, and not one less, out of both processes.
  service.answer("/work", { status: 502, delayMs: 100 });
  const nearly = Object.values(await cluster.create(tasks(service, threshold - 1)));
  await until(async () => (await states(nearly)).some(([status, , n]) => status === "Failure" && n === threshold - 1));
  await until(async () => (await circuitOf(service))?.failures === threshold - 1);
  expect((await circuitOf(service)).state).toBe("closed");
  const lost = [...nearly, ...Object.values(await cluster.create(tasks(service, 1)))];
  await until(async () => (await circuitOf(service))?.state === "open");
  await until(async () => (await states(lost)).some(([status, , n]) => status === "Failure" && n === threshold));
  const hold = service.hold("/work");

  const ids = Object.values(await cluster.create(tasks(service, 40)));
  await worksElsewhere();
  const { failures, until: openUntil, host } = await circuitOf(service);
  expect([failures, host]).toEqual([threshold, new URL(service.url).host]);
  const { body } = await cluster.call("GET", `/task/${ids[0]}`);
  expect([body.status, body.attempt, body.started_at]).toEqual(["Pending", 0, null]);
  expect(body.blocked_by).toEqual([{ type: "circuit", host, until: openUntil }]);
  expect(await states(ids)).toEqual([["Pending", 0, 40]]);

  // The probe gets no answer: nobody else calls meanwhile, in either process.
  await until(() => service.calls.length > threshold);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(openUntil));
  expect((await circuitOf(service)).state).toBe("half_open");
  await stays(() => service.calls.length === threshold + 1, 500);
  await worksElsewhere();
  // It fails, and the circuit is open again.
  hold.release({ status: 504 });
  await until(async () => (await circuitOf(service)).state === "open");
  expect((await circuitOf(service)).failures).toBe(threshold + 1);
  expect(await states(ids)).toEqual([
    ["Failure", 0, 1],
    ["Pending", 0, 39],
  ]);

  // It recovers: two probes, one after the other, then everything, in both processes.
  let open = 0;
  /** How many were open at once, by the number of the call. */
  const crowds: number[] = [];
  const probed = service.calls.length;
  service.answer("/work", async (call) => {
    crowds[call.n - probed] = ++open;
    await cluster.call("PATCH", call.handle, { status: "Success" });
    await until(() => open > 1 || call.n - probed < 2 || service.calls.length === probed + 39);
    open--;
    return {};
  });
  await until(async () => (await states(ids)).some(([status, , n]) => status === "Success" && n === 39), 15_000);
  expect(await circuitOf(service)).toBeUndefined();
  expect(await cluster.sql`select from circuit`).toHaveLength(0);
  expect(service.calls.length).toBe(threshold + 1 + 39);
  expect(crowds.slice(0, 2)).toEqual([1, 1]);
  expect(Math.max(...crowds)).toBeGreaterThan(1);
  const events = await cluster.sql`select from event where event in ('released', 'lease_expired')`;
  expect(events).toHaveLength(0);
});

test("holds up deliveries without using attempts, and sends them when it closes", async () => {
  const service = await startReceiver();
  service.answer("*", { reset: true });
  const actions = { on_success: [service.action("/ended")], on_start: undefined };
  await cluster.create(tasks(service, 2 * threshold, actions));
  await until(async () => (await circuitOf(service))?.state === "open");
  const opened = Date.parse((await circuitOf(service)).until);
  // It is well again, and nobody knows.
  service.answer("*", {});
  const more = Object.values(await cluster.create(tasks(service, 30, actions)));
  await worksElsewhere();
  await until(
    async () => (await cluster.sql`select from delivery where status = 'pending'`).length === 0,
    15_000,
    "all is delivered",
  );
  expect(service.calls.filter(({ taskId, at }) => at < opened && more.includes(taskId))).toEqual([]);
  const attempts = await cluster.sql<{ attempts: number }[]>`
    select distinct attempts from delivery where task_id in ${cluster.sql(more)}`;
  expect(attempts.map((row) => row.attempts)).toEqual([1]);
});
