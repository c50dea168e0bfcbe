// Deliveries sent for real: from rows in Postgres to a receiver, by one process or several, in good days and bad ones.
import { expect, it } from "vitest";
import type { Published } from "#bus/work";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";

import { db, process_, rowOf, service, statuses, write } from "./deliverer.stage.ts";

it("a delivery goes out as soon as the deliverer is nudged, with its key, its handle and its facts", async () => {
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
  service.answer("/full", { status: 503, headers: { "Retry-After": "2" } }, { status: 200 });
  const { deliverer } = process_();
  await write(1, "/full");
  deliverer.nudge();
  await until(async () => (await statuses()).success === 1);
  const [first, second] = service.to("/full");
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

it("a receiver that hangs gets its call slots and delays no other receiver", async () => {
  const slow = await startReceiver();
  const hold = slow.hold("/hang");
  const { deliverer, callSlots } = process_({
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
  expect([slow.calls.length, callSlots.freeFor(slow.url), callSlots.freeFor(service.url)]).toEqual([2, 0, 2]);
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

it("a call that the end of its process cuts off is no attempt: another process makes it before the lease ends", async () => {
  const hold = service.hold("/slow");
  const ending = process_();
  const [id] = await write(1, "/slow");
  ending.deliverer.nudge();
  await until(() => service.calls.length === 1);
  const stopping = ending.deliverer.stop();
  await ending.sender.close();
  await stopping;
  expect(await rowOf(id as string)).toMatchObject({ status: "pending", attempts: 0, lease_id: null });
  process_().deliverer.nudge();
  await until(() => service.calls.length === 2);
  hold.release();
  await until(async () => (await statuses()).success === 1);
  expect(await rowOf(id as string)).toMatchObject({ attempts: 1 });
  expect(new Set(service.calls.map(({ key }) => key))).toEqual(new Set([`${id}:end:success`]));
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
