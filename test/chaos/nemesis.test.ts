// Random pipelines on three workers while processes die, stand still and services go away. In the end everything has
// ended, every invariant holds, and no start was repeated but those that were open on a worker that died or stood still.
import { expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { Crew, type Random, seeded } from "#test/dags";
import { type Hold, type Receiver, startReceiver } from "#test/receiver";
import { actorOf, awayFor, claimsOf, ended, expectSound, feed, hasClaims } from "#test/rest";
import { type OwnService, ownPostgres } from "#test/services";
import { until } from "#test/until";

const leaseMs = 2_000;

interface Stage {
  readonly random: Random;
  readonly service: Receiver;
  readonly crew: Crew;
  readonly postgres: OwnService;
  readonly cluster: Cluster;
}

async function stage(name: string): Promise<Stage> {
  const random = seeded(name);
  const crew = new Crew();
  const [service, postgres] = await Promise.all([startReceiver(), ownPostgres()]);
  service.answer("*", crew.behaviour);
  const cluster = await startCluster({
    workers: 3,
    databaseUrl: postgres.url,
    env: {
      WORKER_CLAIM_TIMEOUT_SECS: String(leaseMs / 1000),
      WEBHOOK_DELIVERY_LEASE_SECS: "3",
      POOL_TIMEOUT_SECS: "3",
    },
  });
  return { random, service, crew, postgres, cluster };
}

const making = { size: 100, answerMs: 150, reportMs: 200, open: 400 };

/**
 * Tasks of that kind whose start calls stay open until the release, more than two workers have call slots for: whoever dies or
 * stands still holds some of them, and no report can end these before its lease has run out.
 */
async function grip(cluster: Cluster, service: Receiver, path: string): Promise<Hold> {
  const hold = service.hold(path);
  const on_start = service.action(path, { completes: "on_response" });
  await cluster.create(
    Array.from({ length: 150 }, (_, i) => ({ id: `${i}`, name: path, kind: path, on_start, priority: 9 })),
  );
  return hold;
}

/** Starts that were called more than once, by their keys. */
function repeated(service: Receiver): string[] {
  const counts = new Map<string, number>();
  for (const { key, trigger } of service.calls) if (trigger === "start") counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].filter(([, n]) => n > 1).map(([key]) => key);
}

test("2,000 tasks end right though a worker and the API are killed, a worker stands still, and Postgres is away", async () => {
  const { random, service, crew, postgres, cluster } = await stage("nemesis");
  const [killed, stopped] = cluster.workers as [Member, Member];
  const mortal = [await actorOf(cluster, killed), await actorOf(cluster, stopped)] as const;
  const fed = feed(cluster, random, service, { ...making, total: 2_000 });

  await ended(cluster, 300);
  const first = await grip(cluster, service, "/first");
  await hasClaims(cluster, mortal[0], 5, "/first");
  await cluster.kill(killed);
  await until(async () => (await claimsOf(cluster, mortal[0])) === 0, 20_000, "its claims are taken over");
  first.release();

  await ended(cluster, 700);
  const second = await grip(cluster, service, "/second");
  await hasClaims(cluster, mortal[1], 5, "/second");
  await cluster.freeze(stopped);
  await until(async () => (await claimsOf(cluster, mortal[1])) === 0, 20_000, "its claims are taken over");
  second.release();
  cluster.thaw(stopped);
  await cluster.restart(killed);

  await ended(cluster, 1_200);
  await awayFor(postgres, leaseMs * 1.5, "stop");

  await ended(cluster, 1_500);
  const api = cluster.members.find(({ role }) => role === "api") as Member;
  await cluster.kill(api);
  await cluster.restart(api);

  await fed.done;
  await expectSound(cluster, crew, { calls: service.calls, mortal: new Set(mortal) }, fed.created);
  // The faults hit something: each of the two had claims that others took over, and some calls had been made before.
  const taken = await cluster.sql<{ owner: string }[]>`
    with begun as (select event, lag(actor) over (partition by task_id order by id) as owner from event)
    select distinct owner from begun where event = 'lease_expired' order by 1`;
  expect(taken.map(({ owner }) => owner)).toEqual([...mortal].sort());
  expect(repeated(service).length).toBeGreaterThan(0);
});

test("Postgres away for longer than the lease repeats no start", async () => {
  const { random, service, crew, postgres, cluster } = await stage("postgres away");
  const fed = feed(cluster, random, service, { ...making, total: 400 });
  await ended(cluster, 120);
  await awayFor(postgres, leaseMs * 2, "kill");
  await fed.done;
  await expectSound(cluster, crew, { calls: service.calls }, fed.created);
  expect(repeated(service)).toEqual([]);
});

test("NATS killed and started again in the middle repeats no start", async () => {
  const { random, service, crew, cluster } = await stage("nats restarted");
  const fed = feed(cluster, random, service, { ...making, total: 400 });
  await ended(cluster, 120);
  await awayFor(cluster.nats, 0, "kill");
  await ended(cluster, 250);
  await awayFor(cluster.nats, leaseMs * 1.5, "kill");
  await fed.done;
  await expectSound(cluster, crew, { calls: service.calls }, fed.created);
  expect(repeated(service)).toEqual([]);
});
