// Calls about one schedule that meet: a run again while the first is under way, and a PUT beside a DELETE.
import { afterAll, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { until } from "#test/until";
import { openApi } from "../api.ts";

const api = await openApi({ MAX_UNFINISHED_TASKS: "1" });
const { db } = api;
afterAll(api.close);
beforeEach(() => db.use((sql) => sql`truncate schedule, batch, create_key cascade`));

const gate = [{ id: "a", name: "A", kind: "gate", on_start: { kind: "Wait", params: {} } }];
const put = () => api.app.inject({ method: "PUT", url: "/schedules/s", payload: { cron: "0 0 1 1 *", batch: gate } });
const run = async () => {
  const headers = { "idempotency-key": "k" };
  const answer = await api.app.inject({ method: "POST", url: "/schedules/s/run", headers });
  return { status: answer.statusCode, body: answer.body, batch: answer.headers["x-batch-id"] };
};

/** Runs again while another process has made what the first run made, but for its commit. */
async function runBesideFirst(): ReturnType<typeof run> {
  await db.use(async (sql) => {
    await sql`drop table if exists first_run`;
    await sql`create table first_run as select * from create_key`;
    await sql`delete from create_key`;
  });
  return db
    .tx(async (sql) => {
      await sql`select pg_advisory_xact_lock(7227870, hashtext(key)) from first_run`;
      await sql`insert into create_key select * from first_run`;
      const looks = vi.spyOn(db, "tx");
      onTestFinished(() => looks.mockRestore());
      const again = run();
      let isAnswered = false;
      void again.then(() => (isAnswered = true));
      await until(() => isAnswered || looks.mock.calls.length > 1);
      return { again };
    })
    .then(({ again }) => again);
}

it("gives the answer of a run that is under way, though too many tasks are unfinished by then", async () => {
  await put();
  const first = await run();
  expect(first.status).toBe(201);
  expect(await runBesideFirst()).toEqual(first);
  const other = await api.app.inject({ method: "POST", url: "/schedules/s/run" });
  expect(other.statusCode).toBe(429);
});

it("gives the answer of a run that is under way, though the schedule is gone by then", async () => {
  await put();
  const first = await run();
  expect((await api.app.inject({ method: "DELETE", url: "/schedules/s" })).statusCode).toBe(200);
  await db.use((sql) => sql`truncate batch cascade`);
  expect(await runBesideFirst()).toEqual(first);
});

it("makes a schedule anew that goes while it is put", async () => {
  await put();
  const putting = await db.tx(async (sql) => {
    // What a DELETE does.
    await sql`select from schedule for no key update`;
    const answer = put();
    const waits = () =>
      sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await until(async () => (await waits()).length === 1);
    await sql`delete from schedule`;
    return { answer };
  });
  expect((await putting.answer).statusCode).toBe(201);
  expect((await api.get("/schedules/s")).batch).toEqual(gate);
});
