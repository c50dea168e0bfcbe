// The batch of a schedule whose body is large: another thread makes it, at its time and when a person asks, so nobody else waits.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ScheduleMaker } from "#intake/schedules/maker";
import { limits } from "#limits";
import { openApi } from "../../http/api.ts";

const tasks = 8_000;
const api = await openApi({
  MAX_TASKS_PER_BATCH: "20000",
  MAX_LINKS_PER_BATCH: "500000",
  PAYLOAD_MAX_BYTES: "50000000",
});
const { db, deps, large } = api;
afterAll(api.close);

/** Each needs the five before it. */
const batch = Array.from({ length: tasks }, (_, n) => ({
  ...{ id: `t${n}`, name: `T ${n}`, kind: "scheduled", metadata: { n } },
  dependencies: Array.from({ length: Math.min(5, n) }, (_, i) => ({ id: `t${n - 1 - i}`, requires_success: true })),
}));

beforeAll(async () => {
  const payload = { every_secs: 60, overlap: "allow", batch };
  expect(JSON.stringify(batch).length).toBeGreaterThan(limits.largeBodyBytes);
  const { statusCode } = await api.app.inject({ method: "PUT", url: "/schedules/large", payload });
  expect(statusCode).toBe(201);
}, 60_000);

/** The longest time in which this thread did nothing else, in ms. */
async function longestWait(act: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await act();
  delay.disable();
  return delay.max / 1e6;
}

it("is made at its time, whole, and this thread goes on meanwhile", { timeout: 60_000 }, async () => {
  await db.use((sql) => sql`update schedule set next_at = now() - interval '1 s', due_at = now()`);
  const created: (number | undefined)[] = [];
  const tells = { created: (ms: number | undefined) => void created.push(ms), stop: () => {}, count: () => {} };
  const { config, policy, log } = deps;
  const maker = new ScheduleMaker({ ...{ config, policy, log, db, large }, ...tells, aliveMs: () => 60_000 });
  const here = await longestWait(() =>
    large.make({ id: "0198c0de-0000-7000-8000-000000000000", version: 0 }, 1).catch(() => {}),
  );
  const waited = await longestWait(() => maker.look(true));
  expect(waited).toBeLessThan(Math.max(200, 4 * here));
  const [made] = await db.use((sql) => sql`select total, links, schedule from batch`);
  expect(made).toMatchObject({ total: tasks, schedule: "large" });
  expect(created).toEqual([undefined]);
});

it("is made when a person asks, and answered as any other", { timeout: 60_000 }, async () => {
  const headers = { "idempotency-key": "once" };
  const run = () => api.app.inject({ method: "POST", url: "/schedules/large/run", headers });
  const first = await run();
  expect(first.statusCode).toBe(201);
  expect(first.json()).toHaveLength(tasks);
  expect((await run()).headers["x-batch-id"]).toBe(first.headers["x-batch-id"]);
  expect(await api.get(`/batch/${first.headers["x-batch-id"]}`)).toMatchObject({
    ...{ total_tasks: tasks, schedule: { name: "large" }, created_by: "anonymous" },
  });
  expect((await api.app.inject({ method: "POST", url: "/schedules/none/run" })).statusCode).toBe(404);
});
