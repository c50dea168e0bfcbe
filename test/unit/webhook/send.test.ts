// One HTTP call against real sockets: what arrives, what is said of every way it can go wrong, and what it leaves open.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { HttpRequest } from "#domain/calls/webhook";
import { until } from "#test/until";
import { makeSender, type Sender, type SenderOptions } from "#webhook/send";

const senders: Sender[] = [];
const servers: { server: Server; sockets: Set<Socket> }[] = [];

const settings = { webhookHostConcurrency: 4, webhookConnectTimeoutSecs: 1, webhookTimeoutSecs: 10 };
function sender(options: Partial<SenderOptions> = {}): Sender {
  const made = makeSender({ ...settings, ...options });
  senders.push(made);
  return made;
}

async function listen(server: Server): Promise<{ origin: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  servers.push({ server, sockets });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

const serve = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
  listen(createServer((request, response) => void request.resume().on("end", () => answer(request, response))));
/** Answers whatever comes with these bytes; null hangs up, "" says nothing. */
const raw = (bytes: string | null) =>
  listen(
    createSocketServer((socket) => {
      socket.on("data", () => (bytes === null ? socket.destroy() : socket.write(bytes)));
    }),
  );
const to = (origin: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  origin,
  path: "/run",
  method: "POST",
  headers: ["content-type", "application/json", "Idempotency-Key", "k"],
  body: '{"a":"ü"}',
  ...more,
});

afterEach(() => Promise.all(senders.splice(0).map((made) => made.close())));
afterAll(() => {
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

describe("a call", () => {
  it("brings method, path, headers and exactly the bytes of the body", async () => {
    const seen: { request: IncomingMessage; body: string }[] = [];
    const { origin } = await listen(
      createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          seen.push({ request, body: Buffer.concat(chunks).toString() });
          response.writeHead(201).end("done");
        });
      }),
    );
    const { send } = sender();
    const result = await send(to(origin, { path: "/run?handle=x", headers: ["X-Own", "1", "Idempotency-Key", "k"] }));
    expect(result).toMatchObject({ ok: true, status: 201, body: "done", error: null, retryAfter: null, sent: true });
    await send(to(origin, { method: "GET", body: null, headers: [] }));
    await send(to(origin, { method: "DELETE", body: null, headers: [] }));
    expect(seen.map(({ request, body }) => [request.method, request.url, body])).toEqual([
      ["POST", "/run?handle=x", '{"a":"ü"}'],
      ["GET", "/run", ""],
      ["DELETE", "/run", ""],
    ]);
    expect(seen[0]?.request.headers).toMatchObject({ "x-own": "1", "idempotency-key": "k", "content-length": "10" });
  });

  it("is fine without a body in the answer", async () => {
    const { origin } = await serve((_, response) => response.writeHead(204).end());
    expect(await sender().send(to(origin))).toMatchObject({ ok: true, status: 204, body: null });
  });

  it.each([
    [302, { location: "/elsewhere" }],
    [307, { location: "http://127.0.0.1:1/" }],
    [404, {}],
    [500, { "retry-after": "9" }],
  ])("answered %d has failed, and nobody follows", async (status, headers) => {
    let calls = 0;
    const { origin } = await serve((_, response) => {
      calls += 1;
      response.writeHead(status, headers).end("why");
    });
    const result = await sender().send(to(origin));
    expect(result).toMatchObject({ ok: false, status, error: `HTTP ${status}`, retryAfter: null, body: "why" });
    expect(calls).toBe(1);
  });

  it.each([429, 503])("answered %d says when to come again", async (status) => {
    const { origin } = await serve((_, response) => response.writeHead(status, { "Retry-After": "7" }).end());
    expect(await sender().send(to(origin))).toMatchObject({ ok: false, status, retryAfter: "7" });
  });

  it("says in short words what went wrong on the way", async () => {
    const { send } = sender();
    const gone = await serve(() => {});
    servers.at(-1)?.server.close();
    expect(await send(to(gone.origin))).toMatchObject({
      ok: false,
      status: null,
      error: "connect refused",
      end: "unsent",
      sent: false,
    });
    const hangsUp = await raw(null);
    expect((await send(to(hangsUp.origin))).error).toMatch(/^connection (reset|closed by the receiver)$/);
    const babbles = await raw("SSH-2.0-OpenSSH_9.2\r\n");
    expect(await send(to(babbles.origin))).toMatchObject({ ok: false, error: "not an HTTP answer", sent: true });
    expect(await send(to("http://name.invalid"))).toMatchObject({ ok: false, error: expect.stringMatching(/host/) });
    expect(await send(to(gone.origin, { headers: ["X-A", "1\r\nX-B: 2"] }))).toMatchObject({
      error: "request not valid",
    });
    expect(await send(to("nonsense"))).toMatchObject({ ok: false, error: "request not valid" });
  });

  it("is not repeated when the receiver hangs up", async () => {
    let calls = 0;
    const { origin } = await listen(
      createSocketServer((socket) => {
        socket.on("data", () => {
          calls += 1;
          socket.destroy();
        });
      }),
    );
    const { send } = sender();
    await Promise.all([send(to(origin)), send(to(origin, { method: "GET", body: null }))]);
    expect(calls).toBe(2);
  });
});

describe("a slow receiver", () => {
  it("that never answers costs the time allowed, and its connection", async () => {
    const { origin, sockets } = await raw("");
    const { send } = sender();
    const result = await send(to(origin), 300);
    expect(result).toMatchObject({ ok: false, status: null, error: "no answer within 0.3 s", sent: true });
    expect(result.ms).toBeGreaterThanOrEqual(300);
    expect(result.ms).toBeLessThan(1_000);
    await until(() => sockets.size === 0);
  });

  it("that never ends its answer has answered", async () => {
    const { origin } = await raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{");
    expect(await sender().send(to(origin), 300)).toMatchObject({ ok: true, status: 200, body: null, part: "{" });
  });

  it("that breaks off its answer has answered", async () => {
    const { origin } = await listen(
      createSocketServer((socket) =>
        socket.on("data", () => socket.end("HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n{")),
      ),
    );
    expect(await sender().send(to(origin))).toMatchObject({ ok: false, status: 500, body: null, part: "{" });
  });

  it("that cannot be connected to is given up after the time for connecting, and never called late", async () => {
    let connected: ((error: null, socket: Socket) => void) | undefined;
    const ended: number[] = [];
    const { origin } = await listen(
      createSocketServer((socket) => {
        socket.resume().on("close", () => ended.push(socket.bytesRead));
      }),
    );
    const { send } = sender({
      connect: (_options, callback) => {
        connected = callback as typeof connected;
      },
    });
    const result = await send(to(origin));
    expect(result).toMatchObject({
      ok: false,
      status: null,
      error: "connect timed out after 1 s",
      end: "unsent",
      sent: false,
    });
    expect(result.ms).toBeLessThan(1_500);
    const socket = connect(Number(new URL(origin).port), "127.0.0.1", () => connected?.(null, socket));
    await until(() => ended.length === 1);
    expect(ended).toEqual([0]);
  });

  it("is not called when the caller may not any more, with the connection open", async () => {
    const { origin, sockets } = await raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    const { send } = sender();
    let allowed = true;
    expect((await send(to(origin), undefined, () => allowed)).ok).toBe(true);
    allowed = false;
    expect(await send(to(origin), undefined, () => allowed)).toMatchObject({
      ok: false,
      sent: false,
      error: "not sent in time",
    });
    allowed = true;
    expect((await send(to(origin), undefined, () => allowed)).ok).toBe(true);
    // The connection is kept; the next call may come a moment before it is free.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });
});

describe("a long answer", () => {
  it("is read to 64 KB, the status decides, and the connection is kept", async () => {
    const { origin, sockets } = await serve((_, response) => response.end("x".repeat(300_000)));
    const { send } = sender();
    for (let n = 0; n < 3; n++) {
      const result = await send(to(origin));
      expect([result.ok, result.body?.length, result.part]).toEqual([true, 65_536, null]);
    }
    // The next call may come a moment before the connection of the last one is free.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it("of endless length is broken off", async () => {
    let bytes = 0;
    const { origin } = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) bytes += 65_536;
        if (!response.destroyed) response.once("drain", more);
      };
      response.writeHead(500);
      more();
    });
    expect(await sender().send(to(origin))).toMatchObject({ ok: false, status: 500, error: "HTTP 500" });
    expect(bytes).toBeLessThan(50_000_000);
  });
});

describe("connections", () => {
  it("are kept alive, as many as may be open at once", async () => {
    let most = 0;
    let connections = 0;
    const waiting: ServerResponse[] = [];
    const { origin, sockets } = await serve((_, response) => {
      waiting.push(response);
      most = Math.max(most, waiting.length);
      if (waiting.length === 4) for (const held of waiting.splice(0)) held.end();
    });
    servers.at(-1)?.server.on("connection", () => {
      connections += 1;
    });
    const { send } = sender();
    const results = await Promise.all(Array.from({ length: 40 }, () => send(to(origin))));
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect([most, connections]).toEqual([4, 4]);
    expect(sockets.size).toBe(4);
  });

  it("to receivers that are not called any more are dropped", async () => {
    const { origin, sockets } = await serve((_, response) => response.end());
    const made = sender({ poolIdleMs: 200 });
    await made.send(to(origin));
    expect(made.receivers()).toBe(1);
    await until(() => made.receivers() === 0 && sockets.size === 0);
    expect((await made.send(to(origin))).ok).toBe(true);
  });

  it("are closed at the end, and what was sent and has no answer may have arrived", async () => {
    let asked = false;
    const { origin, sockets } = await serve(() => {
      asked = true;
    });
    const made = sender();
    const open = made.send(to(origin));
    await until(() => asked);
    await made.close();
    expect(await open).toMatchObject({ end: "doubtful", ok: false, sent: true, error: "shut down" });
    await until(() => sockets.size === 0);
  });

  it("are closed at the end, and what was not sent yet is unsent", async () => {
    const { origin } = await serve((_, response) => response.end());
    const made = sender();
    const open = made.send(to(origin));
    await made.close();
    expect(await open).toMatchObject({ end: "unsent", ok: false, sent: false, error: "shut down" });
  });
});
