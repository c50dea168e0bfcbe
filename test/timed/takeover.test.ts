// Workers that go: one that dies is replaced within 10 s, and only its open starts are repeated, under the same key; one
// that is asked to stop finishes or hands back what it has, and nothing is repeated.
import { expect, test } from "vitest";
import { type Member, startCluster } from "#test/cluster";
import { Crew, seeded } from "#test/dags";
import { type Receiver, reports, startReceiver } from "#test/receiver";
import { actorOf, claimsOf, ended, expectSound, feed, hasClaims } from "#test/rest";
import { until, within } from "#test/until";

const slots = 4;
const leaseSecs = "2";
const batch = (service: Receiver, n: number) =>
  Array.from({ length: n }, (_, i) => ({ id: `t${i}`, name: "t", kind: "k", on_start: service.action("/work") }));
const startsOf = (service: Receiver, ids: readonly string[]) => ids.map((id) => service.of(id, "start").length);

test("the tasks of a dead worker resume within 10 s, under the same key", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({
    workers: 2,
    env: { WORKER_CLAIM_TIMEOUT_SECS: leaseSecs, WORKER_WEBHOOK_CONCURRENCY: String(slots) },
  });
  const [dying, living] = cluster.workers as [Member, Member];
  const actor = await actorOf(cluster, dying);
  const hold = service.hold("/work");
  const ids = Object.values(await cluster.create(batch(service, 2 * slots)));
  await hasClaims(cluster, actor, slots);
  await hasClaims(cluster, await actorOf(cluster, living), slots);
  await until(() => service.to("/work").length === 2 * slots);
  const owner = Number(actor.slice("worker:".length));
  const lost = (await cluster.sql<{ id: string }[]>`select id from task where owner = ${owner}`).map(({ id }) => id);
  await cluster.kill(dying);
  const died = performance.now();
  hold.release(reports({ status: "Success" }));
  await ended(cluster, 2 * slots);
  expect(performance.now() - died).toBeLessThan(10_000);
  const kept = ids.filter((id) => !lost.includes(id));
  expect(startsOf(service, kept)).toEqual(Array(slots).fill(1));
  // A dead worker's service may report by the handle of the first call before the second is made.
  for (const id of lost) {
    const keys = service.of(id, "start").map((call) => call.key);
    expect(keys).toEqual(Array(keys.length).fill(`${id}:start`));
    expect(keys.length).toBeLessThanOrEqual(2);
  }
  await expectSound(cluster, new Crew(), { calls: service.calls, mortal: new Set([actor]) });
});

test("a worker that drains waits for its open calls, takes nothing new, and repeats no start", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({
    workers: 1,
    env: {
      WORKER_CLAIM_TIMEOUT_SECS: leaseSecs,
      WORKER_WEBHOOK_CONCURRENCY: String(slots),
      SHUTDOWN_TIMEOUT_SECS: "8",
    },
  });
  const [leaving] = cluster.workers as [Member];
  const hold = service.hold("/work");
  const ids = Object.values(await cluster.create(batch(service, 3 * slots)));
  await until(() => service.to("/work").length === slots);
  const drained = cluster.drain(leaving, 8_000);
  await until(() => leaving.log.includes('"stopping"'));
  hold.release();
  expect(await drained).toEqual({ code: 0, signal: null });
  expect(startsOf(service, ids).reduce((sum, n) => sum + n, 0)).toBe(slots);
  const states = await cluster.sql`select status::text, count(*)::int as n from task group by 1 order by 1`;
  expect([...states]).toEqual([
    { status: "Pending", n: 2 * slots },
    { status: "Running", n: slots },
  ]);
  const claims = await cluster.sql`select 1 from event where event = 'claim'`;
  expect(claims.length, "claims, those during the drain included").toBe(slots);
  service.answer("/work", reports({ status: "Success" }));
  await cluster.start("worker");
  const begun = service.to("/work").slice(0, slots);
  await Promise.all(begun.map(({ taskId }) => cluster.call("PATCH", `/task/${taskId}`, { status: "Success" })));
  await ended(cluster, ids.length);
  expect(startsOf(service, ids)).toEqual(ids.map(() => 1));
  await expectSound(cluster, new Crew(), { calls: service.calls });
});

test("a call that does not end keeps no process beyond SHUTDOWN_TIMEOUT_SECS", async () => {
  const service = await startReceiver();
  const cluster = await startCluster({
    workers: 2,
    env: { WORKER_CLAIM_TIMEOUT_SECS: leaseSecs, WORKER_WEBHOOK_CONCURRENCY: "1", SHUTDOWN_TIMEOUT_SECS: "3" },
  });
  const [leaving] = cluster.workers as [Member, Member];
  const actor = await actorOf(cluster, leaving);
  service.hold("/work");
  const ids = Object.values(await cluster.create(batch(service, 2)));
  await until(() => service.to("/work").length === 2);
  const began = performance.now();
  expect(await cluster.drain(leaving, 10_000)).toEqual({ code: 0, signal: null });
  expect(performance.now() - began).toBeLessThan(3_500);
  // What it could not finish is taken over like the work of a dead one.
  service.answer("/work", reports({ status: "Success" }));
  await until(async () => (await claimsOf(cluster, actor)) === 0, 10_000);
  await Promise.all(ids.map((id) => cluster.call("PATCH", `/task/${id}`, { status: "Success" })));
  await ended(cluster, 2);
});

test("all processes are replaced one after the other under load, and no start is repeated", async () => {
  const random = seeded("rolling restart");
  const crew = new Crew();
  const service = await startReceiver();
  service.answer("*", crew.behaviour);
  const cluster = await startCluster({ workers: 2, env: { WORKER_CLAIM_TIMEOUT_SECS: leaseSecs } });
  const fed = feed(cluster, random, service, { size: 100, total: 400, open: 300, answerMs: 100, reportMs: 150 });
  await ended(cluster, 60);
  for (const member of [...cluster.workers, ...cluster.members.filter(({ role }) => role === "api")]) {
    expect(await cluster.drain(member), member.name).toEqual({ code: 0, signal: null });
    await cluster.restart(member);
  }
  await within(() => fed.done, 60_000);
  await expectSound(cluster, crew, { calls: service.calls, calm: true }, fed.created);
});
