// Tests the checks themselves: silent on a good history, and each one fires on the violation planted for it. A check that
// never fires would let every chaos test pass.
import type postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "#test/cluster";
import { brokenPromises, Crew, randomBatch, seeded } from "#test/dags";
import { deadlocks, type Ledger, leftInStreams, type Seen, violations } from "#test/invariants";
import { type Receiver, startReceiver } from "#test/receiver";
import { until } from "#test/until";

let cluster: Cluster;
let service: Receiver;
const crew = new Crew();

beforeAll(async () => {
  const random = seeded("a good history");
  service = await startReceiver();
  service.answer("*", crew.behaviour);
  cluster = await startCluster({ workers: 1, env: { WORKER_CLAIM_TIMEOUT_SECS: "2" } });
  for (let n = 0; n < 3; n++)
    await cluster.create(randomBatch(random, service, { size: 60, answerMs: 20, reportMs: 40 }));
  // One canceled while it runs, one put off, so that every kind of history is there.
  service.answer("/later", { status: 503, headers: { "retry-after": "1" } }, {});
  const { run = "", late = "" } = await cluster.create([
    { id: "run", name: "run", kind: "k", on_start: service.action("/run"), on_cancel: [service.action("/ended")] },
    { id: "late", name: "late", kind: "k", on_start: service.action("/later") },
  ]);
  await until(async () => (await cluster.status(run)) === "Running" && (await cluster.status(late)) === "Running");
  await cluster.call("DELETE", `/task/${run}`);
  await cluster.call("PATCH", `/task/${late}`, { status: "Success" });
  const rest = async () => (await violations(cluster.sql)).length === 0;
  await until(rest, 30_000).catch(async () => {
    throw new Error(JSON.stringify(await violations(cluster.sql)));
  });
}, 60_000);

const calm = (): Ledger => ({ calls: service.calls, calm: true });

test("a good history breaks none", async () => {
  expect(await violations(cluster.sql, calm())).toEqual([]);
  expect(await leftInStreams(cluster.nats.url)).toEqual([]);
  const tasks = await cluster.sql<{ id: string; status: string; attempt: number; success: number }[]>`
    select id, status::text, attempt, success::int from task`;
  expect(brokenPromises(crew.said, tasks)).toEqual([]);
  const [row] = await cluster.sql`select count(distinct status)::int as n from task`;
  expect(row?.n, "final states in the history").toBe(4);
});

const anyTask = (status: string) => `(select id from task where status = '${status}' order by id limit 1)`;
/** One end of a link whose child waits for all its parents. */
const linkToAll = (end: "child_id" | "parent_id") =>
  `select ${end} from link join task on id = child_id where not joins_any order by child_id, parent_id limit 1`;
const open = `alter table task drop constraint task_final, drop constraint task_pending;`;

/** What is done to the tables, and the check that must see it. */
const plants: Readonly<Record<string, string>> = {
  "nothing is negative or over": `alter domain nonnegative drop constraint nonnegative_check;
    update task set wait_finished = -1 where id = ${anyTask("Success")}`,
  "a batch counts its tasks": `alter table batch drop constraint batch_tallies; update batch set total = total + 1`,
  "a batch sums up its ended tasks": `update batch set ended_success = ended_success + 1`,
  "a batch knows its kinds": `delete from batch_kind`,
  "a task is found by its kind": `update task_spec set created_at = created_at - interval '1 hour' where id = ${anyTask("Success")}`,
  "a batch is complete when nothing is left": `alter table batch drop constraint batch_completion;
    update batch set completed_at = null`,
  "a complete batch is reported once": `delete from delivery where task_id is null`,
  "nothing is left to be done in portions": `insert into batch_work (batch_id, seq, kind) select id, 1, 'stop' from batch limit 1`,
  "links go down, and stay in their batch": `update task set rank = 0`,
  "everything ends": `${open} update task set status = 'Running' where id = ${anyTask("Success")}`,
  "ended_at stands with final states": `${open} update task set ended_at = null where id = ${anyTask("Success")}`,
  "a child starts after its parents": `alter table event alter id drop identity;
    update event set id = -id where id = (
      select e.id from event e join task c on c.id = e.task_id and not c.joins_any join link l on l.child_id = c.id
      where e.event = 'claim' order by e.id limit 1)`,
  "events have no gap": `delete from event where id = (select min(id) from event where event = 'claim')`,
  "events are legal": `update event set event = 'claim' where event = 'succeed'`,
  "a final state is the last": `insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
    select id, batch_id, 'Success', 'Failure', 'fail', now(), attempt, 'x' from task where id = ${anyTask("Success")}`,
  "a task is what its events say": `${open} update task set status = 'Failure' where id = ${anyTask("Success")}`,
  "an attempt begins after a backoff": `update event set attempt = 3 where task_id = ${anyTask("Success")}`,
  "waits are what the links say": `${open} update task set status = 'Waiting', wait_finished = 0, wait_success = 0
    where id = (${linkToAll("child_id")}); update task set status = 'Running' where id = (${linkToAll("parent_id")})`,
  "no parent is missing from a success": `update task set wait_finished = 1 where id = ${anyTask("Success")}`,
  "a claim has a living owner": `${open} update task set status = 'Claimed', owner = 12345 where id = ${anyTask("Success")}`,
  "a delivery is unique": `alter table delivery drop constraint delivery_key_key;
    update delivery set key = (select key from delivery limit 1)`,
  "deliveries are settled": `alter table delivery drop constraint delivery_check; update delivery set status = 'pending'`,
  "each delivery that the end asks for is written": `delete from delivery where key like '%:end:success#2'`,
  "on_cancel is called where work had begun, and nowhere else": `delete from delivery where trigger = 'cancel'`,
};

for (const [check, plant] of Object.entries(plants))
  test(`"${check}" fires on a planted violation`, async () => {
    expect(await seenAfter(plant, calm())).toContain(check);
  });

const first = (trigger: string) => service.calls.find((call) => call.trigger === trigger) as Seen;
/** What is done to the ledger (and the tables), and the check that must see it. */
const ledgers: Readonly<Record<string, { ledger: () => readonly Seen[]; plant?: string }>> = {
  "one key for each thing that is said": {
    ledger: () => [...service.calls, { ...first("start"), key: "other:start" }],
  },
  "one body for each key": { ledger: () => [...service.calls, { ...first("end"), body: { other: 1 } }] },
  "a start follows its claim": { ledger: () => service.calls, plant: "delete from event where event = 'claim'" },
  "what is started was called": { ledger: () => service.calls.filter((call) => call.trigger !== "start") },
  "a start is repeated only after its claim was taken over, or it was put off": {
    ledger: () => [...service.calls, first("start")],
  },
  "claims are taken over from the dead alone": {
    ledger: () => service.calls,
    plant: "update event set event = 'lease_expired' where event = 'start_deferred'",
  },
  "a notification has a delivery": { ledger: () => service.calls, plant: "delete from delivery" },
  "what was delivered arrived": { ledger: () => service.calls.filter((call) => call.trigger !== "end") },
  "notified too often": { ledger: () => [...service.calls, first("end")] },
};

for (const [check, { ledger, plant = "select 1" }] of Object.entries(ledgers))
  test(`"${check}" fires on a planted violation`, async () => {
    expect(await seenAfter(plant, { ...calm(), calls: ledger() })).toContain(check);
  });

test("a promise that was not kept is found", () => {
  const task = { id: "a", status: "Failure", attempt: 0, success: 1 };
  const said = { taskId: "a", attempt: 0, unsure: false };
  const put = { ...said, what: "put", status: 202, key: "1" } as const;
  expect(brokenPromises([{ ...said, what: "Success", status: 200 }], [{ ...task, success: 0 }])).toHaveLength(1);
  expect(brokenPromises([put], [{ ...task, success: 0 }])).toHaveLength(1);
  expect(brokenPromises([], [task])).toHaveLength(1);
  expect(brokenPromises([put, put], [{ ...task, success: 2 }])).toHaveLength(1);
  expect(brokenPromises([put, put], [task])).toEqual([]);
});

test("what a stream still holds is found", async () => {
  const stopped = cluster.workers[0];
  if (!stopped) throw new Error("no worker");
  await cluster.drain(stopped);
  const waiting = cluster.call("PATCH", "/task/00000000-0000-7000-8000-000000000000", { status: "Success" });
  await until(async () => (await leftInStreams(cluster.nats.url)).length > 0);
  await cluster.restart(stopped);
  expect((await waiting).status).toBe(404);
  await until(async () => (await leftInStreams(cluster.nats.url)).length === 0);
});

test("a deadlock is counted", async () => {
  expect(await deadlocks(cluster.sql)).toBe(0);
  const ids = (await cluster.sql<{ id: string }[]>`select id from batch order by id limit 2`).map(({ id }) => id);
  let arrived = 0;
  const embrace = (order: readonly string[]) =>
    cluster.sql.begin(async (sql) => {
      await sql`select 1 from batch where id = ${order[0] ?? ""} for update`;
      arrived++;
      await until(() => arrived === 2);
      await sql`select 1 from batch where id = ${order[1] ?? ""} for update`;
    });
  const ends = await Promise.allSettled([embrace(ids), embrace([...ids].reverse())]);
  expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(1);
  await until(async () => (await deadlocks(cluster.sql)) === 1);
});

afterAll(() => crew.dismiss());

/** Which checks see it, when the tables are changed; they are as before afterwards. */
async function seenAfter(plant: string, ledger: Ledger): Promise<string[]> {
  const undo = new Error("undo");
  let seen: string[] = [];
  const changed = cluster.sql.begin(async (sql) => {
    await sql.unsafe(plant).simple();
    seen = (await violations(sql as unknown as postgres.Sql, ledger)).map(({ check }) => check);
    throw undo;
  });
  await changed.catch((error) => {
    if (error !== undo) throw error;
  });
  return seen;
}
