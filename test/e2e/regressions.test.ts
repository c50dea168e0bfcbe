// Faults that another task runner had, each asked of the whole system at the level where it lived: over HTTP, with two
// worker processes wherever workers could race each other. What a setting does is observed, not read back.
import { beforeAll, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { until } from "#test/until";

const task = (id: string, on_start: unknown, more: object = {}) => ({ id, name: id, kind: "k", on_start, ...more });

describe("two workers", () => {
  let cluster: Cluster;
  let service: Receiver;
  const slots = 4;

  beforeAll(async () => {
    service = await startReceiver();
    cluster = await startCluster({ workers: 2, env: { WORKER_WEBHOOK_CONCURRENCY: String(slots) } });
  });

  const running = (ids: string[]) =>
    until(async () => (await Promise.all(ids.map((id) => cluster.status(id)))).every((status) => status === "Running"));

  test("a start webhook is called once", async () => {
    const hold = service.hold("/once");
    const n = 200;
    const ids = Object.values(
      await cluster.create(Array.from({ length: n }, (_, i) => task(`t${i}`, service.action("/once")))),
    );
    // Both workers have their hands full of the same batch, so both were in the race for it.
    await until(() => service.to("/once").length === 2 * slots);
    const owners = await cluster.sql`select distinct owner from task where status = 'Claimed'`;
    expect(owners.length).toBe(2);
    hold.release();
    await until(() =>
      cluster.sql`select 1 from task where status = 'Running' having count(*) = ${n}`.then((r) => r[0]),
    );
    expect(
      service
        .to("/once")
        .map((call) => call.key)
        .sort(),
    ).toEqual(ids.map((id) => `${id}:start`).sort());
    await Promise.all(ids.map((id) => cluster.call("PATCH", `/task/${id}`, { status: "Success" })));
    expect(service.to("/once").length).toBe(n);
  });

  test("a repeated PATCH Success counts once in wait_finished and wait_success of the children", async () => {
    const start = service.action("/run");
    const { a, b, strict, lax, sure } = (await cluster.create([
      task("a", start),
      task("b", start),
      task("strict", start, { dependencies: ["a", "b"].map((id) => ({ id, requires_success: true })) }),
      task("lax", start, { dependencies: ["a", "b"].map((id) => ({ id, condition: "always" })) }),
      task("sure", start, { dependencies: ["a", "b"].map((id) => ({ id, condition: "on_success" })) }),
    ])) as Record<"a" | "b" | "strict" | "lax" | "sure", string>;
    const waits = async () =>
      (await Promise.all([strict, lax, sure].map((id) => cluster.row(id)))).map((row) => [
        row.status,
        row.wait_finished,
        row.wait_success,
      ]);
    await running([a, b]);
    expect(await waits()).toEqual([
      ["Waiting", 2, 2],
      ["Waiting", 2, 0],
      ["Waiting", 2, 2],
    ]);
    const succeed = (id: string) => cluster.call("PATCH", `/task/${id}`, { status: "Success" });
    const once = [
      ["Waiting", 1, 1],
      ["Waiting", 1, 0],
      ["Waiting", 1, 1],
    ];
    const together = await Promise.all(Array.from({ length: 10 }, () => succeed(a)));
    expect(together.map((reply) => reply.status)).toEqual(Array(10).fill(200));
    expect(await waits()).toEqual(once);
    const before = await cluster.row(a);
    for (let i = 0; i < 5; i++) expect((await succeed(a)).body).toEqual({ id: a, status: "Success", attempt: 0 });
    expect(await waits()).toEqual(once);
    expect(await cluster.row(a)).toEqual(before);
    await succeed(b);
    await running([strict, lax, sure]);
    expect(service.of(strict, "start").length + service.of(lax, "start").length).toBe(2);
  });

  test("an end action is sent once for 20 PATCH Success at the same time", async () => {
    const { t } = (await cluster.create([
      task("t", service.action("/run"), { on_success: [service.action("/end"), service.action("/end/2")] }),
    ])) as { t: string };
    await running([t]);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => cluster.call("PATCH", `/task/${t}`, { status: "Success" })),
    );
    expect(new Set(replies.map((reply) => JSON.stringify([reply.status, reply.body])))).toEqual(
      new Set([JSON.stringify([200, { id: t, status: "Success", attempt: 0 }])]),
    );
    const sent = () => cluster.sql`select key, status::text, attempts from delivery where task_id = ${t} order by key`;
    await until(async () => (await sent()).every(({ status }) => status === "success"));
    expect(await sent()).toEqual([
      { key: `${t}:end:success`, status: "success", attempts: 1 },
      { key: `${t}:end:success#2`, status: "success", attempts: 1 },
    ]);
    expect([service.to("/end").length, service.to("/end/2").length]).toEqual([1, 1]);
  });

  test("an invalid PATCH is 400, never 404, and changes nothing", async () => {
    const { t } = (await cluster.create([task("t", service.action("/run"))])) as { t: string };
    await running([t]);
    const before = await cluster.row(t);
    const invalid: unknown[] = [
      { status: "Pending" },
      { status: "Canceled" },
      { status: "success" },
      { status: 1 },
      { status: "Failure" },
      { status: "Failure", failure_reason: "" },
      { status: "Success", failure_reason: "but why" },
      { new_success: -1 },
      { new_failures: 1.5 },
      { new_success: "1" },
      { new_success: 2 ** 31 },
      { priority: 1001 },
      { priority: -1001 },
      { expected_count: -1 },
      { metadata: [] },
      { unknown: 1 },
      [],
      null,
      "{",
      '{"__proto__":{"status":"Success"},"new_success":1}',
    ];
    for (const body of invalid)
      for (const id of [t, "00000000-0000-7000-8000-000000000000"]) {
        const reply = await cluster.call("PATCH", `/task/${id}`, body);
        expect([reply.status, Array.isArray(reply.body.details)], JSON.stringify(body)).toEqual([400, true]);
      }
    expect((await cluster.call("PATCH", "/task/no-uuid", { status: "Success" })).status).toBe(400);
    expect(await cluster.row(t)).toEqual(before);
    const events = await cluster.call("GET", `/task/${t}/events`);
    expect(events.body.map((event: { event: string }) => event.event)).toEqual(["claim", "started"]);
  });

  test("dedupe without metadata leaves nothing out", async () => {
    const twin = task("t", service.action("/run"), {
      kind: "twin",
      dedupe_strategy: [{ kind: "twin", status: "Running", fields: ["region"] }],
    });
    for (const _ of [1, 2]) await running(Object.values(await cluster.create([twin])));
  });

  test("metadata that lacks a field of a rule, or is not there, blocks that task and crashes no worker", async () => {
    const rules = [
      { type: "Concurrency", max_concurrency: 1, matcher: { kind: "ruled", status: "Running", fields: ["region"] } },
    ];
    const of = (id: string, more: object) => task(id, service.action("/run"), { kind: "ruled", rules, ...more });
    const ids = await cluster.create([
      of("none", { priority: 9 }),
      of("lacks", { priority: 9, metadata: { other: 1 } }),
      of("null", { metadata: { region: null } }),
      of("has", { metadata: { region: "x" } }),
      task("free", service.action("/run"), { priority: -9 }),
    ]);
    await running([ids.null, ids.has, ids.free] as string[]);
    for (const id of [ids.none, ids.lacks]) {
      const { body } = await cluster.call("GET", `/task/${id}`);
      expect([body.status, body.blocked_by.map(({ missing }: { missing: string[] }) => missing)]).toEqual([
        "Pending",
        [["region"]],
      ]);
      expect((await cluster.call("DELETE", `/task/${id}`)).status).toBe(200);
    }
    expect(cluster.workers.every(({ alive }) => alive)).toBe(true);
  });

  test("an end action waits for an open start call, and not for one that was answered", async () => {
    service.answer("/refuses", { status: 500 });
    service.answer("/answers", { status: 200, body: {} });
    const actions = { on_success: [service.action("/after")], on_failure: [service.action("/after")] };
    const ids = await cluster.create([
      task("join", undefined, actions),
      task("refused", service.action("/refuses"), actions),
      task("answered", service.action("/answers", { completes: "on_response" }), actions),
    ]);
    // The lease is 30 s.
    await until(() => service.to("/after").length === 3, 5_000);
    expect(
      service
        .to("/after")
        .map((call) => call.key)
        .sort(),
    ).toEqual([`${ids.join}:end:success`, `${ids.refused}:end:failure`, `${ids.answered}:end:success`].sort());
  });
});
