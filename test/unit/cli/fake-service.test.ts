// The fake service against a handle of ours: it counts, reports, stops when asked, and does nothing twice.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type FakeService, startFakeService } from "../../../src/cli/fake-service.ts";

let server: Server;
let handle: string;
let answers: number[];
let reports: { method: string; body: Record<string, unknown> }[];
let service: FakeService;

beforeEach(async () => {
  reports = [];
  answers = [];
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    reports.push({ method: request.method ?? "", body: JSON.parse(text) });
    response.writeHead(answers.shift() ?? 200, { "content-type": "application/json" }).end("{}");
  }).listen(0, "127.0.0.1");
  await vi.waitFor(() => expect(server.listening).toBe(true));
  handle = `http://127.0.0.1:${(server.address() as AddressInfo).port}/task/t1?attempt=0`;
  service = await startFakeService();
});

afterEach(async () => {
  await service.close();
  server.closeAllConnections();
  server.close();
});

const call = async (path: string, trigger: string, key: string, body: object) => {
  const url = `${service.url}${path}?handle=${encodeURIComponent(handle)}`;
  const headers = { "x-task-trigger": trigger, "x-task-id": "t1", "idempotency-key": key };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  await response.text();
  return response.status;
};
const patches = () => reports.filter(({ method }) => method === "PATCH").map(({ body }) => body);

it("counts progress in parts that add up, then reports", async () => {
  expect(await call("/run/x", "start", "k", { work_ms: 30, updates: 3, success: 10, failures: 1 })).toBe(200);
  await vi.waitFor(() => expect(patches()).toEqual([{ status: "Success" }]));
  const puts = reports.filter(({ method }) => method === "PUT").map(({ body }) => body);
  expect(puts.map((body) => body.new_success)).toEqual([3, 3, 4]);
  expect(puts.map((body) => body.new_failures)).toEqual([0, 0, 1]);
});

it("fails when it is asked to", async () => {
  await call("/run/x", "start", "k", { work_ms: 1, fail: "on purpose" });
  await vi.waitFor(() => expect(patches()).toEqual([{ status: "Failure", failure_reason: "on purpose" }]));
});

it("does not do a repeated start twice, and says so", async () => {
  await call("/run/x", "start", "k", { work_ms: 1 });
  await call("/run/x", "start", "k", { work_ms: 1 });
  await call("/run/y", "start", "other", { work_ms: 1 });
  await vi.waitFor(() => expect(patches()).toHaveLength(2));
  expect(service.counts).toMatchObject({ starts: 3, repeatedStarts: 1 });
});

it("tries a report again while Baton is not available, and gives up when it is refused", async () => {
  answers = [503, 503, 200];
  await call("/run/x", "start", "a", { work_ms: 1 });
  await vi.waitFor(() => expect(patches()).toHaveLength(3), 3000);
  answers = [409];
  await call("/run/x", "start", "b", { work_ms: 1 });
  await vi.waitFor(() => expect(service.trouble).toHaveLength(1));
});

it("stops the work when the task is canceled", async () => {
  await call("/run/x", "start", "k", { work_ms: 60_000 });
  await call("/hooks/stop", "cancel", "c", { baton: { task_id: "t1", status: "Canceled" } });
  expect(service.counts.stopped).toBe(1);
  expect(service.deliveries).toMatchObject([{ path: "/hooks/stop", trigger: "cancel", baton: { status: "Canceled" } }]);
  expect(reports).toEqual([]);
});

it("records a delivery once, however often it comes", async () => {
  await call("/hooks/done", "end", "d", {});
  await call("/hooks/done", "end", "d", {});
  expect(service.deliveries).toHaveLength(1);
  expect(service.counts.repeatedDeliveries).toBe(1);
});
