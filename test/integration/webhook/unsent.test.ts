// Starts that cannot be sent, on real sockets: what puts a task back and what fails it at once, how long it is tried, what ends
// the tries, and that they belong to the task and not to a worker.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, freePort, startCluster } from "#test/cluster";
import { startReceiver } from "#test/receiver";
import { stays, until } from "#test/until";

const retrySecs = 3;
let cluster: Cluster;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  cluster = await startCluster({
    workers: 0,
    env: {
      START_RETRY_SECS: String(retrySecs),
      WEBHOOK_CONNECT_TIMEOUT_SECS: "1",
      WEBHOOK_TIMEOUT_SECS: "2",
      WORKER_CLAIM_TIMEOUT_SECS: "2",
    },
  });
  // What the API takes, the guard of a worker may refuse on connecting.
  for (let n = 0; n < 2; n++) await cluster.start("worker", { ALLOWED_CIDRS: "127.0.0.1/32" });
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
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const answering = (write: (socket: Socket) => void) =>
  listen(createSocketServer((socket) => socket.once("data", () => write(socket))));

const hook = (url: string, more: object = {}) => ({ kind: "Webhook", params: { url, verb: "Post", ...more } });
const task = (id: string, on_start: unknown, more: object = {}) => ({ id, name: id, kind: "k", on_start, ...more });
const one = async (on_start: unknown, more: object = {}) =>
  (await cluster.create([task("a", on_start, more)])).a as string;
const get = async (id: string) => (await cluster.call("GET", `/task/${id}`)).body;
const blockersOf = async (id: string): Promise<{ type: string; until: string }[]> => (await get(id)).blocked_by ?? [];
interface Event {
  readonly event: string;
  readonly at: string;
  readonly attempt: number;
  readonly reason: string | null;
}
const eventsOf = async (id: string): Promise<Event[]> => (await cluster.call("GET", `/task/${id}/events`)).body;
const namesOf = async (id: string) => (await eventsOf(id)).map(({ event }) => event);
interface Tries {
  readonly since: Date | null;
  readonly tries: number;
}
const triesOf = async (id: string): Promise<Tries | undefined> =>
  (await cluster.sql<Tries[]>`select since, tries from unsent where task_id = ${id}`)[0];
const isPutBack = (id: string) => until(async () => (await namesOf(id)).includes("start_unsent"));
const refusing = async () => `127.0.0.1:${await freePort()}`;

describe("what comes of a start", () => {
  it.each<[what: string, error: RegExp, url: () => Promise<string>]>([
    ["is refused", /^connect refused$/, async () => `http://${await refusing()}/`],
    ["names nobody", /^host (not found|name could not be looked up)$/, async () => "http://nosuch.invalid/"],
    [
      "is not connected in time",
      /^connect timed out after 1 s$/,
      // Nobody answers the handshake.
      async () => `https://${await listen(createSocketServer(() => {}))}/`,
    ],
  ])("that %s: it is put back, and says so", async (_, error, url) => {
    const to = await url();
    for (const completes of ["on_callback", "on_response"]) {
      const id = await one(hook(to, { completes }), { retry: { max_retries: 0 } });
      await isPutBack(id);
      const shown = await until(async () => {
        const row = await get(id);
        return row.blocked_by?.[0]?.type === "unreachable" ? row : null;
      });
      const { host } = new URL(to);
      expect(shown).toMatchObject({ status: "Pending", attempt: 0, started_at: null, failure_reason: null });
      expect(shown.blocked_by).toEqual([
        {
          type: "unreachable",
          host: host.includes(":") ? host : `${host}:80`,
          error: expect.stringMatching(error),
          until: shown.run_at,
        },
      ]);
      expect((await eventsOf(id)).find(({ event }) => event === "start_unsent")?.reason).toMatch(error);
      await cluster.call("DELETE", `/task/${id}`);
      expect(await triesOf(id)).toBeUndefined();
    }
  });

  it.each<[what: string, event: string, reason: RegExp, url: () => Promise<string>]>([
    [
      "the guard refuses on connecting",
      "start_failed",
      /^on_start failed: blocked: /,
      async () => `http://127.0.0.2:${await freePort()}/`,
    ],
    [
      "fails in the handshake",
      "start_failed",
      /^on_start failed: TLS: /,
      async () => `https://${await listen(createServer())}/`,
    ],
    [
      "is answered 500",
      "start_failed",
      /^on_start failed: HTTP 500$/,
      () => answering((socket) => socket.end("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")).then(plain),
    ],
    [
      "is answered 500 with words",
      "start_failed",
      /^on_start failed: HTTP 500: disk full$/,
      () =>
        answering((socket) => socket.end("HTTP/1.1 500 No\r\ncontent-length: 11\r\n\r\ndisk\r\nfull\x07")).then(plain),
    ],
    [
      "is reset once it was sent",
      "start_unanswered",
      /^on_start failed: connection (reset|closed by the receiver)$/,
      () => answering((socket) => socket.resetAndDestroy()).then(plain),
    ],
    [
      "is not answered in time",
      "start_unanswered",
      /^on_start failed: no answer within 2 s$/,
      () => answering(() => {}).then(plain),
    ],
    [
      "is answered with what is no HTTP",
      "start_unanswered",
      /^on_start failed: not an HTTP answer$/,
      () => answering((socket) => socket.end("nonsense\r\n\r\n")).then(plain),
    ],
  ])("that %s: it has failed at once", async (_, event, reason, url) => {
    const id = await one(hook(await url()));
    await until(async () => (await cluster.status(id)) === "Failure");
    expect(await namesOf(id)).toEqual(["claim", event]);
    expect((await get(id)).failure_reason).toMatch(reason);
    expect(await triesOf(id)).toBeUndefined();
  });

  it.each([
    ["is answered 200", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
    ["gets an unasked 100 first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
  ])("that %s: it runs", async (_, answer) => {
    const id = await one(hook(plain(await answering((socket) => socket.end(answer)))));
    await until(async () => (await cluster.status(id)) === "Running");
    expect(await namesOf(id)).toEqual(["claim", "started"]);
  });
});
const plain = (host: string) => `http://${host}/`;

describe("the tries", () => {
  it("end with the one that falls on START_RETRY_SECS: the start has failed, and a retry begins anew", async () => {
    const id = await one(hook(`http://${await refusing()}/`), {
      retry: { max_retries: 1, initial_delay_secs: 0, retry_on: ["start_failure"] },
    });
    await until(async () => (await cluster.status(id)) === "Failure", 20_000);
    const events = await eventsOf(id);
    const round = ["claim", "start_unsent", "claim", "start_unsent", "claim", "start_failed"];
    expect(events.map(({ event }) => event)).toEqual([...round, "backoff_elapsed", ...round]);
    expect(events.map(({ attempt }) => attempt)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
    for (const from of [0, 7]) {
      const at = (n: number) => Date.parse(events[from + n]?.at ?? "");
      // By the times that Postgres wrote: from the end of the first try.
      expect(at(2) - at(1)).toBeGreaterThanOrEqual(1_000);
      expect(at(4) - at(1)).toBeGreaterThanOrEqual(retrySecs * 1_000);
      expect(at(4) - at(1)).toBeLessThan(retrySecs * 1_000 + 2_000);
    }
    expect(await get(id)).toMatchObject({ failure_reason: "on_start failed: connect refused", attempt: 1 });
    expect(await triesOf(id)).toBeUndefined();
  });

  it("are the task's: they outlive their worker, and another one goes on from there", async () => {
    const id = await one(hook(`http://${await refusing()}/`));
    await isPutBack(id);
    const first = (await eventsOf(id)).find(({ event }) => event === "start_unsent");
    const victims = [...cluster.workers];
    await Promise.all(victims.map((worker) => cluster.kill(worker)));
    expect(await triesOf(id)).toMatchObject({ since: new Date(first?.at ?? "") });
    await Promise.all(victims.map((worker) => cluster.restart(worker)));
    await until(async () => (await cluster.status(id)) === "Failure", 20_000);
    const last = (await eventsOf(id)).at(-1);
    expect(last).toMatchObject({ event: "start_failed", reason: "on_start failed: connect refused" });
    expect(Date.parse(last?.at ?? "") - Date.parse(first?.at ?? "")).toBeGreaterThanOrEqual(retrySecs * 1_000);
  }, 60_000);

  it("end with a pause, of the task or of its batch, and begin anew after it", async () => {
    for (const [pause, resume] of [
      ["PATCH /task/pause/", "PATCH /task/resume/"],
      ["POST /batch/{}/pause", "POST /batch/{}/resume"],
    ] as const) {
      const id = await one(hook(`http://${await refusing()}/`));
      const { batch_id } = await get(id);
      const ask = (line: string) => {
        const [verb = "", path = ""] = line.split(" ");
        return cluster.call(verb, path.includes("{}") ? path.replace("{}", batch_id) : path + id);
      };
      await isPutBack(id);
      await until(async () => (await ask(pause)).status === 200 && (await cluster.status(id)) === "Paused");
      expect(await triesOf(id)).toBeUndefined();
      expect(await blockersOf(id)).not.toContainEqual(expect.objectContaining({ type: "unreachable" }));
      const before = (await namesOf(id)).length;
      expect((await ask(resume)).status).toBe(200);
      await until(async () => (await namesOf(id)).slice(before).includes("start_unsent"));
      expect((await triesOf(id))?.tries).toBe(1);
      await cluster.call("DELETE", `/task/${id}`);
    }
  });

  it("are over when a call is sent; the claims that were put back are none for the limits from the first claim", async () => {
    const service = await startReceiver();
    await service.down();
    const id = await one(service.action("/work"));
    await isPutBack(id);
    await until(async () => (await cluster.row(id)).status === "Pending");
    expect(await cluster.row(id)).toMatchObject({ first_claimed_at: null, started_at: null });
    await service.up();
    await until(async () => (await cluster.status(id)) === "Running");
    expect(await triesOf(id)).toBeUndefined();
    const row = await cluster.row(id);
    expect(row.first_claimed_at).toEqual(row.started_at);
    expect(service.to("/work").map(({ key, attempt }) => [key, attempt])).toEqual([[`${id}:start`, 0]]);
  });

  it("give way to a time that a client sets", async () => {
    const id = await one(hook(`http://${await refusing()}/`));
    await isPutBack(id);
    const run_at = new Date(Date.now() + 3_600_000).toISOString();
    await until(async () => (await cluster.call("PATCH", `/task/${id}`, { run_at })).status === 200);
    expect(await blockersOf(id)).toEqual([{ type: "run_at", until: run_at }]);
    await cluster.call("DELETE", `/task/${id}`);
  });
});

describe("while nothing can be tried", () => {
  it("because the circuit is open, nothing fails", async () => {
    const guarded = await startCluster({
      env: {
        START_RETRY_SECS: "1",
        CIRCUIT_BREAKER_FAILURE_THRESHOLD: "2",
        CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECS: "600",
      },
    });
    const url = `http://${await refusing()}`;
    const ids = Object.values(
      await guarded.create([task("a", hook(`${url}/`)), task("b", hook(`${url}/`)), task("c", hook(`${url}/`))]),
    );
    const blocked = async (id: string) => (await guarded.call("GET", `/task/${id}`)).body.blocked_by;
    await until(async () => (await guarded.call("GET", "/circuits")).body[0]?.state === "open");
    for (const id of ids)
      await until(async () =>
        (await blocked(id)).every(({ type }: { type: string }) => type === "circuit" && type.length > 0),
      );
    const claims = async () => (await guarded.sql`select from event where event = 'claim'`).length;
    const before = await claims();
    await stays(async () => (await claims()) === before, 2_500);
    for (const id of ids) expect(await guarded.status(id)).toBe("Pending");
  }, 60_000);

  it("because NATS is away, a message waits as long as that lasts, and fails nothing", async () => {
    const own = await startCluster({ env: { START_RETRY_SECS: "1" } });
    await own.nats.kill();
    await until(async () => (await (await fetch(`${own.url}/ready`)).json()).nats === false);
    const { a = "" } = await own.create([
      task("a", { kind: "Nats", params: { subject: "baton.work.x", body: { a: 1 } } }),
    ]);
    const blocked = async () => (await own.call("GET", `/task/${a}`)).body.blocked_by;
    const tries = async () => (await own.sql<Tries[]>`select since, tries from unsent`)[0];
    await until(async () => (await tries())?.tries === 3);
    expect(await tries()).toEqual({ since: null, tries: 3 });
    expect(await until(async () => (await blocked())?.[0]?.type === "unreachable" && (await blocked()))).toMatchObject([
      { type: "unreachable", host: "nats", error: "NATS is away" },
    ]);
    await own.nats.start();
    await until(async () => (await own.status(a)) === "Running", 30_000);
    expect(await tries()).toBeUndefined();
  }, 60_000);
});
