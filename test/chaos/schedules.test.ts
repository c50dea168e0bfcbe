// Schedules that run each second while workers are killed at random: each time makes one batch, none twice, none missing.
// `npm run chaos` has the long form: 200 schedules for 60 s, 12,000 batches. SEED repeats a run.
import { expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { isLong } from "#test/long";
import { seed } from "#test/seed";
import { until } from "#test/until";

const [schedules, secs, killMs] = isLong ? [200, 60, 3_000] : [10, 6, 1_500];
const workers = 3;
const settleMs = isLong ? 180_000 : 60_000;

test(
  `makes one batch for each time of ${schedules} schedules, over kills of workers (seed ${seed})`,
  async () => {
    const cluster = await startCluster({ workers: 1 });
    for (let n = 1; n < workers; n++) await cluster.start("worker");
    const names = Array.from({ length: schedules }, (_, n) => `every-second-${n}`);
    const body = {
      ...{ cron: "* * * * * *", overlap: "allow", catch_up: "all" },
      batch: [{ id: "a", name: "A", kind: "tick" }],
    };
    const killing = kills(cluster);
    const first = new Map<string, number>();
    for (const name of names) {
      const { body: made } = await until(async () => {
        const answer = await cluster.call("PUT", `/schedules/${name}`, body);
        return answer.status === 201 && answer;
      });
      first.set(name, Date.parse(made.next[0]));
    }
    const end = Math.ceil(Date.now() / 1_000 + secs) * 1_000;
    for (const name of names) {
      const ends = {
        ...body,
        until: new Date(end).toISOString(),
      };
      await until(async () => (await cluster.call("PUT", `/schedules/${name}`, ends)).status === 200);
    }
    await until(() => Date.now() > end, (secs + 30) * 1_000);
    const killed = await killing.stop();
    const expected = names.reduce((n, name) => n + (end - (first.get(name) as number)) / 1_000 + 1, 0);
    expect(expected).toBeGreaterThanOrEqual(schedules * secs);
    const counted = () => cluster.sql<{ n: number; times: number; complete: number }[]>`
      select count(*)::int as n, count(distinct (schedule, schedule_at))::int as times, count(completed_at)::int as complete
      from batch where schedule is not null`;
    await until(async () => (await counted())[0]?.complete === expected, settleMs);
    console.log(`${expected} batches of ${schedules} schedules, ${killed} workers killed, seed ${seed}`);
    expect(await counted()).toEqual([{ n: expected, times: expected, complete: expected }]);
    const wrong = await cluster.sql`
      select schedule, schedule_at from batch
      where schedule_at > ${new Date(end)} or schedule_at <> date_trunc('second', schedule_at) limit 10`;
    expect(wrong).toEqual([]);
    expect(await cluster.sql`select * from schedule_time where state not in ('made') limit 10`).toEqual([]);
    expect(killed).toBeGreaterThan(0);
  },
  settleMs + (secs + 90) * 1_000,
);

/** Kills a worker now and then, and starts it again without waiting for it. The seed says which, and when. */
function kills(cluster: Cluster): { stop(): Promise<number> } {
  let state = seed >>> 0 || 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  let stopped = false;
  let n = 0;
  const starts: Promise<void>[] = [];
  const run = async () => {
    for (let at = 0; !stopped; ) {
      const next = performance.now() + killMs * (0.5 + random());
      at = Math.floor(random() * cluster.workers.length);
      await until(() => stopped || performance.now() > next, 2 * killMs + 10_000);
      if (stopped) return;
      const member = cluster.workers[at] as Member;
      await cluster.kill(member);
      n++;
      // One that is killed before it was ready is started again by its next turn.
      starts.push(cluster.restart(member).catch(() => {}));
    }
  };
  const running = run();
  return {
    async stop() {
      stopped = true;
      await running;
      await Promise.all(starts);
      return n;
    },
  };
}
