// Whole starts and deliveries against receivers that close kept connections, answer in unusual ways, or have one broken
// route: what users see of it in tasks, events, logs and circuits.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, reports, startReceiver } from "#test/receiver";
import { until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({
    workers: 2,
    env: {
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: "5",
      CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS: "600",
      WORKER_CLAIM_TIMEOUT_SECS: "2",
      WEBHOOK_TIMEOUT_SECS: "1",
      WEBHOOK_RETRY_BACKOFF_BASE_SECS: "1",
    },
  });
});
afterAll(() => Promise.all(ends.map((end) => end())));

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const hook = (url: string, more: object = {}) => ({ kind: "Webhook", params: { url, verb: "Post", ...more } });
const task = (id: string, on_start: unknown, more: object = {}) => ({ id, name: id, kind: "k", on_start, ...more });
const onResponse = { completes: "on_response" };
const ended = (id: string) =>
  until(
    async () => ["Success", "Failure", "Canceled"].includes(await cluster.status(id)),
    20_000,
    "the task has ended",
  );
const eventsOf = async (id: string): Promise<{ event: string; from: string; to: string; reason: string | null }[]> =>
  (await cluster.call("GET", `/task/${id}/events`)).body;
const circuitsOf = async (url: string): Promise<{ receiver: string }[]> =>
  (await cluster.call("GET", "/circuits")).body.filter(({ receiver }: { receiver: string }) => receiver === url);

describe("a receiver that closes kept connections", () => {
  it("as their second request arrives gets that once more on a new one, and no task fails", async () => {
    const keys: string[] = [];
    const url = await listen(
      createSocketServer((socket) => {
        let nth = 0;
        socket.on("data", (chunk) => {
          keys.push(/idempotency-key: (\S+)/i.exec(String(chunk))?.[1] ?? "");
          if (++nth === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"a":1}');
          else socket.end();
        });
      }),
    );
    const chain = Array.from({ length: 8 }, (_, i) =>
      task(`t${i}`, hook(url, onResponse), {
        on_success: [hook(url)],
        ...(i === 0 ? {} : { dependencies: [{ id: `t${i - 1}`, requires_success: true }] }),
      }),
    );
    const ids = Object.values(await cluster.create(chain));
    await ended(ids.at(-1) as string);
    for (const id of ids) expect(await cluster.row(id)).toMatchObject({ status: "Success", failure_reason: null });
    await until(async () => (await cluster.sql`select from delivery where status <> 'success'`).length === 0);
    const attempts = await cluster.sql`select distinct attempts from delivery where batch_id in (
      select batch_id from task where id = ${ids[0] as string})`;
    expect(attempts).toEqual([{ attempts: 1 }]);
    // Calls that met a closed connection were repeated; the others came once.
    expect(keys.length).toBeGreaterThan(new Set(keys).size);
    expect(new Set(keys).size).toBe(16);
    expect(await circuitsOf(url)).toEqual([]);
  });

  it("that are idle, all the time, fails none of 960 tasks", async () => {
    const server = createServer((request, response) => request.resume().on("end", () => response.end("{}")));
    const url = await listen(server);
    const closing = setInterval(() => server.closeIdleConnections(), 150);
    try {
      const chains = Array.from({ length: 960 }, (_, i) =>
        task(
          `t${i}`,
          hook(url, onResponse),
          i < 40 ? {} : { dependencies: [{ id: `t${i - 40}`, requires_success: true }] },
        ),
      );
      const ids = Object.values(await cluster.create(chains));
      const states = () => cluster.sql<{ status: string; reason: string | null; n: number }[]>`
        select status::text, failure_reason as reason, count(*)::int as n from task where id in ${cluster.sql(ids)} group by 1, 2`;
      await until(async () => (await states()).every(({ status }) => ["Success", "Failure"].includes(status)), 60_000);
      expect(await states()).toEqual([{ status: "Success", reason: null, n: 960 }]);
      expect(await circuitsOf(url)).toEqual([]);
    } finally {
      clearInterval(closing);
    }
  }, 90_000);

  it("and cannot be connected to any more leaves a start in doubt, not failed", async () => {
    let first: string | undefined;
    const server = createSocketServer((socket) => {
      socket.on("data", (chunk) => {
        const path = /^POST (\/\w*)/.exec(String(chunk))?.[1];
        if (path === "/first") return void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        first = path;
        server.close();
        socket.end();
      });
    });
    const url = await listen(server);
    const ids = await cluster.create([
      task("a", hook(`${url}/first`, onResponse)),
      task("b", hook(`${url}/second`), { dependencies: [{ id: "a", requires_success: true }] }),
    ]);
    await until(async () => (await eventsOf(ids.b as string)).some(({ event }) => event === "lease_expired"));
    const events = await eventsOf(ids.b as string);
    expect(events.find(({ event }) => event === "lease_expired")).toMatchObject({ from: "Claimed", to: "Pending" });
    expect(first).toBe("/second");
    // Called again it cannot be sent: that leaves the doubt, so what the first call began may still be reported.
    await until(async () => (await eventsOf(ids.b as string)).at(-1)?.event === "start_unsent");
    const { body } = await cluster.call("GET", `/task/${ids.b}`);
    expect(body.blocked_by).toMatchObject([{ type: "unreachable", error: "connect refused" }]);
    expect(await cluster.row(ids.b as string)).toMatchObject({ status: "Pending", in_doubt: true });
    expect((await cluster.call("PATCH", `/task/${ids.b}`, { status: "Success" })).status).toBe(200);
    expect(await cluster.sql`select from unsent where task_id = ${ids.b as string}`).toHaveLength(0);
    expect(cluster.workers.some(({ log }) => log.includes("its task is put back in doubt"))).toBe(true);
  });
});

describe("a broken route", () => {
  it("that answers 500 holds up nothing else of its receiver", async () => {
    service.answer("/broken", { status: 500 });
    service.answer("/thumb", reports({ status: "Success" }));
    const on_success = [service.action("/broken")];
    const first = Array.from({ length: 6 }, (_, i) => task(`t${i}`, service.action("/thumb"), { on_success }));
    for (const id of Object.values(await cluster.create(first))) await ended(id);
    await until(() => service.to("/broken").length >= 12, 20_000, "each delivery failed twice");
    const { u = "" } = await cluster.create([task("u", service.action("/thumb"))]);
    await ended(u);
    expect(await circuitsOf(service.url)).toEqual([]);
  });
});

describe("an answer of an on_response call", () => {
  it.each([
    ["a number that would change", '{"id":9007199254740993}', /^id: 9007199254740993 would be kept as/],
    ["NUL", '{"a":"\\u0000"}', /^a: holds a NUL/],
    ["__proto__", '{"__proto__":1}', /^__proto__: is not allowed/],
    ["over 64 KB", `{"a":"${"x".repeat(70_000)}"}`, /^body: takes more than 65536 bytes/],
  ])("that holds %s is a success without a result, and says why", async (_, body, says) => {
    const url = await listen(createServer((request, response) => request.resume().on("end", () => response.end(body))));
    const { a = "" } = await cluster.create([task("a", hook(url, onResponse))]);
    await ended(a);
    const { body: row } = await cluster.call("GET", `/task/${a}`);
    expect(row).toMatchObject({ status: "Success", result: null, failure_reason: null });
    const events = await eventsOf(a);
    expect(events.at(-1)).toMatchObject({
      event: "result_ignored",
      from: "Success",
      to: "Success",
      reason: expect.stringMatching(says),
    });
  });

  it("after a byte order mark is the result; what is no JSON object is none, without an event", async () => {
    const url = await listen(
      createServer((request, response) =>
        request.resume().on("end", () => response.end(request.url?.startsWith("/mark") ? '\ufeff{"a":1}' : "fine")),
      ),
    );
    const ids = await cluster.create([
      task("m", hook(`${url}/mark`, onResponse)),
      task("f", hook(`${url}/fine`, onResponse)),
    ]);
    for (const id of Object.values(ids)) await ended(id);
    const resultOf = async (id = "") => (await cluster.call("GET", `/task/${id}`)).body.result;
    expect([await resultOf(ids.m), await resultOf(ids.f)]).toEqual([{ a: 1 }, null]);
    expect((await eventsOf(ids.f as string)).map(({ event }) => event)).not.toContain("result_ignored");
  });

  it("may take as long as the task may, beyond the lease and the time of other calls", async () => {
    service.answer("/long", { delayMs: 5_000, body: { done: true } });
    service.answer("/late", { delayMs: 20_000 });
    const {
      l = "",
      s = "",
      w = "",
    } = await cluster.create([
      task("l", service.action("/long", onResponse), { timeout: 30 }),
      task("s", service.action("/late", onResponse), { timeout: 2 }),
      task("w", service.action("/late")),
    ]);
    await ended(s);
    await ended(w);
    await ended(l);
    const row = async (id: string) => (await cluster.call("GET", `/task/${id}`)).body;
    expect(await row(l)).toMatchObject({ status: "Success", result: { done: true }, attempt: 0 });
    expect((await eventsOf(l)).map(({ event }) => event)).toEqual(["claim", "answered"]);
    expect((await row(s)).failure_reason).toBe("on_start failed: no answer within 2 s");
    expect((await row(w)).failure_reason).toBe("on_start failed: no answer within 1 s");
    expect(service.to("/long").length).toBe(1);
  });
});

it("a refused action in an answer is an event and a warning with the reason; one with its trigger is called on cancel", async () => {
  const cancel = service.action("/gone");
  service.answer("/refused", { body: { ...cancel, trigger: "End" } });
  service.answer("/taken", { body: { ...cancel, trigger: "Cancel" } });
  const { r = "", t = "" } = await cluster.create([
    task("r", service.action("/refused")),
    task("t", service.action("/taken")),
  ]);
  const reason = 'trigger: must be Cancel here, or left out, not "End"';
  const ignored = await until(async () => (await eventsOf(r)).find(({ event }) => event === "cancel_action_ignored"));
  expect(ignored).toMatchObject({ from: "Running", to: "Running", reason });
  const lines = cluster.workers
    .flatMap(({ log }) => log.split("\n"))
    .filter((line) => line.includes("must be Cancel here"));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ task: r, reason }]);
  await until(async () => (await cluster.status(t)) === "Running");
  await cluster.call("DELETE", `/task/${t}`);
  await until(() => service.of(t, "cancel").length === 1);
});
