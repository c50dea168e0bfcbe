// The client of the SDK against a server of ours: what it makes again and under which key, when it gives up, and that every operation
// of the API can be asked for.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { table } from "#http/operations/table";
import { BatonRefused, BatonUnreachable, type Client, connect } from "../../../src/sdk/client.ts";
import { operations } from "../../../src/sdk/operations.ts";

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The connection breaks instead, once the call is there. */
  readonly lost?: true;
  /** No answer comes. */
  readonly never?: true;
}

let server: Server;
let url: string;
let answers: Answer[];
let calls: { method: string; path: string; key: string | undefined; body: unknown }[];

beforeEach(async () => {
  [answers, calls] = [[], []];
  server = createServer(async (request: IncomingMessage, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { method = "", url: path = "", headers } = request;
    calls.push({
      method,
      path,
      key: headers["idempotency-key"]?.toString(),
      body: text ? JSON.parse(text) : undefined,
    });
    const { status = 200, headers: more = {}, body, lost, never } = answers.shift() ?? {};
    if (never) return;
    if (lost) return request.socket.destroy();
    response.writeHead(status, { "content-type": "application/json", ...more }).end(JSON.stringify(body ?? {}));
  }).listen(0, "127.0.0.1");
  await vi.waitFor(() => expect(server.listening).toBe(true));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const task = { id: "a", name: "a", kind: "k" };

it("makes a call again that was lost, or that Baton had no time for, under one key", async () => {
  answers = [
    { lost: true },
    { status: 503 },
    { status: 429 },
    { status: 201, headers: { "x-batch-id": "b" }, body: [] },
  ];
  expect((await connect(url).create([task])).batchId).toBe("b");
  expect(calls).toHaveLength(4);
  expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
  expect(calls[0]?.key).toMatch(/^[0-9a-f]{32}$/);
  await connect(url).create([task]);
  expect(calls[4]?.key).not.toBe(calls[0]?.key);
  await connect(url).create([task], "order-4711");
  expect(calls[5]?.key).toBe("order-4711");
});

it("waits as long as Baton says, and waits for a first call under its key", async () => {
  const inFlight = { status: 409, headers: { "retry-after": "1" }, body: { error: "e", code: "key_in_flight" } };
  answers = [inFlight, { body: { id: "i" } }];
  const began = performance.now();
  expect(await connect(url).patch("i", { status: "Success" })).toEqual({ id: "i" });
  expect(performance.now() - began).toBeGreaterThan(990);
  answers = [{ status: 503, headers: { "retry-after": "60" } }];
  await expect(connect(url, { timeoutMs: 5_000 }).task("i")).rejects.toMatchObject({
    status: 503,
    retryAfterMs: 60_000,
  });
});

it("does not make again what is refused, nor what it was asked not to", async () => {
  answers = [{ status: 409, body: { error: "no", code: "not_in_this_state", details: ["d"] } }];
  await expect(connect(url).patch("i", { status: "Success" })).rejects.toMatchObject({ code: "not_in_this_state" });
  answers = [{ status: 503 }];
  await expect(connect(url, { retries: 0 }).task("i")).rejects.toThrow(BatonRefused);
  answers = [{ status: 503 }];
  expect(await connect(url).ready()).toBe(false);
  answers = [{ lost: true }, { lost: true }, { lost: true }];
  await expect(connect(url, { retries: 2 }).task("i")).rejects.toThrow(BatonUnreachable);
  expect(calls).toHaveLength(6);
});

it("ends each call in time, and at once by its signal", async () => {
  answers = [{ never: true }, { never: true }];
  const baton = connect(url, { timeoutMs: 80, tryTimeoutMs: 30, retries: 0 });
  await expect(baton.task("i")).rejects.toThrow("no answer in time");
  const stop = new AbortController();
  const asked = baton.with({ signal: stop.signal, timeoutMs: 60_000, tryTimeoutMs: 60_000 }).batch("b");
  await vi.waitFor(() => expect(calls).toHaveLength(2));
  stop.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
  await expect(baton.with({ signal: stop.signal }).batch("b")).rejects.toThrow("enough");
  expect(calls).toHaveLength(2);
});

it("reads a listing to its end", async () => {
  answers = [
    { headers: { link: '</task?status=Failure&after=x>; rel="next"' }, body: [{ id: "1" }, { id: "2" }] },
    { body: [{ id: "3" }] },
  ];
  const ids: string[] = [];
  for await (const { id } of connect(url).every("listTasks", { status: "Failure" })) ids.push(id);
  expect(ids).toEqual(["1", "2", "3"]);
  expect(calls.map(({ path }) => path)).toEqual(["/task?status=Failure", "/task?status=Failure&after=x"]);
});

it("can ask for every operation of the API by its name", async () => {
  const pages = new Set(["followEvents", "getView", "getDocs", "getRoot"]);
  expect(Object.keys(operations)).toEqual(table.map(([id]) => id).filter((id) => !pages.has(id)));
  const baton = connect(url);
  const any = baton.call as (id: string, asked: object) => Promise<unknown>;
  for (const [id, [method, pattern]] of Object.entries(operations)) {
    await any(id, { path: { id: "x/y", name: "n" }, query: { reason: "a b" } });
    const path = pattern.replace("{id}", "x%2Fy").replace("{name}", "n");
    expect(calls.pop()).toMatchObject({ method, path: `${path}?reason=a+b` });
  }
});

it("has a method for what is asked for most, and each asks for what its name says", async () => {
  const asked: [(baton: Client) => Promise<unknown>, string][] = [
    [(baton) => baton.pauseBatch("b", "why"), "POST /batch/b/pause?reason=why"],
    [(baton) => baton.resumeBatch("b"), "POST /batch/b/resume"],
    [(baton) => baton.setRules("b", "k", []), "PATCH /batch/b/rules"],
    [(baton) => baton.dryRun([task]), "POST /task?dry_run=1"],
    [(baton) => baton.batches({ scope: "s" }), "GET /batches?scope=s"],
    [(baton) => baton.circuits(), "GET /circuits"],
    [(baton) => baton.health(), "GET /health"],
    [(baton) => baton.metrics(), "GET /metrics"],
    [(baton) => baton.stop("b"), "DELETE /batch/b"],
    [(baton) => baton.rerun("b"), "POST /batch/b/rerun"],
    [(baton) => baton.attempts("t"), "GET /task/t/attempts"],
  ];
  for (const [ask, what] of asked) {
    await ask(connect(url));
    const { method, path } = calls.pop() ?? {};
    expect(`${method} ${path}`).toBe(what);
  }
});
