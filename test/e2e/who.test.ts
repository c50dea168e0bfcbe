// Who did what in a whole cluster with tokens and signed handles: every way to ask, and every way to read the events.
import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { hear } from "#test/sse";
import { until } from "#test/until";
import { connect as batonAt } from "../../src/sdk/client.ts";

const hash = (token: string) => createHash("sha256").update(token).digest("hex");
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const [alice, bob, master] = [bearer("alice-token"), bearer("bob-token"), bearer("master")];

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  service = await startReceiver();
  const tokens = `alice:operate:${hash("alice-token")},bob:submit:${hash("bob-token")}`;
  cluster = await startCluster({
    env: { AUTH_TOKEN: "master", AUTH_TOKENS: tokens, HANDLE_SECRET: "secret" },
  });
});

const task = (id: string, more: object = {}) => ({ id, name: id, kind: "k", ...more });
const held = { delay_secs: 3_600 };
const eventsOf = async (id: string) => (await cluster.call("GET", `/task/${id}/events`, undefined, bob)).body;
const saidOf = async (id: string) =>
  (await eventsOf(id)).map(({ event, actor, reason }: Record<string, unknown>) => [event, actor, reason]);

/** A client of NATS that publishes by itself. */
async function client() {
  const nc = await connect({ servers: cluster.nats.url });
  onTestFinished(() => nc.close());
  const publish = (id: string, verb: string, body: object) => {
    const forged = headers();
    for (const name of ["Baton-Actor", "Authorization"]) forged.set(name, "token:alice");
    return jetstream(nc).publish(`baton.task.${id}.${verb}`, JSON.stringify(body), { headers: forged });
  };
  return { nc, publish };
}

/** The number that the log of the only worker gives to this start of its process. */
const workerOf = () => {
  const ids = (cluster.workers[0]?.log ?? "").matchAll(/"worker":(\d+)[^\n]*"registered"/g);
  return `worker:${[...ids].at(-1)?.[1]}`;
};

it("names who reported, canceled, paused and resumed, by HTTP and by NATS, and what the worker decided", async () => {
  const { publish } = await client();
  const made = await cluster.create(
    [
      task("run", { on_start: service.action("/run") }),
      task("after", { dependencies: [{ id: "run", requires_success: true }], ...held }),
      task("http", held),
      task("nats", held),
    ],
    bob,
  );
  const { run, after, http, nats } = made as Record<"run" | "after" | "http" | "nats", string>;
  await until(async () => (await cluster.status(run)) === "Running");
  const handle = service.of(run, "start")[0]?.handle as string;
  const fail = { status: "Failure", failure_reason: "broken" };
  expect((await cluster.call("PATCH", handle, fail)).status).toBe(200);
  expect((await cluster.call("PATCH", handle, { status: "Success" })).status).toBe(409);
  expect(await saidOf(run)).toEqual([
    ["claim", workerOf(), null],
    ["started", workerOf(), null],
    ["fail", "handle", "broken"],
    ["succeed", "handle", null],
  ]);
  const [lost] = await saidOf(after);
  expect(lost.slice(1)).toEqual([workerOf(), "Required parent task run failed"]);

  const asked = async (method: string, path: string, who: Record<string, string>) =>
    expect((await cluster.call(method, path, undefined, who)).status).toBe(200);
  await asked("PATCH", `/task/pause/${http}?reason=lunch`, alice);
  await asked("PATCH", `/task/resume/${http}`, master);
  await asked("DELETE", `/task/${http}?reason=wrong%20input`, alice);
  expect(await saidOf(http)).toEqual([
    ["pause", "token:alice", "lunch"],
    ["resume", "token", null],
    ["cancel", "token:alice", "wrong input"],
  ]);
  expect((await cluster.row(http)).failure_reason).toBe("wrong input");

  await publish(nats, "pause", { reason: "lunch" });
  await until(async () => (await cluster.status(nats)) === "Paused");
  await publish(nats, "resume", {});
  await until(async () => (await cluster.status(nats)) === "Pending");
  await publish(nats, "cancel", { reason: "no use" });
  await until(async () => (await cluster.status(nats)) === "Canceled");
  expect(await saidOf(nats)).toEqual([
    ["pause", "nats", "lunch"],
    ["resume", "nats", null],
    ["cancel", "nats", "no use"],
  ]);
  expect((await cluster.row(nats)).failure_reason).toBe("no use");
});

it("tells the same by SSE and on the stream BATON_EVENTS", async () => {
  const { nc } = await client();
  const { a } = (await cluster.create([task("a", held)], alice)) as { a: string };
  const { batch_id } = (await cluster.call("GET", `/task/${a}`, undefined, bob)).body;
  const stream = await hear(`${cluster.url}/events?batch_id=${batch_id}`, { ...bob, "last-event-id": "0" });
  expect((await cluster.call("DELETE", `/batch/${batch_id}?reason=no%20use`, undefined, alice)).status).toBe(200);
  const said = { task_id: a, event: "stop_batch", actor: "token:alice", reason: "no use" };
  await until(() => stream.events.length > 0);
  expect(stream.events).toMatchObject([said]);
  stream.close();
  const manager = await jetstreamManager(nc);
  const subject = `baton.event.${batch_id}.${a}.Canceled`;
  const found = await until(() =>
    manager.streams.getMessage("BATON_EVENTS", { last_by_subj: subject }).catch(() => null),
  );
  expect(found?.json()).toMatchObject(said);
  expect(await eventsOf(a)).toMatchObject([said]);
  expect((await cluster.row(a)).failure_reason).toBe("Batch stopped");
});

it("keeps with each batch who created it: a token, a client of NATS, who asked for a rerun", async () => {
  const { nc } = await client();
  const creatorOf = async (batch: string) => {
    const { body } = await cluster.call("GET", `/batch/${batch}`, undefined, bob);
    const { body: list } = await cluster.call("GET", "/batches?kind=made", undefined, bob);
    const listed = list.find((row: { batch_id: string }) => row.batch_id === batch);
    expect(listed.created_by).toBe(body.created_by);
    return body.created_by;
  };
  const body = [task("a", { kind: "made" })];
  const key = { ...bob, "idempotency-key": "created once" };
  const byHttp = await cluster.call("POST", "/task", body, key);
  const first = byHttp.headers.get("x-batch-id") as string;
  const again = await cluster.call("POST", "/task", body, { ...key, ...master });
  expect([byHttp.status, again.headers.get("x-batch-id")]).toEqual([201, first]);
  expect(await creatorOf(first)).toBe("token:bob");

  const reply = await nc.request("baton.batch.create", JSON.stringify(body), { timeout: 10_000 });
  expect(await creatorOf(reply.json<{ batch_id: string }>().batch_id)).toBe("nats");

  await until(async () => (await cluster.call("GET", `/batch/${first}`, undefined, bob)).body.status === "success");
  const rerun = await cluster.call("POST", `/batch/${first}/rerun`, { only: "all" }, master);
  expect(await creatorOf(rerun.headers.get("x-batch-id") as string)).toBe("token");
});

it("goes through the SDK", async () => {
  const baton = batonAt(cluster.url, { token: "alice-token" });
  expect(await baton.whoami()).toEqual({ actor: "token:alice", role: "operate" });
  const { batchId, tasks } = await baton.create([task("a", held), task("b", held)]);
  const [a, b] = tasks.map(({ id }) => id) as [string, string];
  await baton.pause(a, "to & fro?");
  await baton.resume(a, "back");
  await baton.cancel(a);
  await baton.stop(batchId, "no use");
  const said = async (id: string) => (await baton.events(id)).map(({ event, reason }) => [event, reason]);
  expect(await said(a)).toEqual([
    ["pause", "to & fro?"],
    ["resume", "back"],
    ["cancel", "Canceled by request"],
  ]);
  expect(await said(b)).toEqual([["stop_batch", "no use"]]);
  expect((await baton.batch(batchId)).created_by).toBe("token:alice");
});

it("says whom a token stands for", async () => {
  const who = async (token: Record<string, string>) => {
    const { status, body } = await cluster.call("GET", "/whoami", undefined, token);
    return [status, body.actor, body.role];
  };
  expect(await Promise.all([alice, bob, master, bearer("x"), {}].map(who))).toEqual([
    [200, "token:alice", "operate"],
    [200, "token:bob", "submit"],
    [200, "token", "operate"],
    [401, undefined, undefined],
    [401, undefined, undefined],
  ]);
});
