// What is created paused, or is let go out of a pause, in a whole system: a task by itself, and a batch.
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { stays, until } from "#test/until";
import { connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
let service: Receiver;
let baton: ReturnType<typeof connect>;
beforeAll(async () => {
  [cluster, service] = await Promise.all([startCluster(), startReceiver()]);
  baton = connect(cluster.url);
}, 60_000);

type Ids = Record<string, string>;
const gate = (id: string, more: object = {}) => ({ id, name: id, kind: "k", on_start: { kind: "Wait" }, ...more });
const is = (id: string | undefined, status: string) =>
  until(async () => (await cluster.status(id ?? "")) === status, 10_000, `${id} is ${status}`);
const get = async (id: string | undefined) => (await cluster.call("GET", `/task/${id}`)).body;
const shown = async (ids: Ids) =>
  Object.fromEntries(await Promise.all(Object.entries(ids).map(async ([id, at]) => [id, await cluster.status(at)])));

it("starts with the resume of its batch; a task that is paused by itself stays", async () => {
  const { status, body } = await cluster.call("POST", "/task", {
    paused: true,
    tasks: [gate("a"), gate("b", { dependencies: [{ id: "a" }] }), gate("own", { paused: true })],
  });
  const ids: Ids = Object.fromEntries(body.map((one: { id: string; local_id: string }) => [one.local_id, one.id]));
  expect([status, body.map((one: { status: string }) => one.status)]).toEqual([201, ["Paused", "Paused", "Paused"]]);
  const { batch_id } = await get(ids.a);
  expect(await baton.batch(batch_id)).toMatchObject({ status: "paused", paused: true, status_counts: { paused: 3 } });
  expect((await get(ids.a)).blocked_by).toEqual([{ type: "paused" }]);
  expect((await get(ids.b)).blocked_by).toEqual([{ type: "dependency", task_id: ids.a }, { type: "paused" }]);
  await stays(async () => (await cluster.status(ids.a ?? "")) === "Paused", 300);

  const resumed = await cluster.call("POST", `/batch/${batch_id}/resume`);
  expect([resumed.status, resumed.body]).toEqual([200, { batch_id, resumed: 2 }]);
  await is(ids.a, "Running");
  expect(await shown(ids)).toEqual({ a: "Running", b: "Waiting", own: "Paused" });
  expect(await baton.batch(batch_id)).toMatchObject({ status: "running", paused: false });
  expect((await cluster.call("PATCH", `/task/resume/${ids.own}`)).status).toBe(200);
  await is(ids.own, "Running");
});

it("lets one task go when it is resumed by itself, and the others stay", async () => {
  const tasks = [gate("a"), gate("b", { dependencies: [{ id: "a" }] }), gate("c")];
  const ids: Ids = await cluster.create({ paused: true, tasks });
  const { batch_id } = await get(ids.a);
  expect((await cluster.call("PATCH", `/task/resume/${ids.a}`)).status).toBe(200);
  await is(ids.a, "Running");
  await cluster.call("PATCH", `/task/${ids.a}`, { status: "Success" });
  // It hears of its parent all the same.
  expect(await cluster.row(ids.b ?? "")).toMatchObject({ status: "Paused", wait_finished: 0 });
  expect(await shown(ids)).toEqual({ a: "Success", b: "Paused", c: "Paused" });
  expect(await baton.batch(batch_id)).toMatchObject({ status: "paused", paused: true });
  expect((await cluster.call("POST", `/batch/${batch_id}/resume`)).body).toEqual({ batch_id, resumed: 2 });
  await Promise.all([is(ids.b, "Running"), is(ids.c, "Running")]);
});

it("is held by nothing else: a task alone, one with a time, one with rules", async () => {
  const rules = [
    { type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields: ["none"] } },
  ];
  const ids: Ids = await cluster.create([
    gate("alone", { paused: true }),
    gate("later", { paused: true, delay_secs: 3600 }),
    gate("ruled", { paused: true, rules, metadata: { none: 1 } }),
  ]);
  await stays(async () => (await cluster.status(ids.ruled ?? "")) === "Paused", 300);
  for (const id of Object.values(ids)) expect((await cluster.call("PATCH", `/task/resume/${id}`)).status).toBe(200);
  await Promise.all([is(ids.alone, "Running"), is(ids.ruled, "Running")]);
  expect((await get(ids.later)).blocked_by).toMatchObject([{ type: "run_at" }]);
});

it("is run again as it was sent", async () => {
  const ids: Ids = await cluster.create({ paused: true, tasks: [gate("a"), gate("own", { paused: true })] });
  const { batch_id } = await get(ids.a);
  await cluster.call("DELETE", `/batch/${batch_id}`);
  const again = await baton.rerun(batch_id, { only: "all" });
  expect(again.tasks.map(({ status }) => status)).toEqual(["Paused", "Paused"]);
  expect((await cluster.call("POST", `/batch/${again.batchId}/resume`)).body).toMatchObject({ resumed: 1 });
});

it("is complete at once where it is empty", async () => {
  const { status, headers } = await cluster.call("POST", "/task", {
    ...{ paused: true, tasks: [], on_batch_complete: service.action("/empty-paused") },
  });
  expect(status).toBe(204);
  await until(() => service.to("/empty-paused").length === 1);
  expect(await baton.batch(String(headers.get("x-batch-id")))).toMatchObject({ status: "success", paused: false });
});
