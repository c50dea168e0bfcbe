// Feeds a cluster with random batches while others break it, and waits until it has come to rest: everything has ended,
// every notification is settled, no message is left. Then all invariants are asked at once.
import { expect } from "vitest";
import type { Cluster, Member } from "#test/cluster";
import { brokenPromises, type Crew, type Making, type Random, randomBatch } from "#test/dags";
import { deadlocks, type Ledger, leftInStreams, violations } from "#test/invariants";
import type { Receiver } from "#test/receiver";
import type { OwnService } from "#test/services";
import { sleep, until } from "#test/until";

export interface Feed {
  /** Tasks that Baton said it had created. */
  readonly created: ReadonlySet<string>;
  /** Resolves when the last batch has been created. */
  readonly done: Promise<void>;
}

/** Creates batches until there are `total` tasks, with about `open` unfinished ones at a time. What fails is sent again. */
export function feed(
  cluster: Cluster,
  random: Random,
  service: Receiver,
  { total, open, ...making }: Making & { readonly total: number; readonly open: number },
): Feed {
  const created = new Set<string>();
  const unfinished = async () => {
    const [row] = await cluster.sql<{ n: number }[]>`select count(*)::int as n from task where ended_at is null`;
    return row?.n ?? 0;
  };
  const run = async () => {
    while (created.size < total) {
      await until(async () => (await unfinished()) < open, 60_000, "another batch may be created");
      const reply = await cluster.call("POST", "/task", randomBatch(random, service, making)).catch(() => null);
      if (reply?.status === 201) for (const { id } of reply.body as { id: string }[]) created.add(id);
      else if (reply !== null && reply.status !== 503) throw new Error(`POST /task: ${JSON.stringify(reply)}`);
      else await sleep(100);
    }
  };
  const done = run();
  done.catch(() => {});
  return { created, done };
}

/** Resolves when so many tasks have ended. */
export const ended = (cluster: Cluster, n: number): Promise<unknown> =>
  until(
    async () => {
      const [row] = await cluster.sql<{ n: number }[]>`select count(*)::int as n from task where ended_at is not null`;
      return row !== undefined && row.n >= n;
    },
    60_000,
    `${n} tasks have ended`,
  );

/** The name under which a worker process stands in events, once it is registered. */
export async function actorOf(cluster: Cluster, member: Member): Promise<string> {
  const registered = () => cluster.sql<{ id: number }[]>`select id from process where name like ${`%:${member.pid}`}`;
  const id = await until(async () => (await registered())[0]?.id, 10_000, `${member.name} is registered`);
  return `worker:${id}`;
}

/** Resolves when this worker has at least so many claims (of tasks of that kind). */
export const hasClaims = (cluster: Cluster, actor: string, n: number, kind: string | null = null): Promise<unknown> =>
  until(async () => (await claimsOf(cluster, actor, kind)) >= n, 10_000, `${actor} has ${n} claims`);

export async function claimsOf(cluster: Cluster, actor: string, kind: string | null = null): Promise<number> {
  const [row] = await cluster.sql<{ n: number }[]>`
    select count(*)::int as n from task
    where owner = ${Number(actor.slice("worker:".length))} and kind = coalesce(${kind}, kind)`;
  return row?.n ?? 0;
}

/** A service that goes, and comes back so much later. */
export async function awayFor(service: OwnService, ms: number, how: "stop" | "kill"): Promise<void> {
  await service[how]();
  await sleep(ms);
  await service.start();
}

/** Waits until the cluster rests, then asks every invariant. `created`: what must be there. */
export async function expectSound(
  cluster: Cluster,
  crew: Crew,
  ledger: Ledger,
  created: ReadonlySet<string> = new Set(),
  timeoutMs = 60_000,
): Promise<void> {
  const open = async () => {
    const [row] = await cluster.sql<{ tasks: number; deliveries: number }[]>`
      select (select count(*)::int from task where ended_at is null) as tasks,
        (select count(*)::int from delivery where status = 'pending') as deliveries`;
    return { ...row, crew: crew.idle ? 0 : 1, streams: await leftInStreams(cluster.nats.url) };
  };
  let last = "";
  const rests = async () => {
    const now = await open();
    last = JSON.stringify(now);
    return now.tasks === 0 && now.deliveries === 0 && now.crew === 0 && now.streams.length === 0;
  };
  await until(rests, timeoutMs).catch(async () => {
    const stuck = await cluster.sql`select * from task where ended_at is null limit 3`;
    throw new Error(`The system does not come to rest: ${last}, such as ${JSON.stringify(stuck)}`);
  });
  expect(await violations(cluster.sql, ledger)).toEqual([]);
  const tasks = await cluster.sql<{ id: string; status: string; attempt: number; success: number }[]>`
    select id, status::text, attempt, success::int from task`;
  expect(brokenPromises(crew.said, tasks)).toEqual([]);
  const there = new Set(tasks.map(({ id }) => id));
  expect([...created].filter((id) => !there.has(id))).toEqual([]);
  expect(await deadlocks(cluster.sql)).toBe(0);
}
