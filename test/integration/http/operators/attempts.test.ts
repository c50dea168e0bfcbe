// `GET /task/{id}/attempts` over a running cluster: what was called, what came of it, and what held the task before.
import { randomUUID } from "node:crypto";
import { beforeAll, expect, it } from "vitest";
import { type Cluster, freePort, startCluster } from "#test/cluster";
import { type Receiver, reports, startReceiver } from "#test/receiver";
import { until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  [cluster, service] = await Promise.all([
    startCluster({ workers: 1, env: { START_RETRY_SECS: "1" } }),
    startReceiver(),
  ]);
});

interface Shown {
  readonly attempt: number;
  readonly claimed_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly worker: string;
  readonly waited_for: string | null;
  readonly status: number | null;
  readonly error: string | null;
  readonly ms: { readonly connect: number | null; readonly answer: number | null };
}
const attempts = async (id: string): Promise<Shown[]> => (await cluster.call("GET", `/task/${id}/attempts`)).body;
const ends = (id: string, status: string) => until(async () => (await cluster.status(id)) === status);
const task = (id: string, on_start: object, more: object = {}) => ({ id, name: id, kind: "k", on_start, ...more });
const one = async (on_start: object, more: object = {}) =>
  (await cluster.create([task("a", on_start, more)])).a as string;

it("shows each call with its status and its times", async () => {
  service.answer(
    "/later",
    { status: 503, headers: { "retry-after": "1" } },
    { status: 500 },
    { status: 202, delayMs: 30 },
  );
  const id = await one(service.action("/later"), { retry: { max_retries: 1, initial_delay_secs: 0.1 } });
  await ends(id, "Running");
  const shown = await attempts(id);
  expect(shown.map(({ attempt, status, error, waited_for }) => [attempt, status, error, waited_for])).toEqual([
    [0, 503, "HTTP 503", null],
    [0, 500, "HTTP 500", "run_at"],
    [1, 202, null, null],
  ]);
  for (const { claimed_at, started_at, ended_at, worker, ms } of shown) {
    expect(worker).toMatch(/^worker:\d+$/);
    const times = [claimed_at, started_at ?? "", ended_at ?? ""].map((at) => Date.parse(at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect([ms.connect, ms.answer].every((part) => part !== null && part >= 0)).toBe(true);
  }
  expect(shown[2]?.ms.answer).toBeGreaterThanOrEqual(25);
});

it("shows calls that could not be sent", async () => {
  const id = await one({ kind: "Webhook", params: { url: `http://127.0.0.1:${await freePort()}/`, verb: "Post" } });
  await ends(id, "Failure");
  const shown = await attempts(id);
  expect(shown.length).toBeGreaterThan(1);
  expect(new Set(shown.map(({ error, status }) => `${error} ${status}`))).toEqual(new Set(["connect refused null"]));
  expect(shown.map(({ waited_for }) => waited_for)).toEqual([null, ...shown.slice(1).map(() => "unreachable")]);
});

it("shows what waited for a rule, and for its time", async () => {
  service.answer("/quick", reports({ status: "Success" }));
  const gate = { kind: "Wait", params: {} };
  const rules = [
    { type: "Concurrency", max_concurrency: 1, matcher: { kind: "k", status: "Running", fields: ["line"] } },
  ];
  const metadata = { line: randomUUID() };
  const { first, second } = (await cluster.create([
    task("first", gate, { rules, metadata }),
    task("second", gate, { rules, metadata }),
  ])) as { first: string; second: string };
  await ends(first, "Running");
  const isHeld = async () =>
    ((await cluster.call("GET", "/limits")).body as { values: unknown[]; waiting: number }[]).some(
      ({ values, waiting }) => values[0] === metadata.line && waiting === 1,
    );
  await until(isHeld);
  await cluster.call("PATCH", `/task/${first}`, { status: "Success" });
  await ends(second, "Running");
  expect((await attempts(first)).map(({ waited_for }) => waited_for)).toEqual([null]);
  expect((await attempts(second)).map(({ waited_for }) => waited_for)).toEqual(["rule"]);
  const timed = await one(gate, { delay_secs: 1 });
  await ends(timed, "Running");
  expect(await attempts(timed)).toMatchObject([
    { waited_for: "run_at", started_at: expect.any(String), ended_at: null },
  ]);
});

it("of a task that has not been claimed is empty, and of none is 404", async () => {
  expect(await attempts(await one({ kind: "Wait", params: {} }, { paused: true }))).toEqual([]);
  expect(await cluster.call("GET", `/task/${randomUUID()}/attempts`)).toMatchObject({ status: 404 });
});

it("lists the receivers that were called", async () => {
  const { host } = new URL((service.action("/x").params as { url: string }).url);
  const rows = async () =>
    ((await cluster.call("GET", "/receivers")).body as { receiver: string; at: string; last_error: string }[]).filter(
      ({ receiver, at }) => receiver === host && at !== null,
    );
  await until(async () => (await rows()).length === 1);
  expect(await rows()).toMatchObject([{ circuit: "closed", last_error: "HTTP 500" }]);
});
