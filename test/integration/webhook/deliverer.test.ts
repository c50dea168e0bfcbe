// Deliveries sent for real: from rows in Postgres to a receiver, by one process or several, in good days and bad ones.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { DeliveryActor } from "#actor/deliveries";
import { makeWork, type Published } from "#bus/work";
import { type Config, loadConfig } from "#config";
import { type Db, openDb } from "#store/client";
import { migrate } from "#store/migrate";
import { makeLogger } from "#telemetry/log";
import { type Receiver, startReceiver } from "#test/receiver";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";
import { Deliverer, type DelivererParts } from "#webhook/deliverer";
import { Lanes } from "#webhook/lanes";
import { makeSender } from "#webhook/send";

let db: Db;
let config: Config;
let service: Receiver;
const log = makeLogger({ logLevel: "silent" }, "test");
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const env = { DATABASE_URL: await freshDatabase(), NATS_URL: "nats://127.0.0.1:1", HOST_URL: "http://baton" };
  config = loadConfig({ ...env, WEBHOOK_RETRY_BACKOFF_BASE_SECS: "1", WEBHOOK_DELIVERY_INTERVAL_MS: "60000" });
  db = openDb(config, log);
  await until(() => migrate(db).then(() => true));
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.use((sql) => sql`delete from delivery`);
  service = await startReceiver();
  return async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
    await service.stop();
  };
});

/** A process that delivers. */
function process_(more: Partial<Config> = {}, parts: Partial<DelivererParts> = {}) {
  const own = { ...config, ...more };
  const sender = makeSender(own);
  const lanes = new Lanes(own.webhookDeliveryConcurrency, own.webhookHostConcurrency);
  const actor = new DeliveryActor({ config: own, db, log, onWritten: () => deliverer.nudge() });
  const work = makeWork({ js: { publish: () => Promise.reject(new Error("none")) }, up: () => false });
  const tell = (outcome: Parameters<DeliveryActor["tell"]>[0]) => actor.tell(outcome);
  const probe = async () => new Set<string>();
  const about = { config: own, db, lanes, send: sender.send, probe, giveUp() {}, work, tell, log };
  const deliverer: Deliverer = new Deliverer({ ...about, ...parts });
  ends.push(async () => {
    await deliverer.stop();
    await actor.idle();
    await sender.close();
  });
  return { deliverer, lanes };
}

async function write(
  count: number,
  path = "/done",
  more: { url?: string; subject?: string; hold?: number } = {},
): Promise<string[]> {
  const rows = Array.from({ length: count }, () => {
    const id = randomUUID();
    const params = { url: (more.url ?? service.url) + path, verb: "Post", body: { n: 1 } };
    const action = more.subject ? { kind: "Nats", params: { subject: more.subject } } : { kind: "Webhook", params };
    const receiver = more.subject ? null : (more.url ?? service.url);
    return { id, key: `${id}:end:success`, task: id, action, receiver, hold: more.hold ?? null };
  });
  await db.use(
    (sql) => sql`
      insert into delivery (id, key, task_id, batch_id, trigger, action, receiver, facts, hold_until)
      select id, key, task, id, 'end', action, receiver, json_build_object('task_id', task, 'status', 'Success', 'attempt', 0)::jsonb,
        now() + hold * interval '1 s'
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as u(id uuid, key text, task uuid, action jsonb, receiver text, hold float8)`,
  );
  return rows.map(({ id }) => id);
}
const statuses = async () => {
  const rows = await db.use(
    (sql) => sql<{ status: string; n: number }[]>`select status, count(*)::int n from delivery group by 1`,
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
};
const rowOf = async (id: string) => (await db.use((sql) => sql`select * from delivery where id = ${id}`))[0];

it("a delivery goes out as soon as it is told of, with its key, its handle and its facts", async () => {
  const { deliverer } = process_();
  const [id] = await write(1);
  deliverer.nudge();
  await until(async () => (await statuses()).success === 1);
  expect(service.calls).toHaveLength(1);
  expect(service.calls[0]).toMatchObject({
    verb: "POST",
    path: "/done",
    key: `${id}:end:success`,
    taskId: id,
    trigger: "end",
    handle: `http://baton/task/${id}`,
    body: { n: 1, baton: { task_id: id, status: "Success", attempt: 0 } },
  });
});

it("one that failed is tried again when it is due, not by the interval, with the same bytes, until it is exhausted", async () => {
  service.answer("/flaky", { status: 500 }, { status: 200 });
  service.answer("/never", { status: 410 });
  const { deliverer } = process_({ webhookMaxAttempts: 2 });
  const [flaky] = await write(1, "/flaky");
  const [never] = await write(1, "/never");
  deliverer.nudge();
  await until(async () => (await statuses()).pending === undefined);
  expect(await rowOf(flaky as string)).toMatchObject({
    status: "success",
    attempts: 2,
    last_status: 200,
    last_error: null,
  });
  expect(await rowOf(never as string)).toMatchObject({
    status: "exhausted",
    attempts: 2,
    last_status: 410,
    last_error: "HTTP 410",
  });
  const [first, second] = service.to("/flaky");
  expect(service.calls).toHaveLength(4);
  expect(second).toMatchObject({ key: first?.key, body: first?.body, headers: first?.headers });
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
});

it("one is not tried sooner than its receiver said", async () => {
  service.answer("/busy", { status: 503, headers: { "Retry-After": "2" } }, { status: 200 });
  const { deliverer } = process_();
  await write(1, "/busy");
  deliverer.nudge();
  await until(async () => (await statuses()).success === 1);
  const [first, second] = service.to("/busy");
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_990);
});

it("one that waits for the start's answer is held, at most until its time", async () => {
  const { deliverer } = process_();
  const [held, other] = await write(2, "/held", { hold: 60 });
  await write(1, "/free");
  deliverer.nudge();
  await until(async () => (await statuses()).success === 1);
  expect(service.to("/held")).toHaveLength(0);
  await db.use((sql) => sql`update delivery set hold_until = null where id = ${held as string}`);
  deliverer.nudge();
  await until(async () => (await statuses()).success === 2);
  await db.use((sql) => sql`update delivery set hold_until = now() where id = ${other as string}`);
  deliverer.nudge();
  await until(async () => (await statuses()).success === 3);
});

it("several processes send 600 deliveries once each, never one at two times at once", async () => {
  const processes = Array.from({ length: 4 }, () =>
    process_({ webhookDeliveryBatchSize: 20, webhookHostConcurrency: 8 }),
  );
  const ids = await write(600);
  for (const { deliverer } of processes) deliverer.nudge();
  await until(async () => (await statuses()).success === 600, 20_000);
  expect(service.calls.map(({ taskId }) => taskId).sort()).toEqual(ids.sort());
});

it("a process that dies loses nothing: another repeats the call, same key, same bytes", async () => {
  const hold = service.hold("/slow");
  // Dead: its calls go out, and nobody hears of their end.
  const dead = process_({ webhookDeliveryLeaseSecs: 2 }, { tell: () => {} });
  const [id] = await write(1, "/slow");
  dead.deliverer.nudge();
  await until(() => service.calls.length === 1);
  // It looks for nothing more; else it might win the lease every time.
  void dead.deliverer.stop();
  const { deliverer } = process_({ webhookDeliveryLeaseSecs: 2, webhookDeliveryIntervalMs: 100 });
  const first = service.calls[0];
  // The lease ends the call before another may make one.
  await until(() => first?.aborted);
  expect(service.calls).toHaveLength(1);
  await until(() => service.calls.length === 2);
  hold.release();
  await until(async () => (await statuses()).success === 1);
  deliverer.nudge();
  expect(service.calls.slice(0, 2).map(({ key, body }) => [key, body])).toEqual([
    [`${id}:end:success`, first?.body],
    [`${id}:end:success`, first?.body],
  ]);
});

it("a receiver that hangs gets its lanes and holds nobody up", async () => {
  const slow = await startReceiver();
  const hold = slow.hold("/hang");
  const { deliverer, lanes } = process_({
    webhookHostConcurrency: 2,
    webhookDeliveryConcurrency: 4,
    webhookDeliveryBatchSize: 4,
  });
  await write(40, "/hang", { url: slow.url });
  deliverer.nudge();
  await until(() => slow.calls.length === 2);
  await write(100);
  deliverer.nudge();
  await until(async () => (await statuses()).success === 100);
  expect([slow.calls.length, lanes.room(slow.url), lanes.room(service.url)]).toEqual([2, 0, 2]);
  hold.release();
  await until(async () => (await statuses()).success === 140);
  expect(new Set(slow.calls.map(({ key }) => key)).size).toBe(40);
});

it("what NATS cannot take now waits without using up an attempt; what it refuses is an attempt", async () => {
  const answers: Published[] = [
    { ok: false, sent: false, error: "NATS is away" },
    { ok: false, sent: true, error: "no answer" },
    { ok: true },
  ];
  const published: { id: string; payload: string }[] = [];
  const publish = async ({ payload }: { payload: string }, id: string) => {
    published.push({ id, payload });
    return answers.shift() ?? { ok: true as const };
  };
  const { deliverer } = process_({}, { work: { publish } });
  const [id] = await write(1, "", { subject: "baton.work.done" });
  deliverer.nudge();
  await until(async () => published.length === 1 && (await rowOf(id as string))?.lease_id === null);
  expect(await rowOf(id as string)).toMatchObject({ attempts: 0, status: "pending" });
  await until(async () => (await statuses()).success === 1);
  expect(await rowOf(id as string)).toMatchObject({ attempts: 2 });
  expect(new Set(published.map((message) => message.id)).size).toBe(3);
  expect(new Set(published.map((message) => message.payload)).size).toBe(1);
});

/** A process whose receiver's circuit turns out not to be closed, between its leases and its calls. */
function probing(lanes: Lanes, probe: DelivererParts["probe"], more: Partial<Config> = {}) {
  const givenUp: string[] = [];
  const use: Db["use"] = async (work) => {
    const leased = await db.use(work);
    lanes.gate(new Map([[service.url, 1]]));
    return leased;
  };
  const giveUp = (receiver: string) => void givenUp.push(receiver);
  return { ...process_(more, { lanes, probe, db: { use }, giveUp }), givenUp };
}

it("a probe that comes to no call is left to others", async () => {
  const lanes = new Lanes(1, 8);
  let asked = 0;
  const { deliverer, givenUp } = probing(lanes, async (receivers) => {
    // The only slot goes to another call meanwhile.
    if (asked++ === 0) lanes.take("http://other:1");
    return new Set(receivers);
  });
  await write(1);
  deliverer.nudge();
  await until(() => givenUp.length === 1);
  expect([givenUp, service.calls.length]).toEqual([[service.url], 0]);
  lanes.release("http://other:1");
  await until(async () => (await statuses()).success === 1);
  expect([givenUp.length, asked]).toEqual([1, 2]);
});

it("a probe is for one call, however many were leased", async () => {
  let taken = false;
  // Before its first look, which knows of no circuit yet.
  await write(3);
  const hold = service.hold("/done");
  const { givenUp } = probing(new Lanes(8, 8), async (receivers) => {
    const free = new Set(taken ? [] : receivers);
    taken = true;
    return free;
  });
  await until(() => service.calls.length > 0);
  hold.release();
  await until(async () => (await statuses()).success === 1);
  await until(async () => (await db.use((sql) => sql`select from delivery where lease_id is not null`)).length === 0);
  expect([service.calls.length, await statuses(), givenUp]).toEqual([1, { success: 1, pending: 2 }, []]);
});

it("a stop waits for what is open, and takes nothing more", async () => {
  const hold = service.hold("/slow");
  const { deliverer } = process_({ webhookDeliveryBatchSize: 1, webhookHostConcurrency: 1 });
  await write(3, "/slow");
  deliverer.nudge();
  await until(() => service.calls.length === 1);
  let stopped = false;
  const stopping = deliverer.stop().then(() => {
    stopped = true;
  });
  expect(stopped).toBe(false);
  hold.release();
  await stopping;
  await until(async () => (await statuses()).success === 1);
  expect([service.calls.length, (await statuses()).pending]).toEqual([1, 2]);
});
