// Nobody waits for somebody else's batch: beside batches that are created, fail, and are stopped, paused, resumed and given
// other rules, single tasks of others go on as if nothing were there. `npm run isolation` does the same at the sizes that users
// are promised.
import { readFileSync } from "node:fs";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { seeded } from "#test/dags";
import { isLong } from "#test/long";
import { disturbed, liveBeside, type Place, placeIn, type Seen, startBare, summary } from "#test/neighbours";
import { type Receiver, startReceiver } from "#test/receiver";
import { until } from "#test/until";
import { cpuSeconds } from "../bench/cpu.ts";

/** Tasks, and dependencies of each. */
type Size = readonly [tasks: number, links: number];
const cascade: Size = isLong ? [10_000, 50] : [2_500, 20];
const largest: Size = [50_000, 20];
const swept = isLong ? 20_000 : 5_000;
const kills = 3;
const endsMs = 60_000;
/** The largest batches may take longer; what others notice of them may not. */
const largestEndsMs = 280_000;
const warmLives = 200;
const timeout = isLong ? 600_000 : 120_000;

let cluster: Cluster;
let service: Receiver;
let place: Place;
let alone: Seen;
/** What others noticed, of all that a test does: one thing hides no other. */
let faults: string[] = [];
beforeAll(async () => {
  service = await startReceiver();
  const env = { WORKER_CLAIM_TIMEOUT_SECS: "3", MAX_TASKS_PER_BATCH: "50000", MAX_LINKS_PER_BATCH: "1000000" };
  cluster = await startCluster({ workers: 2, env: { ...env, PAYLOAD_MAX_BYTES: `${2 ** 27}`, LOG_LEVEL: "warn" } });
  place = placeIn(cluster, service, await startBare());
  const quiet = liveBeside(place);
  await until(() => quiet.seen.reports.length > warmLives, 30_000);
  alone = await quiet.stop();
  console.log(`nothing else: ${summary(alone)}`);
}, 60_000);

beforeEach(() => {
  faults = [];
});

test(`${cascade.join(" × ")} links fail from the root, and no other batch notices`, { timeout }, async () => {
  const batch = await beside("created", () => create(...cascade));
  await beside("failed", () => fails(batch, cascade[0]));
  expect(faults).toEqual([]);
});

test(`${swept} tasks are paused, resumed, given rules and stopped, and no other batch notices`, {
  timeout,
}, async () => {
  const tasks = Array.from({ length: swept }, (_, i) => ({ ...named(i), delay_secs: 86_400 }));
  const { id } = await post({ tasks });
  const rules = [
    { type: "Concurrency", max_concurrency: 1, matcher: { kind: "large", status: "Running", fields: [] } },
  ];
  const sweep = (verb: string, path = "", body?: unknown) => answer(verb, `/batch/${id}${path}`, body);
  await beside("swept four times", async () => {
    expect(await sweep("POST", "/pause")).toEqual({ batch_id: id, paused: swept });
    expect(await sweep("POST", "/resume")).toEqual({ batch_id: id, resumed: swept });
    expect(await sweep("PATCH", "/rules", { kind: "large", rules })).toMatchObject({ updated_count: swept });
    expect(await sweep("DELETE")).toMatchObject({ canceled_pending: swept, already_terminal: 0 });
  });
  expect(faults).toEqual([]);
});

test(`a failure goes to its end though the worker in charge is killed ${kills} times`, { timeout }, async () => {
  const batch = await create(...cascade);
  const ends = fails(batch, cascade[0]);
  for (let left = cascade[0], n = 0; n < kills; n++) {
    left = await until(async () => within(await unfinished(batch.id), left), endsMs, "it goes on");
    const member = await until(() => inCharge(batch.id), endsMs, "a worker that lives goes on with it");
    await cluster.kill(member);
    void cluster.restart(member);
  }
  await ends;
  await until(() => cluster.workers.every(({ alive }) => alive));
});

if (isLong)
  test(`${largest.join(" × ")} links are created, run and fail, and no other batch notices`, { timeout }, async () => {
    const runs = await beside("created", () => create(...largest));
    await beside("run", async () => {
      await answer("PATCH", `/task/${runs.root}`, { status: "Success" });
      await complete(runs.id, largestEndsMs);
    });
    expect((await cluster.call("GET", `/batch/${runs.id}`)).body).toMatchObject({
      status_counts: { success: largest[0] },
    });
    const failing = await create(...largest);
    await beside("failed", () => fails(failing, largest[0], largestEndsMs));
    expect(faults).toEqual([]);
  });

interface Large {
  readonly id: string;
  /** Its first task, which is running. */
  readonly root: string;
}

/** What others see while `work` goes on, which must be next to nothing. */
async function beside<T>(what: string, work: () => Promise<T>): Promise<T> {
  const others = liveBeside(place);
  const [began, used] = [performance.now(), cpuSeconds(await processes())];
  const result = await work().finally(() => others.stop());
  const ms = Math.round(performance.now() - began);
  const cpu = Object.entries(cpuSeconds(await processes())).map(([role, secs]) => {
    return `${role} ${(secs - (used[role] ?? 0)).toFixed(1)} s`;
  });
  console.log(`${what}, ${ms} ms: ${summary(others.seen)}; CPU: ${cpu.join(", ")}`);
  for (const fault of disturbed(others.seen, alone)) faults.push(`${what}: ${fault}`);
  return result;
}

/** By role; what they use says how long the same would take on a machine that does nothing else. */
async function processes(): Promise<Record<string, number[]>> {
  const pidsOf = (role: string) => cluster.members.filter((one) => one.role === role).map(({ pid }) => pid);
  const [backend] = await cluster.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const stat = readFileSync(`/proc/${backend?.pid}/stat`, "utf8");
  const postmaster = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  return { api: pidsOf("api"), workers: pidsOf("worker"), postgres: [postmaster], test: [process.pid] };
}

const named = (i: number) => ({ id: `t${i}`, name: `task ${i}`, kind: "large" });

/** Every task needs some of the thousand before it, by chance; all of them come down from the root. */
async function create(tasks: number, links: number): Promise<Large> {
  const random = seeded("the links");
  const parentsOf = (i: number) => {
    const parents = new Set<number>();
    while (parents.size < Math.min(i, links)) parents.add(i - 1 - random.below(Math.min(i, 1_000)));
    return [...parents];
  };
  const task = (i: number) => ({
    ...named(i),
    dependencies: parentsOf(i).map((n) => ({ id: `t${n}`, requires_success: true })),
  });
  const root = { ...named(0), on_start: service.action("/root"), timeout: 3_600 };
  const { id } = await post({ tasks: [root, ...Array.from({ length: tasks - 1 }, (_, i) => task(i + 1))] });
  const running = () =>
    cluster.sql<{ id: string }[]>`select id from task where batch_id = ${id} and status = 'Running'`;
  const [row] = await until(async () => (await running()).length > 0 && running());
  return { id, root: row?.id as string };
}

/** The answer would take this process long to read. */
async function post(batch: object): Promise<{ readonly id: string }> {
  const response = await fetch(new URL("/task", cluster.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(batch),
  });
  if (response.status !== 201) throw new Error(`POST /task: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
  return { id: String(response.headers.get("x-batch-id")) };
}

/** The root fails, and all that follows is done. */
async function fails({ id, root }: Large, tasks: number, limit = endsMs): Promise<void> {
  const began = performance.now();
  await answer("PATCH", `/task/${root}`, { status: "Failure", failure_reason: "broken" });
  await complete(id, limit - (performance.now() - began));
  expect(performance.now() - began, "ms until everything had failed").toBeLessThan(limit);
  const { body } = await cluster.call("GET", `/batch/${id}`);
  expect(body).toMatchObject({ status: "failure", status_counts: { failure: tasks }, propagating: false });
}

/** The final answer, where the first one says that the rest is still to come. */
async function answer(verb: string, path: string, body?: unknown): Promise<unknown> {
  const key = { "idempotency-key": crypto.randomUUID() };
  const { status, body: given } = await until(async () => {
    const reply = await cluster.call(verb, path, body, key);
    return reply.status !== 202 && reply.status !== 503 && reply;
  }, largestEndsMs);
  expect(status).toBe(200);
  return given;
}

const complete = (id: string, limit: number) =>
  until(async () => (await unfinished(id)) === 0, Math.max(1, limit), "everything has ended");

async function unfinished(batch: string): Promise<number> {
  const [row] = await cluster.sql<{ unfinished: number }[]>`select unfinished from batch where id = ${batch}`;
  return row?.unfinished ?? Number.NaN;
}

/** It goes on, and is not at its end; else false. */
const within = (now: number, before: number): number | false => now > 0 && now < before - 1 && now;

/** The worker that did what was done last; undefined: it was killed since. */
async function inCharge(batch: string): Promise<Member | undefined> {
  const [row] = await cluster.sql<{ name: string }[]>`
    select p.name from process p join event e on e.actor = 'worker:' || p.id
    where e.batch_id = ${batch} order by e.id desc limit 1`;
  return cluster.workers.find(({ pid }) => row?.name.endsWith(`:${pid}`));
}
