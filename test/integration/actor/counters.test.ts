// Applying updates while others hold rows: who is free is counted, who is not is counted later, and nobody waits for company
// once there are enough.
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { Counters } from "#actor/counters/counters";
import { limits } from "#config";
import type { Answer } from "#domain/command";
import { single } from "#domain/counters/counts";
import type { Db } from "#store/pg/pool";
import { keepIds, keptBefore, leaveOpen } from "#store/turn/counters";
import { makeLogger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { until } from "#test/until";
import { create, openStage } from "./stage.ts";

const log = makeLogger({ logLevel: "silent" }, "test");
let db: Db;
let ids: string[];
beforeEach(async () => {
  ({ db } = await openStage());
  ({ ids } = await create(db, [{}, {}, {}, {}]));
});

function counting(flushMs = 0) {
  const armed: Date[] = [];
  const counters = new Counters({
    db,
    flushMs,
    log,
    signaled: () => {},
    armed: (at) => void armed.push(at),
    deadLetter: () => {},
  });
  const statuses: (number | undefined)[] = [];
  const put = (task: string, id: string = randomUUID(), success = 1) =>
    counters.put({
      ...{ update: { task, success, failures: 0 }, bundle: single(id), place: 0 },
      ...{ storedAt: null, acceptedMs: Date.now() },
      settle: (answer) => void statuses.push(answer?.status),
    });
  /** A message of the API, or what is left of it: an update of 1 for each of these tasks. */
  const bring = (id: string, tasks: readonly string[], only: (place: number) => boolean = () => true) => {
    const bundle = { id, size: tasks.length, isKey: false };
    for (const [place, task] of tasks.entries()) {
      const settle = (answer: Answer | null) => void statuses.push(answer?.status);
      const update = { task, success: 1, failures: 0 };
      if (only(place)) counters.put({ update, bundle, place, storedAt: null, acceptedMs: Date.now(), settle });
    }
  };
  return { counters, statuses, armed, put, bring };
}

const isSomebodyWaiting = async () => (await db.use((sql) => sql`select from pg_locks where not granted`)).length > 0;

/** Somebody else has this task until `letGo`. */
async function hold(task: string) {
  const letGo = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const gone = db.tx(async (sql) => {
    await sql`select from task where id = ${task} for update`;
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  return {
    letGo: async () => {
      letGo.resolve();
      await gone;
    },
  };
}
const sums = async () => {
  const rows = await db.use((sql) => sql<{ id: string; success: number }[]>`select id, success from task`);
  return ids.map((id) => rows.find((row) => row.id === id)?.success);
};

it("counts a heartbeat from when it was accepted, however late it is applied, and never back", async () => {
  const { counters, statuses } = counting();
  const [task = ""] = ids;
  const last = async () => {
    const rows = await db.use((sql) => sql<{ at: Date }[]>`select last_updated as at from task where id = ${task}`);
    return (rows[0] as { at: Date }).at.getTime();
  };
  const beat = async (acceptedMs: number) => {
    const update = { task, success: 0, failures: 0 };
    const settle = (answer: Answer | null) => void statuses.push(answer?.status);
    counters.put({ update, bundle: single(randomUUID()), place: 0, storedAt: null, acceptedMs, settle });
    await counters.idle();
    return last();
  };
  await db.use((sql) => sql`update task set last_updated = now() - interval '1 hour' where id = ${task}`);
  const half = Date.now() - 30 * 60_000;
  expect(await beat(half)).toBe(half);
  expect(await beat(half - 60_000)).toBe(half + 1);
  const now = Date.now();
  // The clock of NATS may be ahead.
  expect(await beat(now + 3_600_000)).toBeLessThan(now + 60_000);
  expect(statuses).toEqual([202, 202, 202]);
});

it("puts the timeout of a task in the place of the time in the queue, once a worker reports", async () => {
  const { counters, armed } = counting();
  const start = { kind: "Nats", params: { subject: "baton.work.x" } } as const;
  const made = await create(
    db,
    [{}, {}, {}, {}].map(() => ({ on_start: start, timeout: 100, max_duration_secs: 500 })),
  );
  const [running = "", other = "", claimed = "", ended = ""] = made.ids;
  await db.use(async (sql) => {
    const at = sql`first_claimed_at = now() - interval '450 s', started_at = now(), last_updated = now() - interval '1 hour'`;
    for (const id of [running, other])
      await sql`update task set status = 'Running', ${at}, due_at = now() + interval '1 day' where id = ${id}`;
    await sql`update task set status = 'Claimed', owner = 1, ${at}, due_at = now() + interval '50 s' where id = ${claimed}`;
    await sql`update task set status = 'Success', ended_at = now() where id = ${ended}`;
    await sql`update task set first_claimed_at = now() where id = ${running}`;
  });
  const acceptedMs = Date.now() - 20_000;
  for (const task of [running, other, claimed, ended]) {
    const update = { task, success: 1, failures: 0, attempt: 0 };
    counters.put({ update, bundle: single(randomUUID()), place: 0, storedAt: null, acceptedMs, settle: () => {} });
  }
  await counters.idle();
  const rows = await db.use(
    (sql) => sql<{ id: string; heard: boolean; secs: number | null }[]>`
      select id, heard, extract(epoch from due_at - ${new Date(acceptedMs)}::timestamptz)::float8 as secs from task`,
  );
  const of = (id: string) => rows.find((row) => row.id === id);
  expect(of(running)).toMatchObject({ heard: true, secs: 100 });
  // Its whole time is over before that.
  expect(of(other)?.heard).toBe(true);
  expect(of(other)?.secs).toBeLessThan(75);
  // Its timer is armed when it runs.
  expect(of(claimed)?.heard).toBe(true);
  expect(of(claimed)?.secs).toBeGreaterThan(60);
  expect(of(ended)).toMatchObject({ heard: false, secs: null });
  expect(armed.length).toBeGreaterThan(0);
});

it("takes an update of nothing for a sign of life, and counts nothing for an attempt that is over", async () => {
  const { counters, statuses } = counting();
  const [task = ""] = ids;
  const look = async () => {
    const [row] = await db.use(
      (sql) => sql<{ at: Date; success: number }[]>`select last_updated as at, success from task where id = ${task}`,
    );
    return row as { at: Date; success: number };
  };
  const put = (more: { success: number; attempt?: number }, storedAt: number | null = null) => {
    const update = { task, failures: 0, ...more };
    const settle = (answer: Answer | null) => void statuses.push(answer?.status);
    counters.put({ update, bundle: single(randomUUID()), place: 0, storedAt, acceptedMs: Date.now(), settle });
  };
  await db.use((sql) => sql`update task set attempt = 1, last_updated = now() - interval '1 hour' where id = ${task}`);
  const before = await look();
  put({ success: 3, attempt: 0 });
  put({ success: 3, attempt: 0 }, Date.now());
  await until(() => statuses.length === 2);
  expect([statuses, await look()]).toEqual([[202, 409], before]);
  put({ success: 0, attempt: 1 });
  await until(() => statuses.length === 3);
  const after = await look();
  expect(after.at.getTime()).toBeGreaterThan(before.at.getTime());
  expect(after.success).toBe(0);
});

it("counts those whose task is not locked; the others when it is free, however long that takes", async () => {
  const { counters, statuses, put } = counting();
  const [held, free] = ids as [string, string];
  const other = await hold(held);
  const before = tries();
  put(held);
  for (let n = 0; n < 3; n++) {
    put(free);
    await until(() => statuses.length === n + 1);
  }
  // Also after it has waited for the row itself.
  await until(() => tries() > before + 2 * limits.counterMissesMax);
  put(free);
  await until(() => statuses.length === 4);
  await other.letGo();
  await counters.idle();
  expect(statuses).toEqual(Array(5).fill(202));
  expect((await sums()).slice(0, 2)).toEqual([1, 4]);
});
const tries = (): number =>
  Number(/baton_turns_total\{kind="counters"\} (\d+)/.exec(metrics.turns.samples().join("\n"))?.[1] ?? 0);

const lost = (): number =>
  Number(/baton_counts_lost_total\{reason="task"\} (\d+)/.exec(metrics.countsLost.samples().join("\n"))?.[1] ?? 0);

it("collects for its interval, but no longer than until a transaction is full", async () => {
  const { statuses, put } = counting(600_000);
  for (let n = 0; n < limits.progressTurnMax - 1; n++) put(ids[n % ids.length] as string);
  await new Promise(setImmediate);
  expect(statuses).toEqual([]);
  put(ids[0] as string);
  await until(() => statuses.length === limits.progressTurnMax);
  expect((await sums()).reduce((a = 0, b = 0) => a + b)).toBe(limits.progressTurnMax);
});

it("counts each of the same ids once, in whatever order two processes take them", async () => {
  const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
  const two = [counting(), counting()];
  for (const [i, { put }] of two.entries())
    for (const [n, key] of (i === 0 ? keys : keys.toReversed()).entries())
      put(ids[(i === 0 ? n : keys.length - 1 - n) % ids.length] as string, key);
  await Promise.all(two.map(({ counters }) => counters.idle()));
  expect(two.flatMap(({ statuses }) => statuses)).toEqual(Array(400).fill(202));
  expect(await sums()).toEqual([50, 50, 50, 50]);
});

it("takes the first of two updates under one key, and refuses the other, in one transaction too", async () => {
  const { counters, statuses, put } = counting();
  put(ids[0] as string, "key", 1);
  put(ids[0] as string, "key", 2);
  put(ids[0] as string, "key", 1);
  await counters.idle();
  expect(statuses).toEqual([202, 422, 202]);
  expect((await sums())[0]).toBe(1);
});

it("a transaction that asks what is open of a message waits for the one that did so before", async () => {
  const [id, asked, goOn] = [randomUUID(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await db.use((sql) => keepIds(sql, [{ id, counts: null, open: [1, 3] }]));
  const first = db.tx(async (sql) => {
    await keptBefore(sql, [id]);
    asked.resolve();
    await goOn.promise;
    await leaveOpen(sql, [{ id, open: [3] }]);
  });
  await asked.promise;
  const second = db.tx((sql) => keptBefore(sql, [id]));
  await until(isSomebodyWaiting);
  goOn.resolve();
  await first;
  expect((await second).get(id)?.open).toEqual([3]);
});

describe("a message of many updates", () => {
  it("counts once, whole, however often it comes, and to however many", async () => {
    const workers = [counting(), counting(), counting()];
    const [a, b, c] = ids as [string, string, string];
    const id = randomUUID();
    for (const { bring } of workers) bring(id, [a, b, a, c]);
    workers[0]?.bring(id, [a, b, a, c]);
    await Promise.all(workers.map(({ counters }) => counters.idle()));
    expect(workers.flatMap(({ statuses }) => statuses)).toEqual(Array(16).fill(202));
    expect(await sums()).toEqual([2, 1, 1, 0]);
  });

  it("of which one task is locked counts in part; the rest counts once, whichever process goes on with it", async () => {
    const [first, second] = [counting(), counting()];
    const [held, free, , alsoHeld] = ids as [string, string, string, string];
    const tasks = [free, held, free, alsoHeld, held];
    const [one, other] = [await hold(held), await hold(alsoHeld)];
    const id = randomUUID();
    first.bring(id, tasks);
    await until(() => first.statuses.length === 2);
    expect(await sums()).toEqual([0, 2, 0, 0]);
    // The first has not acked it: it comes again, to another.
    second.bring(id, tasks);
    await until(() => second.statuses.length === 2);
    await one.letGo();
    await until(() => first.statuses.length + second.statuses.length === 8);
    expect(await sums()).toEqual([2, 2, 0, 0]);
    await other.letGo();
    await Promise.all([first.counters.idle(), second.counters.idle()]);
    counting().bring(id, tasks);
    first.bring(id, tasks, (place) => place === 3);
    await first.counters.idle();
    expect([...first.statuses, ...second.statuses]).toEqual(Array(11).fill(202));
    expect(await sums()).toEqual([2, 2, 0, 1]);
  });

  it("of which a task is gone counts the others, and says what was lost", async () => {
    const { counters, statuses, bring } = counting();
    const id = randomUUID();
    const before = lost();
    bring(id, [ids[0] as string, randomUUID(), ids[1] as string]);
    await counters.idle();
    expect(lost()).toBe(before + 1);
    expect(statuses.toSorted()).toEqual([202, 202, 404]);
    expect(await sums()).toEqual([1, 1, 0, 0]);
  });

  it("stands for no update: one whose sum would be too large is refused, the others count", async () => {
    const { counters, statuses, bring } = counting();
    await db.use((sql) => sql`update task set success = ${Number.MAX_SAFE_INTEGER - 1} where id = ${ids[0] as string}`);
    const id = randomUUID();
    bring(id, [ids[0], ids[0], ids[1]] as string[]);
    await counters.idle();
    expect(statuses.toSorted()).toEqual([202, 202, 400]);
    expect(await sums()).toEqual([Number.MAX_SAFE_INTEGER, 1, 0, 0]);
    bring(id, [ids[0], ids[0], ids[1]] as string[]);
    await counters.idle();
    expect(await sums()).toEqual([Number.MAX_SAFE_INTEGER, 1, 0, 0]);
  });
});
