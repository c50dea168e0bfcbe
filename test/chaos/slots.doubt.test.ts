// The one slot of a key while a worker stands still with its start call open: the task is in doubt until a call of it is
// answered, and keeps the slot for as long. Nobody else starts, as the receiver counts, also after the worker goes on.
import { beforeEach, expect, test } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { type Call, type Hold, type Receiver, startReceiver } from "#test/receiver";
import { actorOf, hasClaims } from "#test/rest";
import { expectRulesRest } from "#test/rule-invariants";
import { stays, until } from "#test/until";

/** Long enough that a loaded machine renews in time: nobody takes over who was kept from that. */
const leaseSecs = 8;
const takenOverMs = 60_000;
const restMs = 10_000;
/** Several rounds of every worker and of the sweeps. */
const watchMs = 1_500;

let cluster: Cluster;
let service: Receiver;
let hold: Hold;
let frozen: Member;
let first: string;
beforeEach(async () => {
  service = await startReceiver();
  hold = service.hold("/first");
  cluster = await startCluster({
    workers: 1,
    env: { WORKER_CLAIM_TIMEOUT_SECS: String(leaseSecs), WORKER_LOOP_INTERVAL_MS: "100" },
  });
  frozen = cluster.workers[0] as Member;
  const actor = await actorOf(cluster, frozen);
  first = await create("first", "/first", 0);
  await hasClaims(cluster, actor, 1);
  await until(() => service.to("/first").length === 1);
  await cluster.start("worker");
  await cluster.freeze(frozen);
}, 60_000);

/** One more that wants the slot. */
async function create(id: string, path: string, priority: number): Promise<string> {
  const matcher = { kind: "deploy", status: "Running", fields: [] };
  const rules = [{ type: "Concurrency", max_concurrency: 1, matcher }];
  const task = { id, name: id, kind: "deploy", priority, timeout: 600, rules, on_start: service.action(path) };
  return (await cluster.create([task]))[id] as string;
}

const events = async (id: string): Promise<string[]> =>
  (await cluster.sql<{ event: string }[]>`select event from event where task_id = ${id} order by id`).map(
    ({ event }) => event,
  );
const isInDoubt = async () => (await events(first)).includes("lease_expired");
const secondRests = () => stays(async () => service.to("/second").length === 0, watchMs);

/** NATS may hand the command to the worker that stands still: then it is 503 and not begun, and repeating it is safe. */
const accepted = (verb: string, path: string) =>
  until(
    async () => {
      const { status } = await cluster.call(verb, path);
      return status !== 503 && status;
    },
    takenOverMs,
    `${verb} ${path} is decided`,
  );

/** The first one ends, and the second one has the slot. */
async function goesOn(handle: string): Promise<void> {
  expect((await cluster.call("PATCH", handle, { status: "Success" })).status).toBe(200);
  await until(() => service.to("/second").length === 1, restMs, "the second one starts");
  await expectRulesRest(cluster.sql);
}

test("a task in doubt keeps its slot until its call is answered, whatever is more urgent", {
  timeout: 180_000,
}, async () => {
  const second = await create("second", "/second", 9);
  await until(isInDoubt, takenOverMs, "the claim is taken over");
  // It is called again under its own slot.
  await until(() => service.to("/first").length === 2, restMs, "the first one is called again");
  expect(new Set(service.to("/first").map(({ key }) => key))).toEqual(new Set([`${first}:start`]));
  await secondRests();
  await cluster.thaw(frozen);
  hold.release();
  await until(async () => (await cluster.status(first)) === "Running");
  await secondRests();
  expect(await cluster.status(second)).toBe("Pending");
  await goesOn((service.to("/first")[0] as Call).handle);
});

test("it keeps it while it is Paused, also after its worker goes on, until it is reported", {
  timeout: 180_000,
}, async () => {
  // Its row is held back from the next claim, so that it is paused while it is in doubt.
  await cluster.sql`update task set run_at = now() + interval '1 hour' where id = ${first}`;
  const second = await create("second", "/second", 9);
  await until(isInDoubt, takenOverMs, "the claim is taken over");
  expect(await accepted("PATCH", `/task/pause/${first}`)).toBe(200);
  await secondRests();
  await expectRulesRest(cluster.sql);
  await cluster.thaw(frozen);
  hold.release();
  expect(service.to("/first")).toHaveLength(1);
  await secondRests();
  expect(await cluster.status(second)).toBe("Pending");
  await goesOn((service.to("/first")[0] as Call).handle);
});

test("it gives it up when it is canceled", { timeout: 180_000 }, async () => {
  await cluster.sql`update task set run_at = now() + interval '1 hour' where id = ${first}`;
  await create("second", "/second", 9);
  await until(isInDoubt, takenOverMs, "the claim is taken over");
  await secondRests();
  expect(await accepted("DELETE", `/task/${first}`)).toBe(200);
  await until(() => service.to("/second").length === 1, restMs, "the second one starts");
  await cluster.thaw(frozen);
});
