// Users' work in a real JetStream: what a worker pulls, what is stored twice or not, and what is said when it cannot be.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeWork, type Work } from "#bus/work";
import { type About, startKey, workMessage } from "#domain/calls/webhook";
import { freshNats, type OwnService } from "#test/services";

let server: OwnService;
let nc: NatsConnection;
let work: Work;
let up = true;
const id = "0197b0a0-0000-7000-8000-000000000000";
const about: About = {
  settings: { hostUrl: "http://baton", handleSecret: undefined, webhookSigningSecret: [] },
  at: new Date(),
  key: startKey(id, 0),
  trigger: "start",
  task: id,
  attempt: 0,
  hasRetry: false,
  facts: null,
};
const message = (subject = "baton.work.build.x", body: Record<string, unknown> = { a: 1 }) =>
  workMessage({ kind: "Nats", params: { subject, body, headers: { "X-Own": "1" } } }, about);

beforeAll(async () => {
  server = await freshNats();
  nc = await connect({ servers: server.url, reconnectTimeWait: 100, maxReconnectAttempts: -1 });
  const streams = (await jetstreamManager(nc)).streams;
  await streams.add({ name: "WORK", subjects: ["baton.work.build.>"], retention: "workqueue" });
  await streams.add({ name: "TINY", subjects: ["baton.work.tiny.>"], discard: "new", max_msgs: 1 });
  work = makeWork({ js: jetstream(nc), up: () => up });
});
afterAll(() => nc.close());

it("is stored with the headers of a call, once for each id", async () => {
  expect(await work.publish(message(), "k:1")).toEqual({ ok: true });
  expect(await work.publish(message(), "k:1")).toEqual({ ok: true });
  expect(await work.publish(message(), "k:2")).toEqual({ ok: true });
  const manager = await jetstreamManager(nc);
  expect((await manager.streams.info("WORK")).state.messages).toBe(2);
  await manager.consumers.add("WORK", { durable_name: "w", ack_policy: "explicit" });
  const pulled = await (await jetstream(nc).consumers.get("WORK", "w")).next();
  expect(pulled?.json()).toEqual({
    task_id: id,
    attempt: 0,
    handle: `http://baton/task/${id}`,
    trigger: "start",
    body: { a: 1 },
  });
  const names = ["X-Own", "Idempotency-Key", "X-Task-Id", "X-Task-Trigger", "content-type", "Nats-Msg-Id"];
  expect(names.map((name) => pulled?.headers?.get(name))).toEqual([
    "1",
    `${id}:start`,
    id,
    "start",
    "application/json",
    "k:1",
  ]);
});

it("says why it is not stored, and whether it might be", async () => {
  await work.publish(message("baton.work.tiny.a"), "t:1");
  expect(await work.publish(message("baton.work.tiny.a"), "t:2")).toEqual({
    ok: false,
    sent: false,
    waits: true,
    error: "the work stream is full",
  });
  expect(await work.publish(message("baton.work.nobody"), "n:1")).toEqual({
    ok: false,
    sent: false,
    error: "no work stream",
  });
  const huge = await work.publish(message("baton.work.build.x", { a: "x".repeat(nc.info?.max_payload ?? 0) }), "h:1");
  expect(huge).toEqual({ ok: false, sent: true, error: "message too large for NATS" });
  up = false;
  expect(await work.publish(message(), "u:1")).toEqual({ ok: false, sent: false, waits: true, error: "NATS is away" });
  up = true;
  await server.freeze();
  expect(await work.publish(message(), "f:1", 300)).toEqual({
    ok: false,
    ...{ sent: true, mayArrive: true },
    error: "no answer from JetStream",
  });
  server.thaw();
});

it("is sent again under its id where it may or may not have arrived, as when NATS is started again", async () => {
  const streams = (await jetstreamManager(nc)).streams;
  const before = (await streams.info("WORK")).state.messages;
  await server.freeze();
  const published = ["r:1", "r:2"].map((key) => work.publish(message(), key));
  await server.kill();
  await server.start();
  expect(await Promise.all(published)).toEqual([{ ok: true }, { ok: true }]);
  expect((await streams.info("WORK")).state.messages).toBe(before + 2);
});

it("says that it may arrive once it was sent again for long enough in vain", async () => {
  let sent = 0;
  const publish = () => {
    sent++;
    return Promise.reject(Object.assign(new Error("timeout"), { name: "TimeoutError" }));
  };
  const deaf = makeWork({ js: { publish } });
  expect(await deaf.publish(message(), "d:1", 700)).toEqual({
    ok: false,
    ...{ sent: true, mayArrive: true },
    error: "no answer from JetStream",
  });
  expect(sent).toBeGreaterThan(1);
});
