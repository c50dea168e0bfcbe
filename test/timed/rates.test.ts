// A rate of 100 starts a second over two workers of which one is killed every few seconds: no window of a second at the receiver
// holds more, and the rate is used. `npm run rates` is the long form: 20,000 tasks. SEED=<seed> repeats which worker is killed when.
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Fault, strike } from "#test/faults";
import { isLong } from "#test/long";
import { type Call, startReceiver } from "#test/receiver";
import { seed } from "#test/seed";
import { until } from "#test/until";

const [perSecond, perMs] = [100, 1_000];
const [tasks, killMs, leastShare] = isLong ? [20_000, 5_000, 0.95] : [1_200, 4_000, 0];
/** The last tasks start without. */
const kills = fc
  .sample(fc.nat(1), { seed, numRuns: Math.floor((tasks / perSecond) * (perMs / killMs)) - 1 })
  .map((whom): Fault => ({ what: "kill", whom, awayMs: 0, afterMs: killMs }));
const batchMax = 1_000;
const limitMs = (tasks / perSecond) * perMs * 1.3 + 60_000;

it(`${tasks} starts at ${perSecond} a second, over workers that are killed (SEED=${seed})`, {
  timeout: limitMs + 60_000,
}, async () => {
  const service = await startReceiver();
  const looks = looksOf();
  const cluster = await startCluster({ workers: 2, env: { WORKER_CLAIM_TIMEOUT_SECS: "3" } });
  const rules = [{ type: "Rate", max_starts: perSecond, per_secs: 1, matcher: { kind: "rated", fields: [] } }];
  for (let made = 0; made < tasks; made += batchMax) {
    const size = Math.min(batchMax, tasks - made);
    await cluster.create(
      Array.from({ length: size }, (_, n) => ({
        ...{ id: `t${n}`, name: "rated", kind: "rated", rules },
        on_start: service.action("/rated", { completes: "on_response" }),
      })),
    );
  }
  const firsts = () => firstOfEach(service.to("/rated", "start"));
  const killing = strike(cluster, kills);
  // Of batches, which are few: to count the tasks every few milliseconds would take a good part of what Postgres has for them.
  const left = () => cluster.sql<{ n: number }[]>`select count(*)::int as n from batch where completed_at is null`;
  await until(async () => (await left())[0]?.n === 0, limitMs, "all tasks end");
  await killing;

  const [calls, at] = [service.to("/rated", "start"), firsts()];
  expect(at).toHaveLength(tasks);
  const claimed = await claims(cluster);
  expect(tooClose(claimed, claimed, 1.04 * perMs)).toEqual([]);
  // A call may have come any time since the receiver looked before.
  const earliest = looks.before(at);
  expect(tooClose(at, earliest, perMs)).toEqual([]);
  const tookMs = (at.at(-1) as number) - (at[0] as number) + perMs;
  const share = tasks / perSecond / (tookMs / perMs);
  const repeated = calls.length - tasks;
  const back = claimed.length - calls.length;
  console.log(
    `SEED=${seed}: ${kills.length} kills, ${repeated} repeated calls, ${back} claims of dead workers, ${(100 * share).toFixed(1)} % of the rate`,
  );
  console.log("closest at the receiver, in ms:", closest(at));
  // How much of it is used depends on the machine: only the long form, on one that has nothing else to do, is strict about that.
  expect(share).toBeGreaterThan(leastShare);
});

/** When each claim was made that was not given back, by the clock of Postgres. */
async function claims({ sql }: Cluster): Promise<number[]> {
  const rows = await sql<{ at: Date; next: string | null }[]>`
    select at, next from (
      select at, event, lead(event) over (partition by task_id order by id) as next from event) e
    where event = 'claim' and next is distinct from 'released' order by at`;
  return rows.map(({ at }) => at.getTime());
}

/**
 * Notes when this process, which is the receiver, looked for calls: where it had no time to, they came before they were seen. One
 * that came just after a look, on a connection of its own, is handed out two passes of the event loop later: the connection is
 * taken in one and its bytes are read in the next. So the third look before it counts.
 */
function looksOf() {
  const looks: number[] = [];
  const timer = setInterval(() => looks.push(Date.now()), 2);
  onTestFinished(() => clearInterval(timer));
  return {
    before(at: readonly number[]): number[] {
      let next = 0;
      return at.map((time) => {
        while ((looks[next] ?? Number.POSITIVE_INFINITY) < time) next++;
        return Math.min(time, looks[next - 3] ?? time);
      });
    },
  };
}

const closest = (at: readonly number[]) => Math.min(...at.slice(perSecond).map((time, n) => time - (at[n] as number)));

/** When the first call under each key came, in order. */
function firstOfEach(calls: readonly Call[]): number[] {
  const first = new Map<string, number>();
  for (const { key, at } of calls) if (!first.has(key)) first.set(key, at);
  return [...first.values()].sort((a, b) => a - b);
}

/** Starts that are less than a window after the one so many before, which came at its earliest time. */
const tooClose = (at: readonly number[], earliest: readonly number[], windowMs: number) =>
  at.flatMap((time, n) => {
    const gap = time - (earliest[n - perSecond] ?? Number.NEGATIVE_INFINITY);
    return gap < windowMs ? [{ n, gap }] : [];
  });
