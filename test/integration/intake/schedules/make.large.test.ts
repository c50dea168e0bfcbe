// The batch of a schedule whose body is large: another thread makes it, at its time and when a person asks, so nobody else waits.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { type MakerDeps, ScheduleMaker } from "#intake/schedules/maker";
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

function makerWith(more: Partial<MakerDeps>) {
  const { config, policy, log } = deps;
  const tells = { created: () => {}, stop: () => {}, count: () => {} };
  return new ScheduleMaker({ ...{ config, policy, log, db, large }, ...tells, aliveMs: () => 60_000, ...more });
}

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
  const maker = makerWith({ created: (ms) => void created.push(ms) });
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

it("rests where it cannot be made now, and holds up no other that is made alone", async () => {
  const dedupe_strategy = [{ kind: "scheduled", status: "Pending", fields: [] }];
  const small = [{ id: "a", name: "A", kind: "other", metadata: {}, dedupe_strategy }];
  await api.app.inject({ method: "PUT", url: "/schedules/small", payload: { every_secs: 60, batch: small } });
  const now = () =>
    db.use(
      (sql) => sql`
    update schedule set next_at = now() - interval '1 s', due_at = now() - case name when 'large' then 1 else 0 end * interval '1 s'`,
    );
  const settled = async () => {
    const rows = await db.use(
      (sql) => sql`select s.name, due_at > now() + interval '5 s' as rests from schedule s order by name`,
    );
    return rows.map(({ rests }) => rests);
  };
  const make = () => Promise.reject(new Unavailable("a task that is running now could not be counted for a new rule"));
  await now();
  await makerWith({ large: { make } }).look(true);
  expect(await settled()).toEqual([true, true]);
  expect((await api.get("/schedules/small")).batches).toHaveLength(1);
  expect((await api.get("/schedules/large")).skipped).toEqual([]);

  // None is at fault while Postgres is away.
  await now();
  const away = new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      return name === "up" ? false : typeof value === "function" ? value.bind(target) : value;
    },
  });
  await expect(makerWith({ db: away, large: { make } }).look(true)).rejects.toBeInstanceOf(Unavailable);
  expect(await settled()).toEqual([false, false]);
});

it("does not wait for another worker that has it in hand by then", async () => {
  const make = () => Promise.reject(new Unavailable("locked"));
  await db.use((sql) => sql`update schedule set due_at = now() where name = 'large'`);
  await db.tx(async (sql) => {
    await sql`select from schedule where name = 'large' for no key update`;
    await makerWith({ large: { make } }).look(true);
  });
});
