// A rerun in a whole system: what failed runs again by itself, what succeeded does not, and its end is delivered.
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, reports, startReceiver } from "#test/receiver";
import { stays, until } from "#test/until";
import { BatonRefused, connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  // No sweep within the time of a test: what starts was rung for.
  const env = { WORKER_LOOP_INTERVAL_MS: "60000" };
  [cluster, service] = await Promise.all([startCluster({ workers: 2, env }), startReceiver()]);
});

const task = (id: string, more: object = {}) => ({
  id,
  name: id,
  kind: "k",
  on_start: service.action(`/${id}`),
  ...more,
});
const failure = { status: "Failure", failure_reason: "no" };
const batchOf = async (id: string | undefined) => String((await cluster.row(id ?? "")).batch_id);
const isComplete = (batch: string) => () =>
  cluster.sql`select completed_at from batch where id = ${batch}`.then((rows) => rows[0]?.completed_at !== null);
const startsTo = (path: string) => service.to(path, "start").map((call) => call.taskId);

it("runs what failed and what did not run, and tells the end", { timeout: 60_000 }, async () => {
  for (const path of ["/build", "/test", "/publish"]) service.answer(path, reports({ status: "Success" }));
  service.answer("/test", reports(failure), reports({ status: "Success" }));
  const first = await cluster.create({
    on_batch_complete: service.action("/complete"),
    tasks: [
      task("build"),
      task("test", { dependencies: [{ id: "build", requires_success: true }], on_success: [service.action("/ok")] }),
      task("publish", { dependencies: [{ id: "test", condition: "on_success" }] }),
      task("rescue", { dependencies: [{ id: "build", condition: "on_failure" }] }),
    ],
  });
  const old = await batchOf(first.build);
  await until(isComplete(old));
  const baton = connect(cluster.url);
  const { batchId, tasks } = await baton.rerun(old, { only: "failed" });
  const made = Object.fromEntries(tasks.map((one) => [one.local_id, one.id]));
  expect(Object.keys(made)).toEqual(["test", "publish"]);
  await until(isComplete(batchId));
  expect((await baton.batch(batchId)).status_counts).toMatchObject({ success: 2 });
  expect([startsTo("/build"), startsTo("/test"), startsTo("/publish")]).toEqual([
    [first.build],
    [first.test, made.test],
    [made.publish],
  ]);
  const deliveries = () => service.to("/complete").map((call) => call.key);
  await until(() => deliveries().length === 2);
  expect(deliveries()).toEqual([`batch:${old}:complete`, `batch:${batchId}:complete`]);
  await until(() => service.to("/ok").length === 1);
  expect(service.to("/ok").map((call) => call.taskId)).toEqual([made.test]);
});

it("is refused until the last task has ended", async () => {
  const ids = await cluster.create([
    task("a1"),
    task("b1", { run_at: new Date(Date.now() + 3_600_000).toISOString() }),
  ]);
  const batch = await batchOf(ids.a1);
  const baton = connect(cluster.url);
  await until(async () => (await cluster.status(ids.a1 ?? "")) === "Running");
  await baton.patch(ids.a1 ?? "", { status: "Failure", failure_reason: "no" });
  await expect(baton.rerun(batch, { only: "all" })).rejects.toMatchObject({ status: 409 });
  await expect(baton.rerun(batch, { only: "none" as "all" })).rejects.toBeInstanceOf(BatonRefused);
  await baton.stop(batch);
  const { tasks } = await baton.rerun(batch, { only: "failed" });
  await until(() => startsTo("/a1").length === 2);
  const later = tasks[1]?.id ?? "";
  expect(tasks.map((one) => one.local_id)).toEqual(["a1", "b1"]);
  await stays(async () => (await cluster.status(later)) === "Pending", 300);
  expect((await baton.task(later)).blocked_by).toMatchObject([{ type: "run_at" }]);
});

it("starts a task at its time, if that is ahead", async () => {
  const run_at = Date.now() + 1_500;
  const ids = await cluster.create([task("timed", { run_at: new Date(run_at).toISOString() })]);
  const batch = await batchOf(ids.timed);
  const baton = connect(cluster.url);
  await baton.stop(batch);
  const { tasks } = await baton.rerun(batch, { only: "failed" });
  await until(() => startsTo("/timed").length === 1);
  expect(startsTo("/timed")).toEqual([tasks[0]?.id]);
  expect(service.to("/timed")[0]?.at).toBeGreaterThanOrEqual(run_at);
});

it("keeps the cancel actions that were sent, not those that a service answered for the call before", async () => {
  service.answer("/job", { body: service.action("/cancel-job-1") }, {});
  const ids = await cluster.create([task("job", { on_cancel: [service.action("/cancel")] })]);
  const old = ids.job ?? "";
  const baton = connect(cluster.url);
  await until(async () => (await cluster.status(old)) === "Running");
  await baton.cancel(old);
  await until(() => service.of(old, "cancel").length === 2);
  const { tasks } = await baton.rerun(await batchOf(old), { only: "failed" });
  const again = tasks[0]?.id ?? "";
  await until(async () => (await cluster.status(again)) === "Running");
  await baton.cancel(again);
  await until(() => service.of(again, "cancel").length > 0);
  await stays(() => service.of(again, "cancel").length === 1, 300);
  expect(service.of(again, "cancel").map((call) => call.path)).toEqual(["/cancel"]);
});

it("runs named tasks again, ends at once what cannot run, and completes once", { timeout: 60_000 }, async () => {
  service.answer("/from-a", reports(failure));
  service.answer("/from-b", reports(failure), reports({ status: "Success" }));
  for (const path of ["/from-d", "/from-any"]) service.answer(path, reports({ status: "Success" }));
  const first = await cluster.create({
    on_batch_complete: service.action("/from-complete"),
    tasks: [
      task("from-a"),
      task("from-b"),
      task("from-c", {
        dependencies: ["from-a", "from-b"].map((id) => ({ id, requires_success: true })),
        on_failure: [service.action("/from-failed")],
      }),
      task("from-d", { dependencies: [{ id: "from-c" }] }),
      task("from-any", {
        join: "any",
        dependencies: ["from-a", "from-b"].map((id) => ({ id, condition: "on_success" })),
      }),
    ],
  });
  const old = await batchOf(first["from-a"]);
  await until(isComplete(old));
  const baton = connect(cluster.url);
  const { batchId, tasks } = await baton.rerun(old, { from: [first["from-b"] ?? ""] });
  const made = Object.fromEntries(tasks.map((one) => [one.local_id, one]));
  expect(tasks.map((one) => `${one.local_id} ${one.status}`)).toEqual([
    ...["from-b Pending", "from-c Failure", "from-d Pending", "from-any Waiting"],
  ]);
  expect(made["from-c"]?.failure_reason).toBe("Required parent task from-a failed");
  await until(isComplete(batchId));
  expect(await baton.batch(batchId)).toMatchObject({ status: "failure", first_failure: null });
  expect((await baton.batch(batchId)).status_counts).toMatchObject({ success: 3, failure: 1 });
  await until(() => service.to("/from-failed").some((call) => call.taskId === made["from-c"]?.id));
  await until(() => service.to("/from-complete").length === 2);
  expect(service.to("/from-complete").map((call) => call.key)).toEqual([
    `batch:${old}:complete`,
    `batch:${batchId}:complete`,
  ]);
  expect(startsTo("/from-c")).toEqual([]);
});
