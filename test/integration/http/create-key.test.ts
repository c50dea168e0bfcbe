// `Idempotency-Key` on POST /task: one creation and one answer for all calls with one key, by whichever process, whatever
// is sent beside, whoever dies. The database is asked what was really created.
import { connect, headers } from "@nats-io/transport-node";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { prune } from "#store/maintenance/prune";
import { type Reply, startCluster } from "#test/cluster";
import { ownPostgres } from "#test/services";
import { until } from "#test/until";
import { openApi } from "./api.ts";

const task = (id: string, more: object = {}) => ({ id, name: `name ${id}`, kind: "k", ...more });
const chain = [
  task("a", {
    metadata: { z: { y: 1.5, a: [null, "ü"] } },
    rules: [{ type: "Concurency", max_concurency: 2, matcher: { kind: "k", status: "Running", fields: [] } }],
    on_success: [{ kind: "Webhook", params: { url: "http://127.0.0.1:9/x", verb: "Post", body: { b: 1 } } }],
  }),
  task("b", { dependencies: [{ id: "a", requires_success: true }], delay_secs: 100, priority: 7 }),
];
const dedupe = (kind: string) => ({ dedupe_strategy: [{ kind, status: "Pending", fields: ["n"] }] });

const api = await openApi({ MAX_TASKS_PER_BATCH: "20000", PAYLOAD_MAX_BYTES: "50000000" });
afterAll(api.close);
const post = async (key: string, body: unknown, query = "") => {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const sent = { "content-type": "application/json", "idempotency-key": key };
  const answer = await api.app.inject({ method: "POST", url: `/task${query}`, headers: sent, payload });
  return { status: answer.statusCode, batch: answer.headers["x-batch-id"], text: answer.body };
};
const count = async (table: string) =>
  (await api.db.use((sql) => sql.unsafe(`select count(*)::int as n from ${table}`)))[0]?.n as number;

describe("in one process", () => {
  it("gives the first answer again, whatever has become of the tasks", async () => {
    const first = await post("moved", chain);
    expect([first.status, JSON.parse(first.text).length]).toEqual([201, 2]);
    await api.db.use(
      (
        sql,
      ) => sql`update task set priority = 9, status = 'Running', owner = null where batch_id = ${first.batch as string}
        and status = 'Pending'`,
    );
    expect(await post("moved", chain)).toEqual(first);
    await api.db.use((sql) => sql`delete from task where batch_id = ${first.batch as string}`);
    await api.db.use((sql) => sql`delete from batch where id = ${first.batch as string}`);
    expect(await post("moved", chain)).toEqual(first);
    // The same JSON in other words is the same body.
    expect(await post("moved", JSON.stringify(chain, null, 2))).toEqual(first);
  });

  it("refuses another body, and nothing is created", async () => {
    await post("used", [task("a")]);
    const before = await count("batch");
    const other = await post("used", [task("b")]);
    expect([other.status, JSON.parse(other.text).error]).toEqual([422, expect.stringContaining("another request")]);
    expect(await count("batch")).toBe(before);
  });

  it("creates again under another key, and each time without one", async () => {
    const before = await count("create_key");
    const made = [await post("one", chain), await post("two", chain)].map(({ batch }) => batch);
    for (const answer of [await api.post(chain), await api.post(chain)]) made.push(answer.headers["x-batch-id"]);
    expect(new Set(made).size).toBe(4);
    expect(await count("create_key")).toBe(before + 2);
  });

  it("keeps no refusal, and a dry run does not look at the key", async () => {
    expect((await post("fault", [task("a"), task("a")])).status).toBe(400);
    expect((await post("fault", [task("a")], "?dry_run=1")).status).toBe(200);
    expect((await post("ü", [task("a")], "?dry_run=1")).status).toBe(200);
    expect((await post("ü", [task("a")])).status).toBe(400);
    const made = await post("fault", [task("b")]);
    expect(made.status).toBe(201);
    expect((await post("fault", [task("a")], "?dry_run=1")).status).toBe(200);
    expect(await post("fault", [task("b")])).toEqual(made);
  });

  it("remembers that nothing was to be created", async () => {
    const empty = await post("empty", { tasks: [], scope: "e" });
    expect([empty.status, empty.text]).toEqual([204, ""]);
    expect(await post("empty", { tasks: [], scope: "e" })).toEqual(empty);
  });

  it("remembers what was deduplicated: wholly, at the beginning, in the middle and at the end", async () => {
    await api.post([task("x", { kind: "twin", metadata: { n: 1 } })]);
    const twin = (id: string) => task(id, { kind: "twin", metadata: { n: 1 }, ...dedupe("twin") });
    const all = await post("all", [twin("a"), twin("b")]);
    expect(all.status).toBe(204);
    const some = [twin("a"), task("b"), twin("c"), task("d", { dependencies: [{ id: "c" }, { id: "b" }] }), twin("e")];
    const first = await post("some", some);
    expect(JSON.parse(first.text).map((t: { local_id: string; status: string }) => [t.local_id, t.status])).toEqual([
      ["b", "Pending"],
      ["d", "Waiting"],
    ]);
    // Without its twin each would be created now.
    await api.db.use((sql) => sql`delete from task where kind = 'twin'`);
    expect(await post("some", some)).toEqual(first);
    expect(await post("all", [twin("a"), twin("b")])).toEqual(all);
  });

  it("gives the answer of a large call again", async () => {
    const many = Array.from({ length: 6_000 }, (_, i) => task(`t${i}`, { expected_count: i }));
    const first = await post("large", many);
    expect([first.status, await post("large", many)]).toEqual([201, first]);
  });

  it("forgets a key after 24 h", async () => {
    const first = await post("old", [task("a")]);
    await post("young", [task("a")]);
    const age = (key: string, time: string) =>
      api.db.use((sql) => sql`update create_key set at = now() - ${time}::interval where key = ${`/task ${key}`}`);
    await age("old", "24 hours 1 second");
    await age("young", "23 hours 59 minutes");
    const before = await count("create_key");
    await prune(api.db, 24, new Date(0), 100);
    expect(await count("create_key")).toBe(before - 1);
    expect((await post("old", [task("a")])).batch).not.toBe(first.batch);
  });
});

/** Two API processes that speak to one database; `send` posts to one of them. */
async function twoApis(options: Parameters<typeof startCluster>[0] = {}) {
  const cluster = await startCluster({ apis: 2, workers: 0, ...options });
  onTestFinished(() => cluster.stop());
  const send = (nth: number, key: string, body: unknown): Promise<Reply> =>
    cluster.call("POST", `${cluster.members[nth]?.url}/task`, body, { "idempotency-key": key });
  const batches = async () => (await cluster.sql`select id from batch`).map(({ id }) => id as string);
  return { cluster, send, batches };
}
const essence = ({ status, body, headers: got }: Reply) =>
  JSON.stringify([status, got.get("x-batch-id"), got.get("content-type"), body]);

describe("in two processes", () => {
  it("makes one batch of 20 calls at once, and gives 20 equal answers", async () => {
    const { send, batches } = await twoApis();
    const twins = [
      task("a", { metadata: { n: 1 }, ...dedupe("k") }),
      task("b", { metadata: { n: 1 }, ...dedupe("k") }),
    ];
    const large = Array.from({ length: 900 }, (_, i) => task(`t${i}`, { kind: "large" }));
    for (const [nth, body] of [[task("z")], chain, twins, twins, [], large].entries()) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => send(i % 2, `key ${nth}`, body)));
      expect(new Set(answers.map(essence)).size).toBe(1);
      expect(answers[0]?.status).toBe(nth === 3 || nth === 4 ? 204 : 201);
      expect(await batches()).toHaveLength(nth + 1);
      expect(await batches()).toContain(answers[0]?.headers.get("x-batch-id"));
    }
    const mixed = await Promise.all(
      Array.from({ length: 20 }, (_, i) => send(i % 2, "mixed", [task(i % 4 < 2 ? "a" : "b")])),
    );
    expect(mixed.map(({ status }) => status).sort()).toEqual([...Array(10).fill(201), ...Array(10).fill(422)]);
    expect(await batches()).toHaveLength(7);
  });

  it("waits without a connection, ten seconds at most, and goes on when the first call is gone", async () => {
    const { cluster, send, batches } = await twoApis({ apis: 1, env: { POOL_MAX_SIZE: "1" } });
    // What a call of another process holds while it is on its way.
    const other = await cluster.sql.reserve();
    await other`select pg_advisory_lock(7227870, hashtext('/task late')), pg_advisory_lock(7227870, hashtext('/task soon'))`;
    const started = performance.now();
    const late = Array.from({ length: 10 }, () => send(0, "late", [task("a")]));
    const soon = Array.from({ length: 10 }, () => send(0, "soon", [task("a")]));
    await Promise.all(Array.from({ length: 20 }, () => cluster.create([task("b")])));
    expect((await send(0, "free", [task("a")])).status).toBe(201);
    expect(performance.now() - started).toBeLessThan(8_000);
    await other`select pg_advisory_unlock(7227870, hashtext('/task soon'))`;
    expect(new Set((await Promise.all(soon)).map(essence)).size).toBe(1);
    expect((await soon[0])?.status).toBe(201);
    const tired = await Promise.all(late);
    expect(performance.now() - started).toBeGreaterThan(9_000);
    for (const { status, body, headers: got } of tired)
      expect([status, got.get("retry-after"), body.error]).toEqual([409, "1", expect.any(String)]);
    expect(await batches()).toHaveLength(22);
    other.release();
  });

  it("finds what a process had committed that was killed meanwhile", async () => {
    const { cluster, send, batches } = await twoApis();
    // A commit that takes as long as this test likes.
    await cluster.sql.unsafe(`
      create function slow() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(1); return null; end $$;
      create constraint trigger slow after insert on create_key deferrable initially deferred for each row execute function slow()`);
    const gate = await cluster.sql.reserve();
    await gate`select pg_advisory_lock(1)`;
    const lost = send(0, "k", chain).catch(() => "lost");
    const inCommit = () =>
      cluster.sql`select from pg_stat_activity where query = 'commit' and wait_event = 'advisory' and datname = current_database()`;
    await until(async () => (await inCommit()).length === 1);
    await cluster.kill(cluster.members[0] as never);
    expect(await lost).toBe("lost");
    const again = [send(1, "k", chain), send(1, "k", chain)];
    expect(await batches()).toEqual([]);
    await gate`select pg_advisory_unlock(1)`;
    const answers = await Promise.all(again);
    expect(new Set(answers.map(essence)).size).toBe(1);
    expect([answers[0]?.status, await batches()]).toEqual([201, [answers[0]?.headers.get("x-batch-id")]]);
    gate.release();
  });

  it("creates neither batch nor key when the process dies, or the commit fails", async () => {
    const { cluster, send, batches } = await twoApis();
    const keys = async () => (await cluster.sql`select from create_key`).length;
    await cluster.sql.unsafe(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception using errcode = '40001'; end $$;
      create constraint trigger refuse after insert on create_key deferrable initially deferred for each row execute function refuse()`);
    expect((await send(0, "k", chain)).status).toBe(503);
    expect([await batches(), await keys()]).toEqual([[], 0]);
    await cluster.sql.unsafe("drop trigger refuse on create_key");
    const gate = await cluster.sql.reserve();
    await gate`begin`;
    await gate`lock table batch in share mode`;
    const lost = send(0, "k", chain).catch(() => "lost");
    const blocked = () =>
      cluster.sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await until(async () => (await blocked()).length === 1);
    await cluster.kill(cluster.members[0] as never);
    expect(await lost).toBe("lost");
    const again = send(1, "k", chain);
    await gate`commit`;
    gate.release();
    const made = await again;
    expect([made.status, await batches(), await keys()]).toEqual([201, [made.headers.get("x-batch-id")], 1]);
  });

  it("answers 503 to all while Postgres is away, and the key is good afterwards", async () => {
    const postgres = await ownPostgres();
    const { send, batches } = await twoApis({ databaseUrl: postgres.url });
    const before = await send(0, "before", chain);
    await postgres.kill();
    const away = await Promise.all(Array.from({ length: 6 }, (_, i) => send(i % 2, "k", chain)));
    for (const { status, headers: got } of away) expect([status, got.get("retry-after")]).toEqual([503, "1"]);
    await postgres.start();
    const made = await until(async () => {
      const answer = await send(1, "k", chain);
      return answer.status === 201 && answer;
    }, 20_000);
    await until(async () => essence(await send(0, "k", chain)) === essence(made), 20_000);
    expect(essence(await send(1, "before", chain))).toBe(essence(before));
    expect(await batches()).toHaveLength(2);
  });
});

it("takes a Nats-Msg-Id for the key of the same creation", async () => {
  const { cluster, send, batches } = await twoApis();
  const nc = await connect({ servers: cluster.nats.url });
  onTestFinished(() => nc.close());
  const ask = async (key: string, body: unknown) => {
    const more = headers();
    more.set("Nats-Msg-Id", key);
    const answer = await nc.request("baton.batch.create", JSON.stringify(body), { headers: more, timeout: 15_000 });
    return answer.json<{ status: number; batch_id: string; tasks: unknown[] }>();
  };
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask("k", chain)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  const http = await send(0, "k", chain);
  expect([http.status, http.headers.get("x-batch-id"), http.body]).toEqual([
    answers[0]?.status,
    answers[0]?.batch_id,
    answers[0]?.tasks,
  ]);
  expect((await ask("k", [])).status).toBe(422);
  expect((await ask("x".repeat(256), [])).status).toBe(400);
  expect(await batches()).toHaveLength(1);
});

it("keeps a task's keys apart from those of creations", async () => {
  const { cluster, send } = await twoApis({ apis: 1, workers: 1 });
  const first = await send(0, "k", [task("a", { delay_secs: 100 })]);
  const id = first.body[0].id as string;
  const pause = () => cluster.call("PATCH", `/task/pause/${id}`, undefined, { "idempotency-key": "k" });
  expect([(await pause()).status, (await pause()).status]).toEqual([200, 200]);
  expect((await send(0, `${id}:k`, [task("b")])).status).toBe(201);
  expect(essence(await send(0, "k", [task("a", { delay_secs: 100 })]))).toBe(essence(first));
});
