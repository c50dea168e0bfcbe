// `worker` of @baton/sdk/nats against a real Baton: it does what handlers do, loses no work when it dies, and does none twice.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from "vitest";
import { signatureHeaders } from "#domain/calls/signature";
import { type Cluster, startCluster } from "#test/cluster";
import { until, within } from "#test/until";
import { message, type Notice, Over, type Refused, type RunningTask, task, type Work } from "../../../src/sdk/index.ts";
import { type WorkerOptions, worker } from "../../../src/sdk/nats.ts";

let cluster: Cluster;
let nc: NatsConnection;
beforeAll(async () => {
  cluster = await startCluster({ together: true });
  nc = await connect({ servers: cluster.nats.url });
});
afterAll(() => nc.close());

async function pull<Body>(queue: string, work: Work<Body>, more: Partial<WorkerOptions> = {}) {
  const one = await worker({ connection: nc, queue, heartbeatMs: 200, ...more }, work);
  onTestFinished(() => one.close(0));
  return one;
}
const job = (queue: string, id: string, body: Record<string, unknown> = {}, more: object = {}) =>
  task(id, { kind: "jobs", timeout: 2, on_start: message(`baton.work.${queue}.${id}`, { body }), ...more });
const taskOf = async (id: string) => (await cluster.call("GET", `/task/${id}`)).body;
const ended = (id: string) =>
  until(async () => {
    const { ended_at, ...rest } = await taskOf(id);
    return ended_at === null ? undefined : rest;
  }, 20_000);
const queued = async (queue: string) => {
  const { num_ack_pending, num_pending } = await (await jetstreamManager(nc)).consumers.info(
    "BATON_WORK",
    `${queue}-workers`,
  );
  return num_ack_pending + num_pending;
};

it("does work with inputs, counts, fails, skips, tells of ends, and leaves nothing in the queue", async () => {
  const notices: Notice[] = [];
  const errors: string[] = [];
  await pull(
    "mixed",
    async (task: RunningTask<{ text?: string }>) => {
      if (task.path.endsWith(".skipped")) return task.skip("nothing to do");
      if (task.body.text === undefined) throw new Error("there is no text");
      if (task.body.text === "large") return "x".repeat(70_000);
      await task.progress(2, 1);
      return { words: task.body.text.split(" ").length, ...task.inputs };
    },
    {
      concurrency: 2,
      onNotice: (notice) => void notices.push(notice),
      onError: (error) => void errors.push((error as Error).message),
    },
  );
  const a = job(
    "mixed",
    "a",
    { text: "one two" },
    { on_success: [message("baton.work.mixed.done", { body: { to: "x" } })] },
  );
  const b = task("b", {
    ...{ kind: "jobs", after: [a] },
    on_start: message("baton.work.mixed.b", {
      body: { text: "three" },
      inputs: { first: { task: "a", pointer: "/words" } },
    }),
  });
  const ids = await cluster.create([
    a,
    b,
    job("mixed", "failed"),
    job("mixed", "skipped"),
    job("mixed", "large", { text: "large" }),
  ]);
  expect(await ended(ids.b ?? "")).toMatchObject({ status: "Success", result: { words: 1, first: 2 } });
  expect(await ended(ids.failed ?? "")).toMatchObject({ status: "Failure", failure_reason: "there is no text" });
  expect(await ended(ids.skipped ?? "")).toMatchObject({ status: "Skipped", failure_reason: "nothing to do" });
  expect((await ended(ids.large ?? "")).failure_reason).toMatch(/^the result was refused: /);
  await until(async () => (await taskOf(ids.a ?? "")).failures === 1);
  await until(() => notices.length === 1);
  expect(notices[0]).toMatchObject({ trigger: "end", body: { to: "x" }, baton: { task_id: ids.a, status: "Success" } });
  expect(errors).toEqual(["there is no text"]);
  await until(async () => (await queued("mixed")) === 0);
});

it("keeps a long work alive, and aborts it when its task is canceled", async () => {
  let reason: unknown;
  const began = new Set<string>();
  const one = await pull("long", async (task: RunningTask<{ ms: number }>) => {
    began.add(task.taskId);
    task.signal.addEventListener("abort", () => (reason = task.signal.reason));
    await task.sleep(task.body.ms);
  });
  const ids = await cluster.create([job("long", "slow", { ms: 3_000 })]);
  expect(await ended(ids.slow ?? "")).toMatchObject({ status: "Success", attempt: 0 });
  const more = await cluster.create([job("long", "endless", { ms: 600_000 })]);
  await until(() => began.has(more.endless ?? ""));
  await cluster.call("DELETE", `/task/${more.endless}`);
  await until(() => reason instanceof Over);
  await until(() => one.running === 0);
  await until(async () => (await queued("long")) === 0);
});

it("hands back what it aborts when it closes, and another one does it in the same attempt", async () => {
  const began: string[] = [];
  const first = await pull("back", async (task) => {
    began.push(`first ${task.attempt}`);
    await task.sleep(600_000);
  });
  const ids = await cluster.create([job("back", "a", {}, { timeout: 60 })]);
  await until(() => began.length === 1);
  await first.close(0);
  await pull("back", (task) => void began.push(`second ${task.attempt}`));
  expect(await ended(ids.a ?? "")).toMatchObject({ status: "Success", attempt: 0 });
  expect(began).toEqual(["first 0", "second 0"]);
});

/** NATS behind a wire that can be cut: what is sent then arrives nowhere, and nothing new connects. */
async function wire() {
  const { hostname, port } = new URL(cluster.nats.url);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const there = createConnection(Number(port), hostname);
    for (const one of [socket, there]) open.add(one.on("error", () => {}));
    socket.pipe(there).pipe(socket);
  }).listen(0, "127.0.0.1");
  await until(() => server.listening);
  const cut = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  const servers = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 200 });
  onTestFinished(async () => {
    cut();
    await connection.close();
  });
  return { connection, cut };
}

it.each(["report", "progress"] as const)(
  "closes within its grace while a %s waits for a NATS that is away",
  async (what) => {
    const { connection, cut } = await wire();
    const asked = Promise.withResolvers<void>();
    const errors: string[] = [];
    const one = await pull(
      `away-${what}`,
      (task) => {
        cut();
        asked.resolve();
        return what === "report" ? "done" : task.progress(1);
      },
      { connection, onError: (error) => void errors.push((error as Error).message) },
    );
    await cluster.create([job(`away-${what}`, "t", {}, { timeout: 60 })]);
    await asked.promise;
    await within(() => one.close(100), 8_000);
    expect(errors).toEqual(what === "report" ? ["the service closed before Baton took the report"] : []);
  },
);

async function startProcess(ledger: string) {
  const program = join(import.meta.dirname, "worker-process.ts");
  const env = { PATH: process.env.PATH ?? "" };
  const child: ChildProcess = spawn(process.execPath, [program, cluster.nats.url, ledger], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text) => (said += text));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await until(() => said.includes("pulls"), 15_000, "it pulls").catch((error) => {
    throw new Error(`${error.message}\n${said}`);
  });
  const lines = (what: string) => [...said.matchAll(new RegExp(`^${what} (\\S+)$`, "gm"))].map(([, key = ""]) => key);
  return { child, exited, began: () => lines("begin"), did: () => lines("did") };
}

it("loses no work and does none twice when it is killed and started again, by its ledger of keys", async () => {
  const ledger = join(mkdtempSync(join(inject("scratchDir"), "worker-")), "keys.txt");
  const first = await startProcess(ledger);
  const retry = { max_retries: 3, initial_delay_secs: 0 };
  const names = ["a", "b", "c", "d", "e", "f"];
  const held = ["held", "also"];
  const jobs = [...held.map((id) => [id, 600_000] as const), ...names.map((id) => [id, 0] as const)];
  const ids = await cluster.create(jobs.map(([id, holdMs]) => job("jobs", id, { holdMs }, { retry })));
  // In the middle of two, with the six others reported.
  for (const name of names) expect(await ended(ids[name] ?? "")).toMatchObject({ status: "Success", attempt: 0 });
  await until(() => held.every((name) => first.began().includes(`${ids[name]}:start`)));
  first.child.kill("SIGKILL");
  await first.exited;
  const second = await startProcess(ledger);
  for (const name of held) expect(await ended(ids[name] ?? "")).toMatchObject({ status: "Success", attempt: 1 });
  const did = [...first.did(), ...second.did()];
  expect(did.toSorted()).toEqual(Object.values(ids).toSorted());
  const began = [...first.began(), ...second.began()];
  expect(new Set(began).size).toBe(began.length);
  expect(second.began().toSorted()).toEqual(held.map((name) => `${ids[name]}:start:1`).toSorted());
  // What came again under a key of the killed process went away without work.
  await until(async () => (await queued("jobs")) === 0);
  second.child.kill("SIGTERM");
  expect(await within(() => second.exited, 10_000)).toBe(0);
});

it("gives work of a worker that was killed to another one, in the same attempt, where no ledger outlives it", async () => {
  const none = join(mkdtempSync(join(inject("scratchDir"), "worker-")), "keys.txt");
  const first = await startProcess(none);
  const { t = "" } = await cluster.create([job("jobs", "t", { holdMs: 600_000 }, { timeout: 60 })]);
  await until(() => first.began().length === 1);
  first.child.kill("SIGKILL");
  await first.exited;
  await pull("jobs", (task) => ({ attempt: task.attempt }), { ackWaitMs: 1_500 });
  expect(await ended(t)).toMatchObject({ status: "Success", attempt: 0, result: { attempt: 0 } });
});

it("pulls on when its ledger was away, and hands back what closes before it has begun", async () => {
  const taken: string[] = [];
  let isAway = true;
  const ledger = {
    take(key: string) {
      const wasAway = isAway;
      isAway = false;
      if (wasAway) throw new Error("the ledger is away");
      taken.push(key);
      return true;
    },
    release: (key: string) => void taken.splice(taken.indexOf(key), 1),
  };
  const asked = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<boolean>();
  const closing = await pull("ledgers", () => expect.unreachable(), {
    ackWaitMs: 1_500,
    ledger: {
      ...ledger,
      take: () => {
        asked.resolve();
        return slow.promise;
      },
    },
  });
  const { t = "" } = await cluster.create([job("ledgers", "t", {}, { timeout: 60 })]);
  await asked.promise;
  const closed = closing.close(0);
  slow.resolve(true);
  await closed;
  await pull("ledgers", () => "done", { ledger, ackWaitMs: 1_500 });
  expect(await ended(t)).toMatchObject({ status: "Success", attempt: 0, result: "done" });
  expect(isAway).toBe(false);
  expect(taken).toEqual([`${t}:start`]);
});

it("refuses a queue that is no name and a secret that is none, and drops what is not signed", async () => {
  await expect(pull("words.>", () => {})).rejects.toThrow('queue: "words.>" is no name');
  await expect(pull("words", () => {}, { secrets: "hunter2!" })).rejects.toThrow(
    "secrets: does not begin with whsec_; give",
  );
  await expect(pull("words", () => {}, { secrets: [] })).rejects.toThrow("secrets: the list is empty");
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const done: string[] = [];
  const refused: Refused[] = [];
  const onRefused = (one: Refused) => void refused.push(one);
  await pull("signed", (task) => void done.push(task.key), { secrets: secret, onRefused });
  const { t = "" } = await cluster.create([job("signed", "t", {}, { timeout: 60 })]);
  await until(async () => (await taskOf(t)).status === "Running");
  await until(async () => (await queued("signed")) === 0);
  expect([done, (await taskOf(t)).status]).toEqual([[], "Running"]);
  const id = `${t}:start`;
  const reason = "unsigned: does Baton have WEBHOOK_SIGNING_SECRET?";
  expect(refused).toEqual([{ reason, path: "baton.work.signed.t", key: id }]);
  const payload = JSON.stringify({ task_id: t, attempt: 0, handle: "", trigger: "start", body: null });
  const head = headers();
  // It lay in its queue for a day.
  const list = signatureHeaders([secret], id, new Date(Date.now() - 86_400_000), payload);
  for (let i = 0; i < list.length; i += 2) head.set(list[i] as string, list[i + 1] as string);
  head.set("Idempotency-Key", id);
  await jetstream(nc).publish("baton.work.signed.t", payload, { headers: head });
  expect(await ended(t)).toMatchObject({ status: "Success" });
  expect(done).toEqual([id]);
});
