// Applying updates while others hold rows: who is free is counted, who is not is counted later, and nobody waits for company
// once there are enough.
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { Counters } from "#actor/counters";
import { limits } from "#config";
import type { Answer } from "#domain/command";
import { single } from "#domain/counts";
import type { Db } from "#store/client";
import { keepIds, keptBefore, leaveOpen } from "#store/counters";
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
  const counters = new Counters({ db, flushMs, log, woken: () => {} });
  const told: (number | undefined)[] = [];
  const put = (task: string, id: string = randomUUID(), success = 1) =>
    counters.put({
      ...{ update: { task, success, failures: 0 }, bundle: single(id), place: 0 },
      storedAt: null,
      settle: (answer) => void told.push(answer?.status),
    });
  /** A message of the door, or what is left of it: an update of 1 for each of these tasks. */
  const bring = (id: string, tasks: readonly string[], only: (place: number) => boolean = () => true) => {
    const bundle = { id, size: tasks.length, isKey: false };
    for (const [place, task] of tasks.entries()) {
      const settle = (answer: Answer | null) => void told.push(answer?.status);
      const update = { task, success: 1, failures: 0 };
      if (only(place)) counters.put({ update, bundle, place, storedAt: null, settle });
    }
  };
  return { counters, told, put, bring };
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

it("counts those whose task is free; the others when it is, however long somebody else holds it", async () => {
  const { counters, told, put } = counting();
  const [held, free] = ids as [string, string];
  const other = await hold(held);
  const before = tries();
  put(held);
  for (let n = 0; n < 3; n++) {
    put(free);
    await until(() => told.length === n + 1);
  }
  // Also after it has waited for the row itself.
  await until(() => tries() > before + 2 * limits.busyTriesMax);
  put(free);
  await until(() => told.length === 4);
  await other.letGo();
  await counters.idle();
  expect(told).toEqual(Array(5).fill(202));
  expect((await sums()).slice(0, 2)).toEqual([1, 4]);
});
const tries = (): number =>
  Number(/baton_turns_total\{kind="counters"\} (\d+)/.exec(metrics.turns.samples().join("\n"))?.[1] ?? 0);

const lost = (): number =>
  Number(/baton_counts_lost_total\{reason="task"\} (\d+)/.exec(metrics.countsLost.samples().join("\n"))?.[1] ?? 0);

it("gathers for its interval, but no longer than until a transaction is full", async () => {
  const { told, put } = counting(600_000);
  for (let n = 0; n < limits.progressTurnMax - 1; n++) put(ids[n % ids.length] as string);
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  put(ids[0] as string);
  await until(() => told.length === limits.progressTurnMax);
  expect((await sums()).reduce((a = 0, b = 0) => a + b)).toBe(limits.progressTurnMax);
});

it("counts each of the same ids once, in whatever order two processes take them", async () => {
  const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
  const two = [counting(), counting()];
  for (const [i, { put }] of two.entries())
    for (const [n, key] of (i === 0 ? keys : keys.toReversed()).entries())
      put(ids[(i === 0 ? n : keys.length - 1 - n) % ids.length] as string, key);
  await Promise.all(two.map(({ counters }) => counters.idle()));
  expect(two.flatMap(({ told }) => told)).toEqual(Array(400).fill(202));
  expect(await sums()).toEqual([50, 50, 50, 50]);
});

it("takes the first of two updates under one key, and refuses the other, in one transaction too", async () => {
  const { counters, told, put } = counting();
  put(ids[0] as string, "key", 1);
  put(ids[0] as string, "key", 2);
  put(ids[0] as string, "key", 1);
  await counters.idle();
  expect(told).toEqual([202, 422, 202]);
  expect((await sums())[0]).toBe(1);
});

it("whoever asks what is open of a message waits for the one who did so before", async () => {
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
    expect(workers.flatMap(({ told }) => told)).toEqual(Array(16).fill(202));
    expect(await sums()).toEqual([2, 1, 1, 0]);
  });

  it("of which somebody holds a task counts in part; the rest counts once, whoever goes on with it", async () => {
    const [first, second] = [counting(), counting()];
    const [held, free, , alsoHeld] = ids as [string, string, string, string];
    const tasks = [free, held, free, alsoHeld, held];
    const [one, other] = [await hold(held), await hold(alsoHeld)];
    const id = randomUUID();
    first.bring(id, tasks);
    await until(() => first.told.length === 2);
    expect(await sums()).toEqual([0, 2, 0, 0]);
    // The first has not acked it: it comes again, to another.
    second.bring(id, tasks);
    await until(() => second.told.length === 2);
    await one.letGo();
    await until(() => first.told.length + second.told.length === 8);
    expect(await sums()).toEqual([2, 2, 0, 0]);
    await other.letGo();
    await Promise.all([first.counters.idle(), second.counters.idle()]);
    counting().bring(id, tasks);
    first.bring(id, tasks, (place) => place === 3);
    await first.counters.idle();
    expect([...first.told, ...second.told]).toEqual(Array(11).fill(202));
    expect(await sums()).toEqual([2, 2, 0, 1]);
  });

  it("of which a task is gone counts the others, and says what was lost", async () => {
    const { counters, told, bring } = counting();
    const id = randomUUID();
    const before = lost();
    bring(id, [ids[0] as string, randomUUID(), ids[1] as string]);
    await counters.idle();
    expect(lost()).toBe(before + 1);
    expect(told.toSorted()).toEqual([202, 202, 404]);
    expect(await sums()).toEqual([1, 1, 0, 0]);
  });

  it("stands for no update: one whose sum would be too large is refused, the others count", async () => {
    const { counters, told, bring } = counting();
    await db.use((sql) => sql`update task set success = ${Number.MAX_SAFE_INTEGER - 1} where id = ${ids[0] as string}`);
    const id = randomUUID();
    bring(id, [ids[0], ids[0], ids[1]] as string[]);
    await counters.idle();
    expect(told.toSorted()).toEqual([202, 202, 400]);
    expect(await sums()).toEqual([Number.MAX_SAFE_INTEGER, 1, 0, 0]);
    bring(id, [ids[0], ids[0], ids[1]] as string[]);
    await counters.idle();
    expect(await sums()).toEqual([Number.MAX_SAFE_INTEGER, 1, 0, 0]);
  });
});
