// Counters under fire: fifty clients count on a thousand tasks while API processes and workers are killed and NATS goes away.
// Whatever was answered 202 is in the sums, once; what got no answer is sent again under its key until it gets one.
import { expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { type Ledger, Load, type Sum } from "#test/counting";
import { seeded } from "#test/dags";
import { leftInStreams } from "#test/invariants";
import { isLong } from "#test/long";
import { awayFor } from "#test/rest";
import { until } from "#test/until";

const puts = isLong ? 100_000 : 20_000;
const clients = 50;
const tasks = 1_000;
const keyless = 100;
const ending = 100;

/** Faults at these shares of the load; it goes on while whatever was killed comes back. */
async function faults(cluster: Cluster, mortal: readonly string[], sentShare: () => number): Promise<void> {
  const [first, second] = cluster.members.filter(({ role }) => role === "api") as [Member, Member];
  const [one, other] = cluster.workers as [Member, Member];
  const coming = new Map<Member, Promise<void>>();
  const kill = async (member: Member) => {
    await coming.get(member);
    await cluster.kill(member);
    coming.set(member, cluster.restart(member));
  };
  const plan: [number, () => Promise<unknown>][] = [
    [0.1, () => kill(one)],
    [0.2, () => kill(second)],
    [0.3, () => awayFor(cluster.nats, 0, "kill")],
    [0.4, () => end(cluster, mortal)],
    [0.5, () => Promise.all([kill(other), kill(first)])],
    [0.65, () => awayFor(cluster.nats, 300, "stop")],
    [0.8, () => Promise.all([kill(one), kill(other), awayFor(cluster.nats, 0, "kill")])],
  ];
  for (const [share, fault] of plan) {
    await until(() => sentShare() >= share, 120_000, `${share} of the updates are sent`);

    await fault();
  }
  await Promise.all(coming.values());
}

async function end(cluster: Cluster, ids: readonly string[]): Promise<void> {
  const cancel = async (id: string) => [200, 400].includes((await cluster.call("DELETE", `/task/${id}`)).status);
  await Promise.all(ids.map((id) => until(() => cancel(id), 30_000, "it ends")));
}

test(`${puts} updates count exactly once though API, workers and NATS are killed`, {
  timeout: 60_000 + 6 * puts,
}, async () => {
  const random = seeded("counters");
  const cluster = await startCluster({ apis: 2, workers: 2 });
  const made = await cluster.create(
    Array.from({ length: tasks }, (_, i) => ({ id: `${i}`, name: "counter", kind: "counter", delay_secs: 86_400 })),
  );
  const ids = Object.values(made);
  const [without, mortal] = [ids.slice(0, keyless), ids.slice(keyless, keyless + ending)];
  const urls = cluster.members.filter(({ role }) => role === "api").map(({ url }) => url);
  const load = new Load({
    ...{ puts, clients, ids, urls, random },
    keyless: new Set(without),
    ending: new Set(mortal),
  });
  await Promise.all([load.run(), faults(cluster, mortal, () => load.sent / puts)]);
  expect(load.wrong.slice(0, 5)).toEqual([]);
  await until(async () => (await off(cluster, load)).length === 0, 30_000).catch(() => {});
  expect((await off(cluster, load)).slice(0, 5)).toEqual([]);
  await until(async () => (await leftInStreams(cluster.nats.url)).length === 0, 60_000, "nothing is left in streams");
  // What came again meanwhile changed nothing.
  expect(await off(cluster, load)).toEqual([]);
  console.log(JSON.stringify(load.answers));
  for (const status of [202, 409, 503]) expect(load.answers[status], `answers ${status}`).toBeGreaterThan(0);
});

/** Tasks whose sums are not what was answered. */
async function off(cluster: Cluster, { ledgers }: Load) {
  const rows = await cluster.sql<{ id: string; success: string; failures: string }[]>`
    select id, success, failures from task`;
  return rows.flatMap(({ id, success, failures }) => {
    const has: Sum = { success: Number(success), failures: Number(failures) };
    const { least, most } = ledgers.get(id) as Ledger;
    const isRight = (["success", "failures"] as const).every((of) => has[of] >= least[of] && has[of] <= most[of]);
    return isRight ? [] : [{ id, has, least, most }];
  });
}
