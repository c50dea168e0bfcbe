// A process that stands still in the middle of a statement: Postgres waits for it without end, with all that it has locked.
// Others end its session, and no other one.
import { expect, it } from "vitest";
import { endStalled } from "#store/maintenance/stalled";
import { openClient } from "#store/pg/connection";
import { until } from "#test/until";
import { openStage } from "../actor/stage.ts";
import { startProxy } from "./proxy.ts";

it("ends the session of a process that stopped before its statement was bound, and frees what it had locked", async () => {
  const { db, url } = await openStage();
  const line = await startProxy(Number(new URL(url).port));
  const through = new URL(url);
  through.port = `${line.port}`;
  const [stopped, healthy] = [openClient({ databaseUrl: through.href }), openClient({ databaseUrl: url })];
  await db.use((sql) => sql`insert into batch (id, total, unfinished) select gen_random_uuid(), 1, 1`);
  await healthy.sql.unsafe("begin");
  await stopped.sql.unsafe("begin");
  await stopped.sql`select from batch for update`;
  line.mode = "deafen";
  // New to this connection: it asks what the parameters are, and nobody hears the answer.
  const answer = stopped.sql`select ${"a"}::text as a`.catch((error: Error) => error.message);
  const free = () => db.use((sql) => sql`select from batch for update skip locked`);
  await until(
    async () =>
      (
        await db.use(
          (sql) => sql`
    select from pg_stat_activity where datname = current_database() and state = 'active' and wait_event = 'ClientRead'`,
        )
      ).length === 1,
  );
  expect(await endStalled(db, 60_000, [])).toEqual({ ended: 0, waiting: [] });
  const first = await until(async () => {
    const { ended, waiting } = await endStalled(db, 100, []);
    expect(ended).toBe(0);
    return waiting.length === 1 && waiting;
  });
  expect(await free()).toHaveLength(0);
  expect(await endStalled(db, 100, ["another session"])).toEqual({ ended: 0, waiting: first });
  expect(await endStalled(db, 100, first)).toEqual({ ended: 1, waiting: [] });
  await until(async () => (await free()).length === 1);
  expect(await answer).toMatch(/CONNECTION/);
  expect(await healthy.sql`select 1 as one`).toEqual([{ one: 1 }]);
  await Promise.all([healthy.sql.end({ timeout: 0 }), stopped.sql.end({ timeout: 0 }), line.close()]);
});
