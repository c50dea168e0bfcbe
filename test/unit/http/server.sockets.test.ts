// What only shows on a socket: a refusal that arrives although the body was still being sent, a close that does not
// wait for idle connections, bytes that are no HTTP, and the status pages alone.
import { connect } from "node:net";
import { afterAll, expect, it } from "vitest";
import { loadConfig } from "#config";
import { makeStatusServer } from "#http/server";
import { makeLogger } from "#telemetry/log";
import { refused } from "#test/refused";
import { fakeServer } from "./fakes.ts";

const { app } = await fakeServer({ PAYLOAD_MAX_BYTES: "1000" });
const base = await app.listen({ port: 0, host: "127.0.0.1" });
const port = Number(new URL(base).port);
afterAll(() => app.close());

it("tells a client that its body is too large, however it is sent", async () => {
  const huge = "x".repeat(5_000_000);
  const headers = { "content-type": "application/json" };
  const known = await fetch(`${base}/task`, { method: "POST", headers, body: huge });
  const message = "must take at most 1000 bytes (PAYLOAD_MAX_BYTES)";
  expect([known.status, await known.json()]).toEqual([
    413,
    refused("body_too_large", "Body too large", {
      ...{ details: [`body: ${message}`], faults: [{ path: "", code: "too_large", message }] },
    }),
  ]);
  const chunked = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 50; i++) controller.enqueue(new TextEncoder().encode(huge.slice(0, 100_000)));
      controller.close();
    },
  });
  const streamed = await fetch(`${base}/task`, {
    method: "POST",
    headers,
    body: chunked,
    duplex: "half",
  } as RequestInit);
  expect(streamed.status).toBe(413);
});

it.each([
  ["bytes that are no HTTP", "nonsense\r\n\r\n", 400, "request: is not valid HTTP"],
  [
    "headers that are too long",
    `GET /health HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
    431,
    "request: must have at most 16384 bytes of headers",
  ],
  ["a request without a host", "GET /health HTTP/1.1\r\nconnection: close\r\n\r\n", 400, "Host: is required"],
  [
    "an expectation of something else",
    "GET /health HTTP/1.1\r\nhost: x\r\nexpect: miracles\r\n\r\n",
    417,
    "Expect: must be 100-continue",
  ],
])("answers %s in the same words as everything else", async (_, request, status, detail) => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text)).on("error", reject);
  });
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*content-type: application/json`, "i"));
  expect(answer).toContain(`"details":["${detail}"],"faults":[{"path":"`);
});

it("serves the status pages alone, and closes with idle connections open", async () => {
  const required = {
    DATABASE_URL: "postgres://localhost/x",
    NATS_URL: "nats://localhost",
    HOST_URL: "http://localhost",
  };
  const config = loadConfig({ ...required, LOG_LEVEL: "silent" });
  const status = await makeStatusServer({
    config,
    log: makeLogger(config, "test"),
    db: { up: true, connections: { open: 2, idle: 1 } },
    commands: { up: false },
  });
  const url = await status.listen({ port: 0, host: "127.0.0.1" });
  expect(await (await fetch(`${url}/health`)).json()).toEqual({
    ...{ status: "degraded", database: "up", nats: "down", pool_size: 2, pool_idle: 1 },
  });
  expect([
    (await fetch(`${url}/ready`)).status,
    (await fetch(`${url}/metrics`)).status,
    (await fetch(`${url}/task`)).status,
  ]).toEqual([503, 200, 404]);
  const silent = connect(Number(new URL(url).port), "127.0.0.1");
  await new Promise((resolve) => silent.once("connect", resolve));
  const before = performance.now();
  await status.close();
  expect(performance.now() - before).toBeLessThan(3_000);
  silent.destroy();
});
