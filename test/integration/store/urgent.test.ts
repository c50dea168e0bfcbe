// One connection for all: what is urgent goes first, and long work gives way to it and leaves nothing locked.
import { expect, it } from "vitest";
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import { type Borrow, openBorrowed } from "#store/pg/lent";
import { makeLogger } from "#telemetry/log";
import { until, within } from "#test/until";
import { openStage } from "../actor/stage.ts";

it("interrupts long work of a pool of one for what is urgent, and ends its session", async () => {
  const [{ db, url }, other] = [await openStage(1), await openStage(1)];
  await db.use((sql) => sql`create table held (id int)`);
  let began = false;
  const long = db.tx(async (sql) => {
    await sql`lock table held`;
    began = true;
    await sql`select pg_sleep(60)`;
  }, limits.bulkWorkTimeoutMs);
  long.catch(() => {});
  await until(() => began);
  await within(() => db.use((sql) => sql`select 1`, 5_000, 200), 4_000);
  await expect(long).rejects.toBeInstanceOf(Unavailable);
  const sleepers = () =>
    other.db.use(
      (sql) => sql`
        select from pg_stat_activity where datname = ${new URL(url).pathname.slice(1)} and query like '%pg_sleep(60)%'
          and application_name = 'baton'`,
    );
  await until(async () => (await sleepers()).length === 0);
  await within(() => db.use((sql) => sql`select from held`), 4_000);
});

it("lets work end that takes no longer than any other", async () => {
  const { db } = await openStage(1);
  let began = false;
  const short = db.use(async (sql) => {
    began = true;
    return sql`select pg_sleep(1)`;
  });
  await until(() => began);
  await db.use((sql) => sql`select 1`, 5_000, 50);
  await expect(short).resolves.toHaveLength(1);
});

it("interrupts what another thread does with a connection that it has borrowed", async () => {
  const { db, url } = await openStage(1);
  const borrow: Borrow = (timeoutMs, work) =>
    new Promise((resolve, reject) => {
      const run = (borrowed: { pid: number }) =>
        work((pid) => {
          borrowed.pid = pid;
        }).then(resolve, reject);
      db.lend(run, timeoutMs).catch(reject);
    });
  const log = makeLogger({ logLevel: "silent" }, "test");
  const other = openBorrowed({ databaseUrl: url, slowQueryThresholdMs: 100 }, borrow, log);
  await db.use((sql) => sql`create table held (id int)`);
  let began = false;
  const long = other.tx(async (sql) => {
    await sql`lock table held`;
    began = true;
    await sql`select pg_sleep(60)`;
  }, limits.bulkWorkTimeoutMs);
  long.catch(() => {});
  await until(() => began);
  await within(() => db.use((sql) => sql`select from held`, 5_000, 200), 4_000);
  await expect(long).rejects.toBeInstanceOf(Unavailable);
  // What is short does not give way, and the place is given back.
  expect(await other.use((sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
});
