// What is kept of each attempt to deliver, from the bytes that a receiver answered to the row: the beginning of it, whatever
// it is; and in which order, also after a replay.

import { randomUUID } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeliveryActor } from "#actor/deliveries/deliveries";
import { makeWork } from "#bus/work";
import { type Config, loadConfig } from "#config";
import { type Action, receiverOf } from "#domain/action";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { findDelivery } from "#store/read/tasks";
import { type Settled, settle } from "#store/turn/deliveries";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";
import { Deliverer } from "#webhook/deliverer";
import { makeSender } from "#webhook/send";

let db: Db;
let server: Server;
let deliverer: Deliverer;
let answers: ((response: ServerResponse) => void)[] = [];
const log = makeLogger({ logLevel: "silent" }, "test");

beforeAll(async () => {
  const env = { DATABASE_URL: await freshDatabase(), NATS_URL: "nats://127.0.0.1:1", HOST_URL: "http://baton" };
  // Tried again at once, as often as it takes.
  const config: Config = {
    ...loadConfig({ ...env, SKIP_SSRF_VALIDATION: "1" }),
    webhookRetryBackoffBaseSecs: 0.001,
    webhookDeliveryIntervalMs: 60_000,
  };
  db = openDb(config, log);
  await until(() => migrate(db).then(() => true));
  server = createServer((request, response) => {
    request.resume().on("end", () => (answers.shift() ?? ((out) => out.end()))(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sender = makeSender(config);
  const callSlots = new ReceiverCapacity(config.webhookDeliveryConcurrency, config.webhookHostConcurrency);
  const actor = new DeliveryActor({ config, db, log, onWritten: () => deliverer.nudge() });
  const tooLarge = Object.assign(new Error("message size exceeds maximum allowed"), { code: 10_054 });
  const work = makeWork({ js: { publish: () => Promise.reject(tooLarge) } });
  deliverer = new Deliverer({
    ...{ config, db, callSlots, work, log },
    send: sender.send,
    probe: async () => new Set<string>(),
    giveUp() {},
    tell: (outcome) => actor.tell(outcome),
  });
  return async () => {
    await deliverer.stop();
    await actor.idle();
    await sender.close();
    server.closeAllConnections();
    server.close();
    await db.close();
  };
});
beforeEach(() => {
  answers = [];
});

/** A pending delivery that is due, and its id. */
async function write(more: { subject?: string; attempts?: number; lease?: number } = {}): Promise<string> {
  const id = randomUUID();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/done`;
  const action = more.subject
    ? { kind: "Nats", params: { subject: more.subject } }
    : { kind: "Webhook", params: { url, verb: "Post" } };
  await db.use(
    (sql) => sql`
      insert into delivery (id, key, batch_id, trigger, action, receiver, facts, attempts, lease_id, lease_until)
      values (${id}, ${id}, ${id}, 'end', ${JSON.stringify(action)}::text::jsonb, ${receiverOf(action as Action)}, '{}', ${more.attempts ?? 0},
        ${more.lease ?? null}, ${more.lease ? "infinity" : null}::text::timestamptz)`,
  );
  return id;
}
const historyOf = async (id: string) => (await findDelivery(db, id))?.attempts ?? [];
const sent = async (id: string) => {
  deliverer.nudge();
  await until(async () => (await findDelivery(db, id))?.status === "success");
  return historyOf(id);
};
const answering = (status: number, body: string | Buffer) => (response: ServerResponse) =>
  void response.writeHead(status).end(body);

describe("an attempt", () => {
  it("is kept whether it failed or arrived, the oldest first", async () => {
    // The connection of the second attempt is a new one, so it is not tried once more.
    const last = (response: ServerResponse) => void response.writeHead(500, { connection: "close" }).end("no");
    answers = [last, (response) => response.destroy(), answering(201, "yes")];
    const before = Date.now();
    const history = await sent(await write());
    const gone = expect.stringMatching(/^connection/);
    expect(history.map(({ n, status, error, answer }) => [n, status, error, answer])).toEqual([
      [1, 500, "HTTP 500", "no"],
      [2, null, gone, null],
      [3, 201, null, "yes"],
    ]);
    const times = history.map(({ at }) => at.getTime());
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // Both clocks are those of this machine.
    expect(times[0]).toBeGreaterThanOrEqual(before - 5);
    for (const { duration_ms } of history) expect(duration_ms).toBeGreaterThanOrEqual(0);
  });

  it("keeps the first 2,048 bytes of the answer, whole characters alone", async () => {
    answers = [
      answering(500, `${"x".repeat(2_047)}ü`),
      answering(500, "😀".repeat(600)),
      answering(200, "é".repeat(60_000)),
    ];
    const [one, two, three] = await sent(await write());
    expect([one?.answer, two?.answer, three?.answer]).toEqual(["x".repeat(2_047), "😀".repeat(512), "é".repeat(1_024)]);
  });

  it("keeps what Postgres cannot store without that", async () => {
    answers = [answering(500, "a\0b\0"), answering(200, Buffer.from([0x61, 0xff, 0xed, 0xa0, 0x80, 0x62]))];
    const [one, two] = await sent(await write());
    expect([one?.answer, two?.answer?.replaceAll("\ufffd", "?")]).toEqual(["ab", expect.stringMatching(/^a\?+b$/)]);
  });

  it("keeps what arrived of an answer that broke off", async () => {
    answers = [
      (response) => {
        response.writeHead(503, { "content-length": 9 }).write("too ", () => void response.socket?.end());
      },
    ];
    const [cut] = await sent(await write());
    expect(cut).toMatchObject({ status: 503, error: "HTTP 503", answer: "too " });
  });

  it("to publish is kept without an answer", async () => {
    const id = await write({ subject: "baton.work.x" });
    deliverer.nudge();
    const [first] = await until(async () => ((await historyOf(id)).length > 0 ? historyOf(id) : null));
    expect(first).toMatchObject({ n: 1, status: null, error: "message too large for the stream", answer: null });
    await db.use((sql) => sql`delete from delivery where id = ${id}`);
  });
});

describe("the numbers", () => {
  const settled = (id: string, leaseId: number, attempts: number): Settled => ({
    ...{ id, leaseId, attempts, status: "exhausted", waitMs: 0, lastStatus: 500, lastError: "HTTP 500" },
    call: { beganAt: performance.now(), ms: 1.6, answer: null },
  });
  const write_ = (...outcomes: Settled[]) => db.use(async (sql) => (await settle(sql, outcomes)).map(({ id }) => id));
  const numbers = async (id: string) => (await historyOf(id)).map(({ n }) => n);
  const again = (id: string, lease: number) =>
    db.use(
      (sql) => sql`
        update delivery set status = 'pending', done_at = null, lease_id = ${lease}, lease_until = 'infinity' where id = ${id}`,
    );

  it("go on where the attempts begin at 0 again", async () => {
    const id = await write({ lease: 7 });
    await write_(settled(id, 7, 1));
    await again(id, 8);
    await write_(settled(id, 8, 1));
    expect(await numbers(id)).toEqual([1, 2]);
    expect((await historyOf(id))[0]).toMatchObject({ duration_ms: 2 });
  });

  it("count the attempts from before there was a history", async () => {
    const id = await write({ lease: 7, attempts: 3 });
    await write_(settled(id, 7, 4));
    expect(await numbers(id)).toEqual([4]);
  });

  it("are not used up by an outcome that came after its lease", async () => {
    const [late, good] = [await write({ lease: 8 }), await write({ lease: 9 })];
    expect(await write_(settled(late, 7, 1), settled(good, 9, 1))).toEqual([good]);
    expect([await numbers(late), await numbers(good)]).toEqual([[], [1]]);
  });
});
