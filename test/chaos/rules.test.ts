// Random batches, rules and commands on three workers, measured at the service: no limit is ever exceeded, and nothing that
// was blocked is forgotten. Sweeps come once a minute, so none of them can hide a lost signal. Then the same while workers are
// killed, stand still for longer than their lease, and drain; there sweeps have to find what these leave. SEED=<seed> repeats
// a run.
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Fault, faults, leaseSecs, strike } from "#test/faults";
import { isLong } from "#test/long";
import { type Receiver, startReceiver } from "#test/receiver";
import { expectRulesRest } from "#test/rule-invariants";
import { seed } from "#test/seed";
import { byRight, line, queue, standsStill } from "./rules/order.ts";
import { type Plan, plan } from "./rules/plan.ts";
import { type Rig, Run } from "./rules/run.ts";

/** So many at once, and so often. */
const [together, times] = [12, isLong ? 50 : 10];
const [togetherStruck, timesStruck] = [30, isLong ? 6 : 2];
const queues = 40;

let cluster: Cluster;
let service: Receiver;
beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({
    workers: 3,
    env: { WORKER_LOOP_INTERVAL_MS: "60000", DEAD_END_CANCEL_ENABLED: "0" },
  });
}, 60_000);

it(`${together * times} random runs keep every limit and forget no task (SEED=${seed})`, {
  timeout: 60_000 + 10_000 * times,
}, async () => {
  const rig = makeRig(cluster, false);
  const seen = { runs: 0, starts: 0, repeated: 0 };
  await fc.assert(
    fc.asyncProperty(plansOf(together), (plans) => liveThrough(rig, plans, seen)),
    { seed, numRuns: times, endOnFailure: true },
  );
  console.log(`SEED=${seed}: ${seen.runs} runs, ${seen.starts} starts`);
});

it(`so do ${togetherStruck * timesStruck} while workers are killed, frozen and drained (SEED=${seed})`, {
  timeout: 60_000 + 120_000 * timesStruck,
}, async () => {
  const env = {
    WORKER_CLAIM_TIMEOUT_SECS: String(leaseSecs),
    WORKER_LOOP_INTERVAL_MS: "200",
    SHUTDOWN_TIMEOUT_SECS: "3",
  };
  const struck = await startCluster({ workers: 3, env: { ...env, DEAD_END_CANCEL_ENABLED: "0" } });
  const rig = makeRig(struck, true);
  const seen = { runs: 0, starts: 0, repeated: 0 };
  await fc.assert(
    fc.asyncProperty(plansOf(togetherStruck), faults, faults, (plans, first, second) =>
      liveThrough(rig, plans, seen, [first, second]),
    ),
    { seed, numRuns: timesStruck, endOnFailure: true },
  );
  expect(await struck.sql`select subject, reason from dead_letter`).toEqual([]);
  const takenOver = await struck.sql`select from event where event = 'lease_expired'`;
  console.log(
    `SEED=${seed}: ${seen.runs} runs, ${seen.starts} starts, ${takenOver.length} taken over, ${seen.repeated} repeated`,
  );
  // The faults hit something.
  expect(takenOver.length).toBeGreaterThan(0);
  await struck.stop();
});

it(`${queues} random queues for one place go by priority, creation and position`, { timeout: 120_000 }, async () => {
  await goInOrder(cluster);
});

it("so they do where a round takes one task, and so few queues are opened", { timeout: 120_000 }, async () => {
  const small = { WORKER_LOOP_INTERVAL_MS: "60000", WORKER_START_BATCH_SIZE: "1" };
  await goInOrder(await startCluster({ workers: 1, env: small }));
});

async function goInOrder(where: Cluster): Promise<void> {
  const several = fc.array(queue, { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(several, async (them) => {
      const lines = await Promise.all(them.map((one) => line(where, service, one)));
      await standsStill(where);
      for (const calls of await Promise.all(lines.map((letGo) => letGo())))
        expect(calls).toEqual(calls.toSorted(byRight));
    }),
    { seed, numRuns: queues / 8, endOnFailure: true },
  );
}

const plansOf = (count: number) => fc.array(plan, { minLength: count, maxLength: count });

/** `befalling`: what befalls the workers while the plans are carried out, and while all comes to its end. */
async function liveThrough(
  rig: Rig,
  plans: readonly Plan[],
  seen: { runs: number; starts: number; repeated: number },
  [first, second]: readonly (readonly Fault[])[] = [[], []],
): Promise<void> {
  const { cluster } = rig;
  const runs = plans.map((one) => new Run(rig, one));
  await Promise.all([...runs.map((run) => run.act()), strike(cluster, first ?? [])]);
  await expectRulesRest(cluster.sql, "after the commands");
  await Promise.all([...runs.map((run) => run.drain()), strike(cluster, second ?? [])]);
  await expectRulesRest(cluster.sql, "at the end");
  const faults = await Promise.all(runs.map(async (run) => ({ run: run.name, faults: await run.check() })));
  expect(faults.filter(({ faults }) => faults.length > 0)).toEqual([]);
  seen.runs += runs.length;
  for (const { starts, repeated } of runs) {
    seen.starts += starts;
    seen.repeated += repeated;
  }
}

function makeRig(cluster: Cluster, isStruck: boolean): Rig {
  let asked = { at: 0, rows: Promise.resolve([] as { id: string; status: string }[]) };
  const unfinished = () => {
    if (Date.now() - asked.at > 40)
      asked = {
        at: Date.now(),
        rows: cluster.sql<{ id: string; status: string }[]>`
          select id, status::text from task where ended_at is null`.then((rows) => [...rows]),
      };
    return asked.rows;
  };
  const rig: Rig = { cluster, service, runs: new Map(), isStruck, unfinished };
  service.answer("*", (call) => {
    const [, run = "", local = ""] = call.path.split("/");
    return rig.runs.get(run)?.arrive(call, local) ?? {};
  });
  return rig;
}
