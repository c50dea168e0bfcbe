// Batches that grow in a whole system: an adding meets the end of the last task, over HTTP and NATS; open batches, and the end
// of being open; a task that adds what it found; a worker that dies in between.
import { connect as connectNats, type NatsConnection, headers as natsHeaders } from "@nats-io/transport-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { seed } from "#test/seed";
import { until } from "#test/until";
import { add, connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
let service: Receiver;
let nats: NatsConnection;
let baton: ReturnType<typeof connect>;
beforeAll(async () => {
  [cluster, service] = await Promise.all([startCluster({ workers: 2 }), startReceiver()]);
  nats = await connectNats({ servers: cluster.nats.url });
  baton = connect(cluster.url);
}, 60_000);
afterAll(() => nats.close());

const gate = (id: string, more: object = {}) => ({ id, name: id, kind: "k", on_start: { kind: "Wait" }, ...more });
const joins = (id: string, more: object = {}) => ({ id, name: id, kind: "k", ...more });
const needs = (id: string, more: object = {}) => ({ dependencies: [{ id, ...more }] });
const is = (id: string | undefined, status: string) =>
  until(async () => (await cluster.status(id ?? "")) === status, 15_000, `${id} is ${status}`);
const succeed = (id: string) => cluster.call("PATCH", `/task/${id}`, { status: "Success" });
const isComplete = (batch: string) =>
  until(async () => (await baton.batch(batch)).completed_at !== null, 15_000, `${batch} is complete`);
const completions = (batch: string) =>
  cluster.sql`select status from delivery where batch_id = ${batch} and task_id is null`.then((rows) => rows.length);

async function request(subject: string, body?: unknown, key?: string) {
  const h = natsHeaders();
  if (key !== undefined) h.set("Nats-Msg-Id", key);
  const answer = await nats.request(subject, body === undefined ? "" : JSON.stringify(body), {
    timeout: 15_000,
    headers: h,
  });
  return answer.json<{ status: number; tasks?: { id: string; local_id: string }[]; code?: string; open?: boolean }>();
}
const byHttp = async (batch: string, tasks: readonly object[]) => {
  const { status, body } = await cluster.call("POST", `/batch/${batch}/tasks`, tasks);
  return { status, code: body?.code, tasks: status < 300 ? body : [] };
};
const byNats = (batch: string, tasks: readonly object[]) => request(`baton.batch.${batch}.add`, tasks);

/** So many small calls later, each about as long as a step of what they meet. */
async function callsLater(calls: number): Promise<void> {
  for (let n = 0; n < calls; n++) await cluster.call("GET", "/health");
}

describe.each([
  ["HTTP", byHttp],
  ["NATS", byNats],
] as const)("an adding by %s that meets the end of the last task", (_name, addTo) => {
  const rounds = 150;
  const atOnce = 10;
  it(`is in the batch and runs, or 409, in each of ${rounds} rounds; the batch completes once`, {
    timeout: 120_000,
  }, async () => {
    const outcomes = new Map<number, number>();
    const random = fc.sample(fc.integer({ min: -4, max: 4 }), { numRuns: rounds, seed });
    const round = async (head: number) => {
      const onComplete = { kind: "Webhook", params: { url: `${service.url}/complete`, verb: "Post" } };
      const made = await baton.create({ tasks: [gate("last")], on_batch_complete: onComplete } as never);
      const last = made.tasks[0]?.id as string;
      await is(last, "Running");
      const [ended, added] = await Promise.all([
        callsLater(-head).then(() => succeed(last)),
        callsLater(head).then(() => addTo(made.batchId, [joins("more", needs("last", { requires_success: true }))])),
      ]);
      expect(ended.status).toBe(200);
      outcomes.set(added.status, (outcomes.get(added.status) ?? 0) + 1);
      await isComplete(made.batchId);
      const batch = await baton.batch(made.batchId);
      if (added.status === 201) {
        expect(batch).toMatchObject({ total_tasks: 2, status_counts: { success: 2 } });
        expect(await cluster.status(added.tasks?.[0]?.id ?? "")).toBe("Success");
      } else {
        expect([added.status, added.code]).toEqual([409, "batch_complete"]);
        expect(batch).toMatchObject({ total_tasks: 1, status_counts: { success: 1 } });
      }
      expect(await completions(made.batchId)).toBe(1);
    };
    for (let from = 0; from < rounds; from += atOnce) await Promise.all(random.slice(from, from + atOnce).map(round));
    // Both happen, or the test has seen nothing.
    expect([...outcomes.keys()].sort(), JSON.stringify([...outcomes])).toEqual([201, 409]);
  });
});

describe("an open batch", () => {
  it("completes with its close where all has ended, once, and closing it again changes nothing", async () => {
    const onComplete = { kind: "Webhook", params: { url: `${service.url}/open`, verb: "Post" } };
    const { batchId, tasks } = await baton.create({
      open: true,
      tasks: [joins("a")],
      on_batch_complete: onComplete,
    } as never);
    await is(tasks[0]?.id, "Success");
    expect(await baton.batch(batchId)).toMatchObject({ open: true, status: "running", completed_at: null });
    const [b] = await baton.add(batchId, [joins("b", needs("a", { requires_success: true }))] as never);
    await is(b?.id, "Success");
    const close = () => cluster.call("POST", `/batch/${batchId}/close`);
    expect(await close()).toMatchObject({ status: 200, body: { batch_id: batchId, open: false } });
    expect(await baton.batch(batchId)).toMatchObject({ open: false, status: "success", total_tasks: 2 });
    expect((await close()).status).toBe(200);
    expect(await request(`baton.batch.${batchId}.close`)).toEqual({ status: 200, batch_id: batchId, open: false });
    expect(await completions(batchId)).toBe(1);
    expect(await byNats(batchId, [joins("c")])).toMatchObject({ status: 409, code: "batch_complete" });
  });

  it("goes on after its close until the last task has ended, and takes tasks until then", async () => {
    const { batchId, tasks } = await baton.create({ open: true, tasks: [gate("a")] } as never);
    await is(tasks[0]?.id, "Running");
    expect(await request(`baton.batch.${batchId}.close`, {})).toMatchObject({ status: 200, open: false });
    expect(await baton.batch(batchId)).toMatchObject({ open: false, status: "running" });
    expect((await byHttp(batchId, [joins("b", needs("a"))])).status).toBe(201);
    await succeed(tasks[0]?.id as string);
    await isComplete(batchId);
  });

  it("is closed by a stop, and by its deadline", async () => {
    const stopped = await baton.create({ open: true, tasks: [] } as never);
    expect((await cluster.call("DELETE", `/batch/${stopped.batchId}`)).status).toBe(200);
    expect(await baton.batch(stopped.batchId)).toMatchObject({ open: false, status: "success" });
    const timed = await baton.create({ open: true, deadline_secs: 1, tasks: [] } as never);
    await isComplete(timed.batchId);
    expect((await byHttp(timed.batchId, [joins("a")])).status).toBe(409);
  });

  it("has no dead ends, and closing makes none", async () => {
    const { batchId, tasks } = await baton.create({
      open: true,
      tasks: [
        gate("top"),
        gate("side"),
        joins("below", { dependencies: [{ id: "top" }, { id: "side", requires_success: true }] }),
      ],
    } as never);
    const [top, side, below] = tasks.map(({ id }) => id) as [string, string, string];
    await Promise.all([is(top, "Running"), is(side, "Running")]);
    await cluster.call("PATCH", `/task/${side}`, { status: "Failure", failure_reason: "broken" });
    await is(below, "Failure");
    await baton.close(batchId);
    expect(await cluster.status(top)).toBe("Running");
    await succeed(top);
    await isComplete(batchId);
  });

  it("is named when it is none or has a body that nobody takes", async () => {
    const nowhere = "019b0000-0000-7000-8000-000000000000";
    expect((await cluster.call("POST", `/batch/${nowhere}/close`)).status).toBe(404);
    expect(await request(`baton.batch.${nowhere}.close`)).toMatchObject({ status: 404, code: "unknown_batch" });
    expect(await request(`baton.batch.${nowhere}.add`, [joins("a")])).toMatchObject({
      status: 404,
      code: "unknown_batch",
    });
    expect(await request("baton.batch.nonsense.add", [joins("a")])).toMatchObject({ status: 400, code: "invalid_id" });
    expect(await request(`baton.batch.${nowhere}.close`, { x: 1 })).toMatchObject({
      status: 400,
      code: "validation_failed",
    });
  });
});

it("a task adds what it found, and is kept while it is at work though all that it added has ended", async () => {
  const { batchId, tasks } = await baton.create([gate("me")] as never);
  const me = tasks[0]?.id as string;
  await is(me, "Running");
  const added = await add(`${cluster.url}/task/${me}`, [gate("x", needs("me")), joins("y", needs("me"))] as never);
  await cluster.call("DELETE", `/task/${added[0]?.id}`);
  await cluster.call("DELETE", `/task/${added[1]?.id}`);
  expect(await cluster.status(me)).toBe("Running");
  const [late] = await add(`${cluster.url}/task/${me}`, [joins("z", needs("me", { requires_success: true }))] as never);
  await succeed(me);
  await isComplete(batchId);
  expect(await cluster.status(late?.id ?? "")).toBe("Success");
});

it("an adding by NATS that is sent again under its id gets the first answer", async () => {
  const { batchId } = await baton.create([gate("a")] as never);
  const first = await request(`baton.batch.${batchId}.add`, [joins("b")], "growth once");
  expect(first.status).toBe(201);
  expect(await request(`baton.batch.${batchId}.add`, [joins("b")], "growth once")).toEqual(first);
});

it("what is added while workers die runs, and the batch completes once", { timeout: 90_000 }, async () => {
  const onComplete = { kind: "Webhook", params: { url: `${service.url}/killed`, verb: "Post" } };
  const { batchId } = await baton.create({ open: true, tasks: [joins("t0")], on_batch_complete: onComplete } as never);
  for (let n = 1; n <= 60; n++) {
    expect((await byHttp(batchId, [joins(`t${n}`, needs(`t${n - 1}`, { requires_success: true }))])).status).toBe(201);
    if (n % 20 === 0) {
      const [victim] = cluster.workers.filter(({ alive }) => alive);
      if (victim) {
        await cluster.kill(victim);
        await cluster.restart(victim);
      }
    }
  }
  await baton.close(batchId);
  await until(async () => (await baton.batch(batchId)).completed_at !== null, 60_000, "complete");
  expect(await baton.batch(batchId)).toMatchObject({
    total_tasks: 61,
    status_counts: { success: 61 },
    status: "success",
  });
  expect(await completions(batchId)).toBe(1);
});
