// A database with deliveries, a receiver, and processes that deliver, for the tests of a file.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { DeliveryActor } from "#actor/deliveries/deliveries";
import { makeWork } from "#bus/work";
import { type Config, loadConfig } from "#config";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { type Receiver, startReceiver } from "#test/receiver";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";
import { Deliverer, type DelivererParts } from "#webhook/deliverer";
import { makeSender } from "#webhook/send";

export let db: Db;
export let config: Config;
export let service: Receiver;
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
export function process_(more: Partial<Config> = {}, parts: Partial<DelivererParts> = {}) {
  const own = { ...config, ...more };
  const sender = makeSender(own);
  const callSlots = new ReceiverCapacity(own.webhookDeliveryConcurrency, own.webhookHostConcurrency);
  const actor = new DeliveryActor({ config: own, db, log, onWritten: () => deliverer.nudge() });
  const work = makeWork({ js: { publish: () => Promise.reject(new Error("none")) }, up: () => false });
  const tell = (outcome: Parameters<DeliveryActor["tell"]>[0]) => actor.tell(outcome);
  const probe = async () => new Set<string>();
  const about = { config: own, db, callSlots, send: sender.send, probe, giveUp() {}, work, tell, log };
  const deliverer: Deliverer = new Deliverer({ ...about, ...parts });
  ends.push(async () => {
    await deliverer.stop();
    await actor.idle();
    await sender.close();
  });
  return { deliverer, callSlots, sender };
}

export async function write(
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
export const statuses = async () => {
  const rows = await db.use(
    (sql) => sql<{ status: string; n: number }[]>`select status, count(*)::int n from delivery group by 1`,
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
};
export const rowOf = async (id: string) => (await db.use((sql) => sql`select * from delivery where id = ${id}`))[0];
