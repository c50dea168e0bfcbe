// Deliveries while receivers misbehave and workers die: a healthy receiver does not notice the others, and no delivery is
// lost, or repeated but for those that a dying worker had in hand.
import { expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { Crew, seeded } from "#test/dags";
import { type Receiver, startReceiver } from "#test/receiver";
import { actorOf, expectSound } from "#test/rest";
import { startRogues } from "#test/rogues";
import { until } from "#test/until";

/** Tasks without a start, so that each is a delivery at once. */
const tasks = (n: number, action: object) =>
  Array.from({ length: n }, (_, i) => ({ id: `t${i}`, name: "t", kind: "k", on_success: [action] }));

const each = 200;
const rounds = 30;
const answerMs = 25;

/** Sends some deliveries to a healthy receiver; how long each took until it was answered, in ms. */
async function latencies(cluster: Cluster, service: Receiver): Promise<number[]> {
  const ids = Object.values(await cluster.create(tasks(10, service.action("/ended"))));
  const rows = await until(async () => {
    const done = await cluster.sql<{ ms: number }[]>`
      select extract(epoch from done_at - created_at)::float8 * 1000 as ms from delivery
      where status = 'success' and task_id in ${cluster.sql(ids)}`;
    return done.length === ids.length ? done : null;
  }, 30_000);
  return rows.map(({ ms }) => ms);
}
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

test("a healthy receiver gets its deliveries as before while others hang, fail, flood and reset", async () => {
  // Without circuits, which would end the trouble; and at the same time one that has none, so that both have the same machine.
  const env = { CIRCUIT_BREAKER_ENABLED: "0" };
  const [calm, troubled] = await Promise.all([
    startCluster({ together: true, env }),
    startCluster({ together: true, env }),
  ]);
  const service = await startReceiver();
  service.answer("/ended", { delayMs: answerMs });
  for (const cluster of [calm, troubled]) for (let n = 0; n < 5; n++) await latencies(cluster, service);
  for (const url of Object.values(await startRogues()))
    await troubled.create(tasks(each, { kind: "Webhook", params: { url, verb: "Post" } }));
  const [alone, beside]: [number[], number[]] = [[], []];
  for (let n = 0; n < rounds; n++) {
    alone.push(...(await latencies(calm, service)));
    beside.push(...(await latencies(troubled, service)));
  }
  const said = [median(alone), median(beside), Math.max(...alone), Math.max(...beside)].map((ms) => Math.round(ms));
  console.log(
    `latency of a delivery, alone and beside bad receivers, in ms: median ${said[0]} ${said[1]}, worst ${said[2]} ${said[3]}`,
  );
  expect(median(beside) / median(alone)).toBeLessThan(1.5);
  // Nor does a single one wait for a slot that a call holds until its time-out.
  expect(Math.max(...beside)).toBeLessThan(5_000);
});

const total = 5_000;
const kills = 5;

test(`${total} deliveries arrive though workers are killed: only what a dying one had in hand is repeated`, async () => {
  const random = seeded("killed while they deliver");
  const service = await startReceiver();
  service.answer("*", () => ({ delayMs: 20 + random.below(60) }));
  const cluster = await startCluster({
    workers: 3,
    env: { WORKER_CLAIM_TIMEOUT_SECS: "2", WEBHOOK_DELIVERY_LEASE_SECS: "2", WEBHOOK_DELIVERY_INTERVAL_MS: "200" },
  });
  const mortal = new Set<string>();
  /** How often a delivery was in hand when a worker died. */
  const inHand = new Map<string, number>();
  for (let n = 0; n < total / 1_000; n++) await cluster.create(tasks(1_000, service.action("/ended")));
  for (let n = 0; n < kills; n++) {
    const next = Math.min(service.calls.length + 300 + random.below(500), total - 200);
    await until(() => service.calls.length >= next, 20_000);
    const victim = random.pick(cluster.workers) as Member;
    mortal.add(await actorOf(cluster, victim));
    // Standing still it takes no more: what is leased now is all that it can have in hand.
    await cluster.freeze(victim);
    const leased = await cluster.sql<{ key: string }[]>`
      select key from delivery where status = 'pending' and lease_until is not null`;
    for (const { key } of leased) inHand.set(key, (inHand.get(key) ?? 0) + 1);
    await cluster.kill(victim);
    await cluster.restart(victim);
  }
  await expectSound(cluster, new Crew(), { calls: service.calls, mortal });
  const keys = await cluster.sql<{ key: string; status: string }[]>`select key, status from delivery`;
  expect([keys.length, keys.filter(({ status }) => status !== "success")]).toEqual([total, []]);
  const calls = Map.groupBy(service.calls, ({ key }) => key);
  expect(new Set(calls.keys())).toEqual(new Set(keys.map(({ key }) => key)));
  const repeated = [...calls].filter(([, made]) => made.length > 1);
  expect(repeated.length).toBeGreaterThan(0);
  expect(repeated.filter(([key, made]) => made.length - 1 > (inHand.get(key) ?? 0))).toEqual([]);
  for (const [, made] of repeated)
    expect(new Set(made.map(({ headers, body, path }) => JSON.stringify([headers, body, path]))).size).toBe(1);
});
