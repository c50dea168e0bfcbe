// Inputs in a whole system: what a call and a message carry, over reruns of reruns, and again after the death of a worker.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats } from "@nats-io/transport-node";
import { beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Call, type Receiver, reports, startReceiver } from "#test/receiver";
import { until } from "#test/until";
import { connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
let service: Receiver;
let baton: ReturnType<typeof connect>;
beforeAll(async () => {
  const env = { MAX_DEPS_PER_TASK: "1000", MAX_TASKS_PER_BATCH: "2000", WORKER_CLAIM_TIMEOUT_SECS: "3" };
  [cluster, service] = await Promise.all([startCluster({ env }), startReceiver()]);
  baton = connect(cluster.url);
}, 60_000);

const joins = (id: string, needs: readonly string[] = []) => ({
  ...{ id, name: id, kind: "k", dependencies: needs.map((one) => ({ id: one })) },
});
const calls = (id: string, needs: readonly string[], params: object = {}) => ({
  ...{ ...joins(id, needs), on_start: service.action(`/${id}`, params as never) },
});
const is = (id: string | undefined, status: string) =>
  until(async () => (await cluster.status(id ?? "")) === status, 15_000, `${id} is ${status}`);
const isComplete = (batch: string) =>
  until(async () => (await baton.batch(batch)).completed_at !== null, 15_000, `${batch} is complete`);
const sentTo = (path: string, n = 0) => until(() => service.to(path, "start")[n] as Call | undefined, 15_000);
const answers = (path: string, result: object) => service.answer(path, { body: result });

describe("a call with inputs", () => {
  it("carries the user's body and the key baton, from what services reported and answered", async () => {
    service.answer("/one", reports({ status: "Success", result: { rows: 3, files: ["a", "b"] } }));
    answers("/two", { ok: true });
    const inputs = {
      rows: { task: "one", pointer: "/rows" },
      second: { task: "one", pointer: "/files/1" },
      third: { task: "one", pointer: "/files/2", default: "none" },
      two: { task: "two" },
    };
    const ids = await cluster.create([
      calls("one", []),
      calls("two", [], { completes: "on_response" }),
      calls("both", ["one", "two"], { inputs, body: { mine: 1, baton: "never sent" } }),
      calls("again", ["both"], { inputs: "parents", completes: "on_response" }),
    ]);
    const { body, handle, text } = await sentTo("/both");
    expect(body).toEqual({
      mine: 1,
      baton: {
        ...{
          task_id: ids.both,
          batch_id: (await cluster.row(ids.both as string)).batch_id,
          local_id: "both",
          attempt: 0,
        },
        inputs: { rows: 3, second: "b", third: "none", two: { ok: true } },
        handle,
      },
    });
    expect(text).not.toContain("never sent");
    await cluster.call("PATCH", handle, { status: "Failure", failure_reason: "so it is", result: { why: 1 } });
    expect((await sentTo("/again")).body).toMatchObject({ baton: { inputs: { both: { why: 1 } }, local_id: "again" } });
    await is(ids.again, "Success");
  });

  it("is a message that carries them beside its body", async () => {
    answers("/first", { n: 1 });
    const nats = await connectNats({ servers: cluster.nats.url });
    const subject = "baton.work.inputs.test";
    await (await jetstreamManager(nats)).consumers.add("BATON_WORK", {
      ...{ durable_name: "inputs", filter_subject: subject, ack_policy: "explicit" },
    });
    const ids = await cluster.create([
      calls("first", [], { completes: "on_response" }),
      {
        ...joins("second", ["first"]),
        on_start: { kind: "Nats", params: { subject, body: ["any"], inputs: "parents" } },
      },
    ]);
    const pulled = await (await jetstream(nats).consumers.get("BATON_WORK", "inputs")).next({ expires: 15_000 });
    expect(pulled?.json()).toEqual({
      ...{
        task_id: ids.second,
        attempt: 0,
        handle: `${cluster.url}/task/${ids.second}`,
        trigger: "start",
        body: ["any"],
      },
      inputs: { first: { n: 1 } },
    });
    await nats.close();
  });

  it("fails to start where they are too large, and says so; a retry is a new attempt at it", async () => {
    const parts = Array.from({ length: 5 }, (_, i) => `large${i}`);
    for (const part of parts) answers(`/${part}`, { text: "x".repeat(60_000) });
    const ids = await cluster.create([
      ...parts.map((part) => calls(part, [], { completes: "on_response" })),
      { ...calls("too-much", parts, { inputs: "parents" }), retry: { max_retries: 1, initial_delay_secs: 1 } },
    ]);
    await is(ids["too-much"], "Failure");
    expect(await cluster.row(ids["too-much"] as string)).toMatchObject({
      attempt: 1,
      failure_reason: "on_start failed: its inputs take 300106 bytes as compact JSON, at most 262144 are sent",
    });
    expect(service.to("/too-much")).toEqual([]);
  });

  it("joins a thousand parents, whose results arrive whole", async () => {
    const parts = Array.from({ length: 1_000 }, (_, i) => `part${i}`);
    const gate = { id: "gate", name: "gate", kind: "k", on_start: { kind: "Wait" } };
    const ids = await cluster.create([
      gate,
      ...parts.map((part) => joins(part, ["gate"])),
      calls("whole", parts, { inputs: "parents" }),
    ]);
    // As their services would have reported.
    await cluster.sql`
      update task_spec set result = jsonb_build_object('name', local_id, 'text', repeat('x', 100)), result_bytes = 200
      where batch_id = (select batch_id from task where id = ${ids.gate as string}) and local_id like 'part%'`;
    await cluster.call("PATCH", `/task/${ids.gate}`, { status: "Success" });
    const { body } = await sentTo("/whole");
    expect((body as { baton: { inputs: object } }).baton.inputs).toEqual(
      Object.fromEntries(parts.map((name) => [name, { name, text: "x".repeat(100) }])),
    );
  });
});

it("reads in a rerun of a rerun what both left out from the batches where it ran", async () => {
  answers("/src", { from: "first" });
  answers("/mid", { n: 1 });
  service.answer("/sum", reports({ status: "Failure", failure_reason: "again, please" }));
  const answering = { completes: "on_response" };
  const first = await baton.create([
    calls("src", [], answering),
    calls("mid", ["src"], { ...answering, inputs: "parents" }),
    calls("sum", ["mid"], { inputs: { src: { task: "src", pointer: "/from" }, mid: { task: "mid", pointer: "/n" } } }),
    calls("all", ["sum", "mid"], { ...answering, inputs: "parents" }),
  ] as never);
  const batches = [first.batchId];
  for (let n = 0; n < 3; n++) {
    const batch = batches.at(-1) as string;
    await isComplete(batch);
    expect((await sentTo("/sum", n)).body).toMatchObject({
      baton: { batch_id: batch, inputs: { src: "first", mid: 1 } },
    });
    expect((await sentTo("/all", n)).body).toMatchObject({
      baton: { batch_id: batch, inputs: { sum: null, mid: { n: 1 } } },
    });
    if (n === 1) answers("/mid", { n: 2 });
    batches.push((await baton.rerun(batch, { dependents: true })).batchId);
  }
  await isComplete(batches[3] as string);
  expect(service.to("/mid")).toHaveLength(1);
});

it("is called again with the same inputs when its worker dies, whatever has ended since", async () => {
  const gate = (id: string) => ({ id, name: id, kind: "k", on_start: { kind: "Wait" } });
  const hold = service.hold("/dies");
  const inputs = { quick: { task: "quick", pointer: "/n" }, slow: { task: "slow", pointer: "/n", default: "not yet" } };
  const ids = await cluster.create([
    gate("quick"),
    gate("slow"),
    { ...calls("dies", ["quick", "slow"], { inputs, completes: "on_response" }), join: "any", timeout: 60 },
  ]);
  await is(ids.slow, "Running");
  const succeed = (id: string | undefined, n: number) =>
    cluster.call("PATCH", `/task/${id}`, { status: "Success", result: { n } });
  await succeed(ids.quick, 1);
  const first = await sentTo("/dies");
  expect(first.body).toMatchObject({ baton: { inputs: { quick: 1, slow: "not yet" } } });
  await succeed(ids.slow, 2);
  await is(ids.slow, "Success");
  const [worker] = cluster.workers as [(typeof cluster.workers)[0]];
  await cluster.kill(worker);
  await cluster.restart(worker);
  const again = await sentTo("/dies", 1);
  hold.release({ body: { done: true } });
  expect([again.key, again.text]).toEqual([first.key, first.text]);
  await is(ids.dies, "Success");
});
