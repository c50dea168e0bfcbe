// The same handler behind each kind of server: a valid, a tampered, a text, an empty and a too large call, byte for byte.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-expect-error it brings no types
import express from "express";
import fastify from "fastify";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Handler, handler, type RunningTask } from "../../../../src/sdk/index.ts";
import { callOf, type Sent, secret, startBaton } from "./stage.ts";

const endings: (() => unknown)[] = [];
let baton: Awaited<ReturnType<typeof startBaton>>;
const got: RunningTask[] = [];
let service: Handler;

beforeAll(async () => {
  baton = await startBaton();
  endings.push(() => baton.close());
  const options = { secrets: secret, baton: baton.url, bodyBytesMax: 1_000 };
  service = handler(options, (task) => {
    got.push(task);
  });
});
afterAll(() => Promise.all(endings.map((end) => end())));

type Listener = Parameters<typeof createServer>[1] & {};
async function listen(listener: Listener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  endings.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const servers: Record<string, () => Promise<(request: Request) => Promise<Response>>> = {
  async node() {
    const at = await listen(service.node);
    return (request) => fetch(moved(request, at));
  },
  async express() {
    const app = express();
    app.use("/jobs", service.node);
    app.use(express.json());
    const at = await listen(app);
    return (request) => fetch(moved(request, at));
  },
  async "express with raw bodies"() {
    const app = express();
    app.post("/jobs/*rest", express.raw({ type: () => true }), service.node);
    const at = await listen(app);
    return (request) => fetch(moved(request, at));
  },
  async fastify() {
    const app = fastify();
    app.register(service.fastify, { prefix: "/jobs" });
    app.post("/other", async ({ body }) => body);
    const at = await app.listen({ port: 0, host: "127.0.0.1" });
    endings.push(() => app.close());
    const other = await fetch(`${at}/other`, {
      method: "POST",
      body: '{"a":1}',
      headers: { "content-type": "application/json" },
    });
    expect(await other.json()).toEqual({ a: 1 });
    return (request) => fetch(moved(request, at));
  },
  fetch: async () => service.fetch,
};

const moved = (request: Request, at: string) =>
  new Request(at + new URL(request.url).pathname + new URL(request.url).search, request);
const requestOf = (sent: Sent, text?: string, headers: Record<string, string> = {}) => {
  const call = callOf(baton.url, sent);
  const body = text ?? call.text;
  return new Request(`http://service${call.url}`, { method: "POST", headers: { ...call.headers, ...headers }, body });
};

it.each(Object.keys(servers))("serves behind %s", async (name) => {
  const send = await (servers[name] as (typeof servers)[string])();
  const status = async (request: Request) => (await send(request)).status;
  expect(await status(requestOf({ body: { n: 1, name: "ü" } }))).toBe(202);
  await vi.waitFor(() => expect(got.at(-1)).toMatchObject({ body: { n: 1, name: "ü" }, path: "/jobs/resize" }));
  expect(await status(requestOf({ body: { n: 1 } }, '{"n":2}'))).toBe(401);
  expect(await status(requestOf({ body: "just text" }, undefined, { "content-type": "text/plain" }))).toBe(202);
  await vi.waitFor(() => expect(got.at(-1)?.body).toBe("just text"));
  expect(await status(requestOf({}))).toBe(202);
  await vi.waitFor(() => expect(got.at(-1)?.body).toBeUndefined());
  if (name !== "express with raw bodies")
    expect(await status(requestOf({ body: { text: "x".repeat(1_000) } }))).toBe(413);
});

it("says what is wrong where a body parser came first", async () => {
  const app = express();
  app.use(express.json());
  app.use("/jobs", service.node);
  const at = await listen(app);
  const response = await fetch(moved(requestOf({ body: { n: 1 } }), at));
  expect(response.status).toBe(500);
  expect((await response.json()).error).toContain("put Baton's handler before it");
});
