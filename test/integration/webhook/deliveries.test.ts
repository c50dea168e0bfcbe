// Leases, outcomes and their fences on a real Postgres: who gets what, what is written, and what is refused.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeliveryActor, decide } from "#actor/deliveries/deliveries";
import { loadConfig } from "#config";
import { receiverOf } from "#domain/action";
import { Unavailable } from "#domain/errors";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb, type Sql } from "#store/pg/pool";
import { type DeliveryOutcome, giveBack, type LeaseRequest, lease, nextDue, settle } from "#store/turn/deliveries";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";

let db: Db;
let sql: Sql;
const log = makeLogger({ logLevel: "silent" }, "test");
const use = <T>(work: (sql: Sql) => Promise<T>) => db.use(work);

beforeAll(async () => {
  const databaseUrl = await freshDatabase();
  const env = { DATABASE_URL: databaseUrl, NATS_URL: "nats://127.0.0.1:1", HOST_URL: "http://baton" };
  db = openDb(loadConfig(env), log);
  await until(() => migrate(db).then(() => true));
  sql = ((strings: TemplateStringsArray, ...values: never[]) => use((s) => s(strings, ...values))) as never;
});
afterAll(() => db.close());
beforeEach(() => sql`delete from delivery`);

/** A delivery that is due since `ago` seconds. */
async function due(
  ago = 1,
  more: { id?: string; url?: string; hold?: number; subject?: string; task?: string } = {},
): Promise<string> {
  const { id = randomUUID() } = more;
  const action = more.subject
    ? { kind: "Nats", params: { subject: more.subject } }
    : { kind: "Webhook", params: { url: more.url ?? "http://a:1/done", verb: "Post" } };
  await sql`
    insert into delivery (id, key, task_id, batch_id, trigger, action, receiver, facts, next_at, hold_until)
    values (${id}, ${`${id}:end:success`}, ${more.task ?? null}, ${id}, 'end', ${JSON.stringify(action)}::text::jsonb,
      ${receiverOf(action as never)}, '{"attempt":0}',
      now() - ${ago}::float8 * interval '1 s', now() + ${more.hold ?? null}::float8 * interval '1 s')`;
  return id;
}
const anywhere = { receivers: [], freeMax: 64 };
let lastLease = 0;
const take = (more: Partial<LeaseRequest> = {}) => {
  lastLease += 1;
  const want = { limit: 10, leaseSecs: 15, leaseId: lastLease, receivers: [], freeMax: 64, ...more };
  return use((s) => lease(s, want));
};
const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).sort();
/** Statements that wait for a row. */
const waiting = async () =>
  (
    await sql`select from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock' and query like '%update delivery%'`
  ).length;
const row = async (id: string) => (await sql`select * from delivery where id = ${id}`)[0];
const outcome = (id: string, more: Partial<DeliveryOutcome> = {}): DeliveryOutcome => ({
  id,
  leaseId: lastLease,
  attempts: 0,
  trigger: "end",
  ok: false,
  status: 500,
  error: "HTTP 500",
  retryAfterMs: 0,
  call: { beganAt: performance.now(), ms: 0, answer: null },
  ...more,
});
const policy = { webhookMaxAttempts: 3, webhookRetryBackoffBaseSecs: 2, webhookRetryBackoffCapSecs: 300 };

describe("a lease", () => {
  it("is given once, for what is due and not held, the longest due first", async () => {
    const [old, young] = [await due(60), await due(1)];
    await due(-60);
    await due(1, { hold: 60 });
    const released = await due(30, { hold: -20 });
    expect(ids(await take({ limit: 2 }))).toEqual([old, released].sort());
    expect(ids(await take())).toEqual([young]);
    expect(await take()).toEqual([]);
  });

  it("tells all that a call needs", async () => {
    const [batch, task] = [randomUUID(), randomUUID()];
    await sql`insert into batch (id, total, unfinished) values (${batch}, 1, 1)`;
    await sql`
      insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts, retry)
      values (${task}, ${batch}, 0, 'Pending', 'k', 0, 0, 60, 3, '{"max_retries":1}')`;
    const [withRetry, other] = [await due(2, { task }), await due(1, { subject: "baton.work.x" })];
    expect((await take()).sort((a, b) => (a.id === withRetry ? -1 : b.id === withRetry ? 1 : 0))).toEqual([
      {
        id: withRetry,
        key: `${withRetry}:end:success`,
        task,
        batch: withRetry,
        trigger: "end",
        action: { kind: "Webhook", params: { url: "http://a:1/done", verb: "Post" } },
        facts: { attempt: 0 },
        attempts: 0,
        hasRetry: true,
      },
      expect.objectContaining({
        id: other,
        task: null,
        hasRetry: false,
        action: { kind: "Nats", params: { subject: "baton.work.x" } },
      }),
    ]);
  });

  it("leaves receivers alone that are full, and takes no more than there are free slots", async () => {
    for (let n = 0; n < 5; n++) await due(100 - n, { url: "http://full:1/x" });
    const narrow = [await due(50, { url: "http://Narrow:2/x" }), await due(49, { url: "http://narrow:2?x" })];
    await due(48, { url: "http://narrow:2/z" });
    const others = [await due(3, { subject: "baton.work.x" }), await due(2, { url: "http://b:1/" })];
    const got = await take({
      receivers: [
        { receiver: "http://full:1", free: 0 },
        { receiver: "http://narrow:2", free: 2 },
      ],
    });
    expect(ids(got)).toEqual([...narrow, ...others].sort());
    expect(await take({ receivers: [{ receiver: "http://full:1", free: 0 }], freeMax: 1 })).toHaveLength(1);
    expect(await take({ freeMax: 3 })).toHaveLength(3);
  });

  it("is given to one of many that ask at once", async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => due()));
    const got: string[] = [];
    while (got.length < 60) {
      const rounds = await Promise.all(Array.from({ length: 8 }, () => take({ limit: 5 })));
      got.push(...rounds.flat().map(({ id }) => id));
    }
    expect(got.sort()).toEqual(all.sort());
  });

  it("ends by itself, and then another may have it", async () => {
    const id = await due();
    expect(ids(await take({ leaseSecs: 0.2 }))).toEqual([id]);
    const again = await until(async () => (await take())[0]);
    expect(again.id).toBe(id);
  });

  it("can be given back, for now or for later, without using up an attempt", async () => {
    const [now, later] = [await due(), await due()];
    await take();
    await use((s) => giveBack(s, lastLease, [now]));
    await use((s) => giveBack(s, lastLease, [later], 60_000));
    await use((s) => giveBack(s, lastLease - 1, [now]));
    expect(await row(later)).toMatchObject({ attempts: 0, lease_id: null });
    expect(ids(await take())).toEqual([now]);
    // Where the lease of the other one ends, it may be sent again.
    const leased = await use((s) => nextDue(s, anywhere));
    expect(leased).toBeGreaterThan(10_000);
    expect(leased).toBeLessThanOrEqual(15_000);
    await sql`delete from delivery where id = ${now}`;
    const ms = await use((s) => nextDue(s, anywhere));
    expect(ms).toBeGreaterThan(55_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });

  it("is given back in the order in which all transactions lock deliveries, however they were leased", async () => {
    const [low, high] = [randomUUID(), randomUUID()].sort() as [string, string];
    for (const id of [high, low]) await due(1, { id });
    await take();
    let given: Promise<void> | null = null;
    await db.tx(async (s) => {
      await s`select from delivery where id = ${low} for no key update`;
      given = use((other) => giveBack(other, lastLease, [high, low]));
      await until(async () => (await waiting()) === 1);
      // Whoever waits for the lower one does not hold the higher one yet.
      expect(await s`select from delivery where id = ${high} for no key update skip locked`).toHaveLength(1);
    });
    await given;
    expect((await take()).map(({ id }) => id).sort()).toEqual([low, high]);
  });
});

describe("an outcome", () => {
  it("is written with its time, and frees the delivery for its next attempt", async () => {
    const [good, bad, last] = [await due(), await due(), await due()];
    await sql`update delivery set attempts = 2 where id = ${last}`;
    await take();
    const actor = new DeliveryActor({ config: policy, db, log, jitter: () => 0 });
    actor.tell(outcome(good, { ok: true, status: 204, error: null }));
    actor.tell(outcome(bad));
    actor.tell(outcome(last, { attempts: 2, status: null, error: "connect refused" }));
    await actor.idle();
    expect(await row(good)).toMatchObject({
      status: "success",
      attempts: 1,
      last_status: 204,
      last_error: null,
      lease_id: null,
    });
    expect((await row(good))?.done_at).toBeInstanceOf(Date);
    expect(await row(bad)).toMatchObject({
      status: "pending",
      attempts: 1,
      last_error: "HTTP 500",
      done_at: null,
      lease_until: null,
    });
    expect(await row(last)).toMatchObject({
      status: "exhausted",
      attempts: 3,
      last_status: null,
      last_error: "connect refused",
    });
    const ms = await use((s) => nextDue(s, anywhere));
    expect(ms).toBeGreaterThan(1_500);
    expect(ms).toBeLessThanOrEqual(2_001);
    expect(await take()).toEqual([]);
  });

  it("that leaves no attempt is one line of the log, with the ids of whom it concerns", async () => {
    const [id, other] = [await due(), await due()];
    await take();
    const noted: object[] = [];
    const noting = { warn: (fields: object) => void noted.push(fields), error() {} };
    const actor = new DeliveryActor({ config: policy, db, log: noting });
    actor.tell(outcome(id, { attempts: policy.webhookMaxAttempts - 1 }));
    actor.tell(outcome(other, { attempts: policy.webhookMaxAttempts - 2 }));
    await actor.idle();
    const { batch_id: batch, task_id: task, receiver } = (await row(id)) ?? {};
    expect(noted).toEqual([
      {
        ...{ delivery: id, batch, ...(task ? { task } : {}), receiver },
        ...{ attempts: policy.webhookMaxAttempts, lastStatus: 500, lastError: "HTTP 500" },
      },
    ]);
  });

  it("that comes after its lease was given to another changes nothing", async () => {
    const id = await due();
    await take({ leaseSecs: 0.1 });
    const late = lastLease;
    await until(async () => (await take({ leaseSecs: 60 })).length === 1);
    const settled = decide(outcome(id, { leaseId: late, ok: true }), policy, 0);
    expect(await use((s) => settle(s, [settled]))).toEqual([]);
    expect(await row(id)).toMatchObject({ status: "pending", attempts: 0, lease_id: lastLease });
    expect(await use((s) => settle(s, [{ ...settled, leaseId: lastLease }]))).toEqual([
      expect.objectContaining({ id }),
    ]);
    expect(await use((s) => settle(s, [{ ...settled, leaseId: lastLease }]))).toEqual([]);
  });

  it("waits while Postgres is away, and is written when it is back", async () => {
    const id = await due();
    await take();
    let away = 3;
    let commits = 0;
    const flaky: Pick<Db, "tx"> = {
      tx: (work) => {
        if (away-- > 0) return Promise.reject(new Unavailable("away"));
        return db.tx(work);
      },
    };
    const actor = new DeliveryActor({ config: policy, db: flaky, log, onWritten: () => void commits++ });
    actor.tell(outcome(id, { ok: true, status: 200, error: null }));
    await actor.idle();
    expect([away, commits, (await row(id))?.status]).toEqual([-1, 1, "success"]);
  });

  it("that cannot be written keeps no other from being written", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => due()));
    await take();
    const noted: object[] = [];
    const noting = { warn() {}, error: (fields: object) => void noted.push(fields) };
    const actor = new DeliveryActor({ config: policy, db, log: noting });
    const fault = { ok: true, status: 200, error: "a\u0000b" };
    for (const [n, id] of ids.entries())
      actor.tell(outcome(id, n === 3 ? fault : { ok: true, status: 200, error: null }));
    await actor.idle();
    const states = await Promise.all(ids.map(async (id) => (await row(id))?.status));
    expect(states).toEqual(["success", "success", "success", "pending", "success"]);
    expect(noted).toMatchObject([{ delivery: ids[3] }]);
  });
});
