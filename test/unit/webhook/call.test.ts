// Calls on connections that are kept alive, and answers that are unusual, against servers that write raw bytes.
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { HttpRequest } from "#domain/calls/webhook";
import { renderMetrics } from "#telemetry/metrics";
import { until } from "#test/until";
import { makeSender, type Sender } from "#webhook/send";

const servers: { server: Server; sockets: Set<Socket> }[] = [];
const senders = new Map<number, Sender>();

/** With one connection the next call goes by that of the last one, if it is kept. */
function send(request: HttpRequest, totalMs?: number, maySend?: () => boolean, connections = 1) {
  const settings = { webhookHostConcurrency: connections, webhookConnectTimeoutSecs: 1, webhookTimeoutSecs: 10 };
  const sender = senders.get(connections) ?? makeSender(settings);
  senders.set(connections, sender);
  return sender.send(request, totalMs, maySend);
}
afterEach(async () => {
  await Promise.all([...senders.values()].map((sender) => sender.close()));
  senders.clear();
});
afterAll(() => {
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

async function listen(server: Server) {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  servers.push({ server, sockets });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, server };
}

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
/** `answer` gets the connection, the number of the request on it, and that of the connection, each from 1. */
function raw(answer: (socket: Socket, nth: number, connection: number, text: string) => void) {
  let connections = 0;
  const seen: string[] = [];
  const made = listen(
    createSocketServer((socket) => {
      const connection = ++connections;
      let nth = 0;
      socket.on("data", (chunk) => {
        seen.push(String(chunk));
        answer(socket, ++nth, connection, String(chunk));
      });
    }),
  );
  return made.then((more) => ({ ...more, seen, connections: () => connections }));
}
const to = (origin: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  ...{ origin, path: "/run", method: "POST", headers: ["Idempotency-Key", "k"], body: '{"a":1}' },
  ...more,
});

it("may not be sent any more when its connection is open, and leaves that to the next one", async () => {
  const { origin, seen, connections } = await raw((socket) => socket.write(ok));
  const refused = await send(to(origin), undefined, () => false);
  expect(refused).toMatchObject({ sent: false, fault: "local", status: null });
  expect(await send(to(origin))).toMatchObject({ ok: true, connectMs: 0 });
  expect([seen.length, connections()]).toEqual([1, 1]);
});

describe("a kept connection", () => {
  it("that is closed as the call arrives: it is made once more on a new one, with the same bytes", async () => {
    const { origin, seen, connections } = await raw((socket, nth) => (nth === 1 ? socket.write(ok) : socket.end()));
    const repeated = () => Number(/^baton_webhook_repeated_total (\d+)$/m.exec(renderMetrics())?.[1]);
    const before = repeated();
    expect(await send(to(origin))).toMatchObject({ end: "answered", ok: true });
    expect(await send(to(origin))).toMatchObject({ end: "answered", ok: true, body: "{}" });
    expect([seen.length, connections()]).toEqual([3, 2]);
    expect(seen[2]).toBe(seen[1]);
    expect(repeated() - before).toBe(1);
  });

  it.each(["reset", "destroy"] as const)("that breaks by a %s is no failure either, for any verb", async (how) => {
    const { origin, seen } = await raw((socket, nth) => {
      if (nth === 1) socket.write(ok);
      else if (how === "reset") socket.resetAndDestroy();
      else socket.destroy();
    });
    await send(to(origin));
    expect(await send(to(origin, { method: "GET", body: null }))).toMatchObject({ end: "answered", ok: true });
    expect(seen).toHaveLength(3);
  });

  it("is not trusted twice: the new one that is closed as well is a failure", async () => {
    const { origin, seen } = await raw((socket, nth, connection) =>
      nth === 1 && connection === 1 ? socket.write(ok) : socket.destroy(),
    );
    await send(to(origin));
    expect(await send(to(origin))).toMatchObject({
      end: "failed",
      ok: false,
      status: null,
      sent: true,
      fault: "closed",
    });
    expect(seen).toHaveLength(3);
  });

  it("that is closed after a byte of the answer is a failure, without a second call", async () => {
    const { origin, seen } = await raw((socket, nth) => (nth === 1 ? socket.write(ok) : socket.end("HTTP/1.1")));
    await send(to(origin));
    expect(await send(to(origin))).toMatchObject({ end: "failed", status: null, sent: true });
    expect(seen).toHaveLength(2);
  });

  it("that is new is not called twice where it is closed", async () => {
    const { origin, seen } = await raw((socket) => socket.end());
    expect(await send(to(origin))).toMatchObject({ end: "failed", error: "connection closed by the receiver" });
    expect(seen).toHaveLength(1);
  });

  it("that is closed while no new one can be made leaves it in doubt whether the call arrived", async () => {
    const { origin, server } = await raw((socket, nth) => {
      if (nth === 1) return void socket.write(ok);
      server.close();
      socket.end();
    });
    await send(to(origin));
    expect(await send(to(origin))).toMatchObject({
      ...{ end: "doubtful", ok: false, status: null, sent: true },
      ...{ fault: "unreachable", error: "connect refused" },
    });
  });

  it("leaves it in doubt as well where the second try may not be sent any more", async () => {
    let allowed = 2;
    const { origin, seen } = await raw((socket, nth) => (nth === 1 ? socket.write(ok) : socket.end()));
    const may = () => allowed-- > 0;
    await send(to(origin), undefined, may);
    expect(await send(to(origin), undefined, may)).toMatchObject({ end: "doubtful", sent: true });
    expect(seen).toHaveLength(2);
  });

  it("has its time for both tries together", async () => {
    const { origin } = await raw((socket, nth, connection) => {
      if (nth === 1 && connection === 1) socket.write(ok);
      else if (connection === 1) socket.end();
    });
    await send(to(origin));
    const result = await send(to(origin), 400);
    expect(result).toMatchObject({ end: "failed", error: "no answer within 0.4 s", fault: "late" });
    expect(result.ms).toBeLessThan(1_000);
  });

  it("costs no call of many at a server that closes idle connections all the time", async () => {
    const server = createServer((request, response) => request.resume().on("end", () => response.end("{}")));
    const { origin } = await listen(server);
    const closing = setInterval(() => server.closeIdleConnections(), 3);
    try {
      for (let round = 0; round < 60; round++) {
        const results = await Promise.all(Array.from({ length: 16 }, () => send(to(origin), undefined, undefined, 8)));
        expect(results.filter(({ ok }) => !ok)).toEqual([]);
      }
    } finally {
      clearInterval(closing);
    }
  });

  it("that was opened for a second try is not kept", async () => {
    const { origin, sockets } = await raw((socket, nth, connection) =>
      nth === 1 || connection > 1 ? socket.write(ok) : socket.end(),
    );
    await send(to(origin));
    expect(await send(to(origin))).toMatchObject({ ok: true });
    await until(() => sockets.size === 0);
    expect(await send(to(origin))).toMatchObject({ ok: true });
  });
});

describe("an informational answer", () => {
  const header = "HTTP/1.1 100 Continue\r\n";
  it.each<[string, string[]]>([
    ["100", [`${header}\r\n${ok}`]],
    ["100 of HTTP/1.0", [`HTTP/1.0 100 Continue\r\n\r\n${ok}`]],
    ["100 with headers", [`${header}Server: x\r\nX-A: b\r\n\r\n${ok}`]],
    ["100 twice", [`${header}\r\n${header}\r\n${ok}`]],
    ["100, and the answer later", [`${header}\r\n`, ok]],
    ["100 byte by byte", [...`${header}\r\n${ok}`]],
    ["102", [`HTTP/1.1 102 Processing\r\n\r\n${ok}`]],
    ["103", [`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n`, ok]],
    ["102, then 100", [`HTTP/1.1 103 Early Hints\r\n\r\n`, ok]],
  ])("%s before the answer is passed over", async (_, parts) => {
    const { origin, seen } = await raw((socket) => {
      socket.setNoDelay(true);
      const next = ([part, ...rest]: string[]) => {
        if (part !== undefined) socket.write(part, () => setImmediate(() => next(rest)));
      };
      next(parts);
    });
    for (let n = 0; n < 2; n++)
      expect(await send(to(origin))).toMatchObject({ ok: true, status: 200, body: "{}", error: null });
    expect(seen).toHaveLength(2);
  });

  it("alone is no answer", async () => {
    const { origin } = await raw((socket) => socket.end(`${header}\r\n`));
    expect(await send(to(origin))).toMatchObject({ end: "failed", status: null, sent: true });
  });

  it("in the body of an answer stays there", async () => {
    const body = `${header}\r\n`;
    const { origin } = await raw((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
    );
    expect(await send(to(origin))).toMatchObject({ ok: true, body });
  });
});

describe("the headers of an answer", () => {
  const withHeaders = (bytes: number) =>
    `HTTP/1.1 200 OK\r\nx-large: ${"x".repeat(bytes)}\r\ncontent-length: 2\r\n\r\n{}`;
  it.each([15_000, 17_000, 65_000, 500_000])("of %i bytes do not stand in its way", async (bytes) => {
    const { origin } = await raw((socket) => socket.write(withHeaders(bytes)));
    expect(await send(to(origin))).toMatchObject({ ok: true, status: 200, body: "{}" });
  });

  it("without end are no answer", async () => {
    const { origin } = await raw((socket) => socket.write(withHeaders(3_000_000)));
    expect(await send(to(origin))).toMatchObject({ end: "failed", error: "answer's headers too large" });
  });
});

it("an answer says whether it went on after what is kept of it", async () => {
  const { origin } = await listen(createServer((_, response) => response.end("x".repeat(65_537))));
  const cut = await send(to(origin));
  expect([cut.isCut, cut.body?.length]).toEqual([true, 65_536]);
  const whole = await listen(createServer((_, response) => response.end("x".repeat(65_536))));
  expect((await send(to(whole.origin))).isCut).toBe(false);
});
