// A bulk operation beside other people's batches, and under kills: nobody else notices it, and each task is canceled once,
// whoever dies in the middle. `npm run isolation` does the same with 100,000 tasks.
import { beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { isLong } from "#test/long";
import { disturbed, liveBeside, type Place, placeIn, type Seen, startBare, summary } from "#test/neighbours";
import { startReceiver } from "#test/receiver";
import { until } from "#test/until";

const many = isLong ? 100_000 : 1_500;
const some = isLong ? 10_000 : 1_000;
const perBatch = isLong ? 5_000 : 500;
const kills = isLong ? 5 : 2;
const warmLives = isLong ? 200 : 80;
const endsMs = isLong ? 500_000 : 60_000;
const timeout = isLong ? 600_000 : 120_000;

let cluster: Cluster;
let place: Place;
let alone: Seen;
beforeAll(async () => {
  const service = await startReceiver();
  const env = { WORKER_CLAIM_TIMEOUT_SECS: "3", MAX_TASKS_PER_BATCH: "50000", PAYLOAD_MAX_BYTES: `${2 ** 27}` };
  cluster = await startCluster({ workers: 2, env: { ...env, LOG_LEVEL: "warn" } });
  place = placeIn(cluster, service, await startBare());
  const quiet = liveBeside(place);
  await until(() => quiet.seen.reports.length > warmLives, 30_000);
  alone = await quiet.stop();
  console.log(`nothing else: ${summary(alone)}`);
}, 60_000);

test(`${many} tasks are canceled at once, and no other batch notices`, { timeout }, async () => {
  await create("many", many);
  const others = liveBeside(place);
  const began = performance.now();
  const bulk = await ask({ action: "cancel", tasks: { kind: "many" }, reason: "wrong input" });
  const over = await ended(bulk).finally(() => others.stop());
  console.log(`canceled, ${Math.round(performance.now() - began)} ms: ${summary(others.seen)}`);
  expect(over).toMatchObject({ state: "done", matched: many, done: many, skipped: 0, failed: 0 });
  await onceEach("many", bulk, many);
  expect(disturbed(others.seen, alone)).toEqual([]);
});

test(`each of ${some} is canceled once, though the workers are killed ${kills} times`, { timeout }, async () => {
  await create("some", some);
  const bulk = await ask({ action: "cancel", tasks: { kind: "some", status: "Pending" } });
  let reached = 0;
  for (let n = 0; n < kills; n++) {
    reached = await until(async () => {
      const { canceled } = await seen("some");
      return canceled > reached + 64 && canceled < some && canceled;
    }, endsMs);
    // All of them: one is at it.
    const members = [...cluster.workers];
    await Promise.all(members.map((member) => cluster.kill(member)));
    await Promise.all(members.map((member) => cluster.restart(member)));
  }
  // What was canceled by one that died is no longer Pending, and counts as done all the same.
  expect(await ended(bulk)).toMatchObject({ state: "done", matched: some, done: some, skipped: 0, failed: 0 });
  await onceEach("some", bulk, some);
});

/** In batches, of which none is due for a day. */
async function create(kind: string, tasks: number): Promise<void> {
  for (let left = tasks; left > 0; left -= perBatch) {
    const body = Array.from({ length: Math.min(left, perBatch) }, (_, i) => ({
      ...{ id: `t${i}`, name: `t${i}`, kind, delay_secs: 86_400 },
    }));
    const { status } = await cluster.call("POST", "/task", body);
    expect(status).toBe(201);
  }
}

async function ask(body: object): Promise<string> {
  const { status, body: asked } = await cluster.call("POST", "/bulk", body);
  expect(status).toBe(202);
  return asked.bulk_id;
}

const ended = (bulk: string) =>
  until(async () => {
    const { body } = await cluster.call("GET", `/bulk/${bulk}`);
    return body.ended_at && body;
  }, endsMs);

async function seen(kind: string): Promise<{ canceled: number }> {
  const [row] = await cluster.sql<{ canceled: number }[]>`
    select count(*)::int as canceled from task where kind = ${kind} and status = 'Canceled'`;
  return row as { canceled: number };
}

async function onceEach(kind: string, bulk: string, tasks: number): Promise<void> {
  const [row] = await cluster.sql`
    select count(*)::int as events, count(distinct task_id)::int as tasks, count(*) filter (where e.actor = ${`bulk:${bulk}`})::int as own
    from event e join task t on t.id = e.task_id where t.kind = ${kind} and e."to" = 'Canceled'`;
  expect(row).toEqual({ events: tasks, tasks, own: tasks });
}
