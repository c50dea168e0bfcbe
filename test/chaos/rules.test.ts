// Random batches, rules and commands on three workers, measured at the service: no limit is ever exceeded, and nothing that
// was blocked is forgotten. Sweeps come once a minute, so none of them can hide a lost wake. SEED=<seed> repeats a run.
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { ruleViolations } from "#test/rule-invariants";
import { until } from "#test/until";
import { byRight, line, queue, standsStill } from "./rules/order.ts";
import { plan } from "./rules/plan.ts";
import { type Rig, Run } from "./rules/run.ts";

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
/** So many at once, and so often. */
const [together, times] = [12, Number(process.env.TIMES ?? 25)];
const restMs = 10_000;
const queues = 40;

let cluster: Cluster;
let service: Receiver;
let rig: Rig;
beforeAll(async () => {
  service = await startReceiver();
  cluster = await startCluster({
    workers: 3,
    env: { WORKER_LOOP_INTERVAL_MS: "60000", DEAD_END_CANCEL_ENABLED: "0" },
  });
  rig = makeRig();
  service.answer("*", (call) => {
    const [, run = "", local = ""] = call.path.split("/");
    return rig.runs.get(run)?.arrive(call, local) ?? {};
  });
}, 60_000);

it(`${together * times} random runs keep every limit and forget nobody (SEED=${seed})`, {
  timeout: 240_000,
}, async () => {
  const seen = { runs: 0, starts: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: together, maxLength: together }), async (plans) => {
      const runs = plans.map((one) => new Run(rig, one));
      await Promise.all(runs.map((run) => run.act()));
      await expectRest("after the commands");
      await Promise.all(runs.map((run) => run.drain()));
      await expectRest("at the end");
      const faults = await Promise.all(runs.map(async (run) => ({ run: run.name, faults: await run.check() })));
      expect(faults.filter(({ faults }) => faults.length > 0)).toEqual([]);
      seen.runs += runs.length;
      seen.starts += runs.reduce((sum, { starts }) => sum + starts, 0);
    }),
    { seed, numRuns: times, endOnFailure: true },
  );
  console.log(`SEED=${seed}: ${seen.runs} runs, ${seen.starts} starts`);
});

it(`${queues} random queues for one place go by priority, creation and position`, { timeout: 120_000 }, async () => {
  await goInOrder(cluster);
});

it("so they do where a round takes one task, and so few lanes are opened", { timeout: 120_000 }, async () => {
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

/** Whoever still waits then has a reason, and the tables agree. */
async function expectRest(when: string): Promise<void> {
  const rests = async () => (await ruleViolations(cluster.sql)).length === 0;
  await until(rests, restMs).catch(async () => {
    expect(await ruleViolations(cluster.sql), when).toEqual([]);
  });
}

function makeRig(): Rig {
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
  return { cluster, service, runs: new Map(), unfinished };
}
