// How soon a task starts that may: with nothing else there, and behind tasks that one full slot holds up, first all in one
// queue, then as many again in a queue each. It has a lower priority than what is blocked, and comes later. Two systems run
// side by side and take turns, so that whatever else the machine does meets both.
import { Pool } from "undici";
import { until } from "#test/until";
import { blockedBatch, blockedTasks, blockedWarmUp, creators, startTries, startWarmUp } from "./limits.ts";
import { createBatch, runLives } from "./lives.ts";
import { machineMs } from "./messages.ts";
import type { Receiver } from "./processes.ts";

/** Milliseconds from the POST to the start call's arrival, of each try. */
export interface StartTimes {
  readonly empty: readonly number[];
  readonly blocked: readonly number[];
}
/** Of a task without rules, and of one with a rule of its own. */
export type StartForms = Readonly<Record<Form, StartTimes>>;
export type BlockedTimes = Readonly<Record<Backlog, StartForms>>;
type Form = "plain" | "ruled";
type Backlog = "oneQueue" | "manyQueues";

const priority = { held: 10, blocked: 5, admissible: -5 };
const countWaitMs = 5_000;

/** `empty` and `full`: the addresses of two systems alike; the second one gets the backlogs. */
export async function runBlocked(
  [empty, full]: readonly [string, string],
  receiver: Receiver,
  say: (line: string) => void,
): Promise<BlockedTimes> {
  const pools = { empty: new Pool(empty, { connections: creators }), full: new Pool(full, { connections: creators }) };
  // Creating the backlog makes a process faster at creating: both have done it often enough before.
  for (const url of [empty, full]) await runLives(url, receiver, blockedWarmUp);
  const behind = async (backlog: Backlog): Promise<StartForms> => {
    say(
      `starts behind ${blockedTasks.toLocaleString("en-US")} tasks, ${backlog === "oneQueue" ? "in one queue" : "in a queue each"} ...`,
    );
    const batches = await fillUp(pools.full, receiver.url, backlog);
    // Starts when every queue that is better has been looked at.
    await tryStart(pools.full, receiver, "ruled");
    const forms = {
      plain: await takeTurns(pools, receiver, "plain"),
      ruled: await takeTurns(pools, receiver, "ruled"),
    };
    for (const batch of batches) await expectCounts(pools.full, batch, { pending: blockedBatch });
    return forms;
  };
  try {
    return { oneQueue: await behind("oneQueue"), manyQueues: await behind("manyQueues") };
  } finally {
    await Promise.all([pools.empty.close(), pools.full.close()]);
  }
}

const startAt = (receiver: string, path: string) => ({
  on_start: { kind: "Webhook", params: { url: `${receiver}${path}`, verb: "Post" } },
});
const slots = (kind: string, max: number, ...fields: string[]) => ({
  type: "Concurrency",
  max_concurrency: max,
  matcher: { kind, status: "Running", fields },
});

/** Takes the one slot, then creates what waits for it; the batches of that. */
async function fillUp(pool: Pool, receiver: string, backlog: Backlog): Promise<string[]> {
  const kind = `bench.${backlog}`;
  const one = [slots(kind, 1)];
  const held = { id: "t0", name: "held", kind, priority: priority.held, timeout: 86_400, rules: one };
  const heldBatch = await createBatch(pool, JSON.stringify([{ ...held, ...startAt(receiver, "/hold") }]));
  await until(() => expectCounts(pool, heldBatch, { running: 1 }), countWaitMs);
  const apart = [...one, slots(kind, 1, "own")];
  const blocked = (i: number, n: number) => ({
    ...{ id: `t${i}`, name: `blocked ${i}`, kind, priority: priority.blocked, ...startAt(receiver, "/start") },
    ...(backlog === "oneQueue" ? { rules: one } : { rules: apart, metadata: { own: n } }),
  });
  const batches: string[] = [];
  let next = 0;
  const creator = async () => {
    while (next < blockedTasks) {
      const from = next;
      next += blockedBatch;
      const tasks = Array.from({ length: blockedBatch }, (_, i) => blocked(i, from + i));
      batches.push(await createBatch(pool, JSON.stringify(tasks)));
    }
  };
  await Promise.all(Array.from({ length: creators }, creator));
  return batches;
}

async function takeTurns(pools: { empty: Pool; full: Pool }, receiver: Receiver, form: Form): Promise<StartTimes> {
  const empty: number[] = [];
  const blocked: number[] = [];
  for (let i = 0; i < startWarmUp + startTries; i += 1) {
    empty.push(await tryStart(pools.empty, receiver, form));
    blocked.push(await tryStart(pools.full, receiver, form));
  }
  return { empty: empty.slice(startWarmUp), blocked: blocked.slice(startWarmUp) };
}

async function tryStart(pool: Pool, receiver: Receiver, form: Form): Promise<number> {
  const kind = `bench.start.${form}`;
  const rules = form === "plain" ? {} : { rules: [slots(kind, 10)] };
  const task = { id: "t0", name: "may start", kind, priority: priority.admissible, ...rules };
  const body = JSON.stringify([{ ...task, ...startAt(receiver.url, "/start") }]);
  let began = 0;
  const { calledAt, starts } = await receiver.measure(1, () => {
    began = machineMs();
    return createBatch(pool, body);
  });
  if (starts !== 1) throw new Error(`one task may start, but ${starts} did`);
  return calledAt - began;
}

/** Throws unless the tasks of the batch that are in any state are these. */
async function expectCounts(pool: Pool, batch: string, wanted: Readonly<Record<string, number>>): Promise<true> {
  const answer = await pool.request({ method: "GET", path: `/batch/${batch}` });
  const { status_counts: counts } = (await answer.body.json()) as { status_counts?: Record<string, number> };
  const found = Object.fromEntries(Object.entries(counts ?? {}).filter(([, n]) => n > 0));
  if (JSON.stringify(found) === JSON.stringify(wanted)) return true;
  throw new Error(`batch ${batch} should have ${JSON.stringify(wanted)}, but has ${JSON.stringify(found)}`);
}
