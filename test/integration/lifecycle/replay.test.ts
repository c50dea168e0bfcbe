// Deliveries that were given up, in a whole system: what their history tells, and that a replay sends the same again, at once
// and once. And old batches, which go with all of that.
import { beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { refused as refusal } from "#test/refused";
import { until } from "#test/until";
import { connect } from "../../../src/sdk/client.ts";

let cluster: Cluster;
let service: Receiver;
let baton: ReturnType<typeof connect>;
beforeAll(async () => {
  // The interval is so long that it finds nothing: what is sent was nudged.
  const env = { WEBHOOK_MAX_ATTEMPTS: "1", WEBHOOK_DELIVERY_INTERVAL_MS: "60000" };
  const retention = { RETENTION_ENABLED: "1", RETENTION_DAYS: "1", RETENTION_CLEANUP_INTERVAL_SECS: "1" };
  const small = { RETENTION_BATCH_SIZE: "2" };
  [cluster, service] = await Promise.all([startCluster({ env: { ...env, ...retention, ...small } }), startReceiver()]);
  baton = connect(cluster.url);
});

const missing = "019b0000-0000-7000-8000-000000000000";

/** A task that ends by itself and tells of it at the path; with that delivery, once it is exhausted. */
async function exhausted(path: string) {
  const on_success = [service.action(path, { body: { n: 1 } })];
  const { a: task = "" } = await cluster.create([{ id: "a", name: "a", kind: "k", on_success }]);
  return until(async () => (await baton.deliveries({ task_id: task, status: "exhausted" }))[0]);
}
const isSent = (id: string) => until(async () => (await baton.delivery(id)).status === "success");
const replay = (id: string, key?: string) =>
  cluster.call("POST", `/webhook-deliveries/${id}/replay`, undefined, key ? { "idempotency-key": key } : {});
const replaySince = (body: unknown, key?: string) =>
  cluster.call("POST", "/webhook-deliveries/replay", body, key ? { "idempotency-key": key } : {});

describe("a replay", () => {
  it("sends the same again, and the history goes on", async () => {
    service.answer("/gone", { status: 410, body: { why: "für immer" } }, {});
    const { id, key } = await exhausted("/gone");
    const first = await baton.delivery(id);
    const attempt = { at: expect.stringMatching(/^\d{4}-.*Z$/), duration_ms: expect.any(Number) };
    const failed = { n: 1, ...attempt, status: 410, error: "HTTP 410", answer: '{"why":"für immer"}' };
    expect(first).toEqual({ ...(await baton.deliveries({ task_id: first.task_id ?? "" }))[0], attempts: [failed] });
    expect(await baton.replay(id)).toEqual({ id, status: "pending" });
    await isSent(id);
    const arrived = { n: 2, ...attempt, status: 200, error: null, answer: null };
    expect(await baton.delivery(id)).toMatchObject({ key, last_status: 200, attempts: [failed, arrived] });
    const [before, after, ...more] = service.to("/gone");
    expect(more).toEqual([]);
    expect(after).toMatchObject({ key, handle: before?.handle, body: before?.body, headers: before?.headers });
  });

  it("sends what arrived once more, and of what is on its way says so", async () => {
    service.answer("/twice", { status: 410 });
    const { id, key } = await exhausted("/twice");
    service.answer("/twice", {});
    await replay(id);
    await isSent(id);
    const hold = service.hold("/twice");
    expect(await baton.replay(id)).toEqual({ id, status: "pending" });
    await until(() => service.to("/twice").length === 3);
    const refused = await replay(id);
    expect([refused.status, refused.body]).toEqual([
      409,
      refusal("delivery_pending", "A delivery that is pending is not replayed", {
        ...{ current_status: "pending", allowed: [] },
      }),
    ]);
    hold.release();
    await isSent(id);
    expect(service.to("/twice").map((call) => call.key)).toEqual([key, key, key]);
  });

  it("of an unknown delivery is 404, of what is no id 400", async () => {
    const none = refusal("unknown_delivery", "No such delivery");
    for (const { status, body } of [await replay(missing), await cluster.call("GET", `/webhook-deliveries/${missing}`)])
      expect([status, body]).toEqual([404, none]);
    for (const { status } of [await replay("x"), await cluster.call("GET", "/webhook-deliveries/x")])
      expect(status).toBe(400);
  });

  it("counts once for each key", async () => {
    service.answer("/never", { status: 410 });
    const { id } = await exhausted("/never");
    const attempts = (n: number) =>
      until(async () => {
        const { attempts: made, status } = await baton.delivery(id);
        return status === "exhausted" && made.length === n;
      });
    expect((await replay(id, "one")).status).toBe(202);
    await attempts(2);
    const again = await replay(id, "one");
    expect([again.status, again.body]).toEqual([202, { id, status: "pending" }]);
    expect((await replay(id, "two")).status).toBe(202);
    await attempts(3);
    expect(service.to("/never")).toHaveLength(3);
  });
});

describe("a replay since some time", () => {
  it("takes all that were exhausted then or later, once for each key", async () => {
    service.answer("/late", { status: 410 });
    const [old, ...young] = await Promise.all(Array.from({ length: 4 }, () => exhausted("/late")));
    // Those of other tests, too.
    await cluster.sql`
      update delivery set done_at = '2020-01-01' where status = 'exhausted' and id <> all(${young.map(({ id }) => id)})`;
    const [at] = await cluster.sql<{ since: Date }[]>`
      select min(done_at) as since from delivery where id = any(${young.map(({ id }) => id)})`;
    const since = (at as { since: Date }).since.toISOString();
    service.answer("/late", {});
    const first = await replaySince({ since }, "all");
    expect([first.status, first.body]).toEqual([202, { replayed: 3 }]);
    await Promise.all(young.map(({ id }) => isSent(id)));
    expect((await replaySince({ since }, "all")).body).toEqual({ replayed: 3 });
    expect((await replaySince({ since: "2020-01-01T00:00:00Z" }, "all")).status).toBe(422);
    expect(await baton.replaySince(since)).toBe(0);
    expect(service.to("/late")).toHaveLength(7);
    expect((await baton.delivery(old?.id ?? "")).status).toBe("exhausted");
  });

  it.each([
    [{}, "since: is required"],
    [{ since: "yesterday" }, "since: must be an RFC 3339 time"],
    [{ since: "2026-01-01T00:00:00" }, "since: must be an RFC 3339 time"],
    [{ since: "2026-01-01T00:00:00Z", all: true }, "all: is not a known field"],
  ])("is 400 for %j", async (body, detail) => {
    const answer = await replaySince(body);
    expect([answer.status, answer.body.details]).toEqual([400, [expect.stringContaining(detail)]]);
  });
});

it("old batches are deleted with all that belongs to them, also those that take several portions", async () => {
  const { id, batch_id } = await exhausted("/never");
  const { batchId } = await baton.create(Array.from({ length: 5 }, (_, n) => ({ id: `t${n}`, name: "n", kind: "k" })));
  const isComplete = async () =>
    (await cluster.sql`select from batch where id = ${batchId} and completed_at <= now()`)[0];
  await until(isComplete);
  for (const batch of [batch_id, batchId]) {
    await cluster.sql`update batch set completed_at = now() - interval '25 hours' where id = ${batch}`;
    await until(async () => (await cluster.call("GET", `/batch/${batch}`)).status === 404);
  }
  expect((await cluster.call("GET", `/webhook-deliveries/${id}`)).status).toBe(404);
  const metrics = await (await fetch(`${cluster.workers[0]?.url}/metrics`)).text();
  for (const count of [`batches"} 2`, `tasks"} 6`, `deliveries"} 1`])
    expect(metrics).toContain(`baton_retention_deleted_total{what="${count}`);
});
