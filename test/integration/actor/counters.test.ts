// Applying updates while others hold rows: who is free is counted, who is not is counted later, and nobody waits for company
// once there are enough.
import { randomUUID } from "node:crypto";
import { beforeEach, expect, it } from "vitest";
import { Counters } from "#actor/counters";
import { limits } from "#config";
import type { Db } from "#store/client";
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
      update: { id, task, success, failures: 0 },
      storedAt: null,
      settle: (answer) => void told.push(answer?.status),
    });
  return { counters, told, put };
}
const sums = async () => {
  const rows = await db.use((sql) => sql<{ id: string; success: number }[]>`select id, success from task`);
  return ids.map((id) => rows.find((row) => row.id === id)?.success);
};

it("counts those whose task is free; the others when it is, however long somebody else holds it", async () => {
  const { counters, told, put } = counting();
  const [held, free] = ids as [string, string];
  const holding = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const other = db.tx(async (sql) => {
    await sql`select from task where id = ${held} for update`;
    locked.resolve();
    await holding.promise;
  });
  await locked.promise;
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
  holding.resolve();
  await other;
  await counters.idle();
  expect(told).toEqual(Array(5).fill(202));
  expect((await sums()).slice(0, 2)).toEqual([1, 4]);
});
const tries = (): number =>
  Number(/baton_turns_total\{kind="counters"\} (\d+)/.exec(metrics.turns.samples().join("\n"))?.[1] ?? 0);

it("gathers for its interval, but no longer than until a transaction is full", async () => {
  const { told, put } = counting(600_000);
  for (let n = 0; n < limits.progressUpdatesMax - 1; n++) put(ids[n % ids.length] as string);
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  put(ids[0] as string);
  await until(() => told.length === limits.progressUpdatesMax);
  expect((await sums()).reduce((a = 0, b = 0) => a + b)).toBe(limits.progressUpdatesMax);
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
