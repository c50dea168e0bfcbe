// The days of the log of events: rows go where their time says, days are made ahead by several at once, what has no day is
// not lost, and retention drops whole days, but none that a batch still needs.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { eventsAfter, placeOf, resumeAfter } from "#store/events/log";
import { clearDefault, dropOldest, makeDays } from "#store/events/partitions";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";

const open = (databaseUrl: string): Db =>
  openDb(
    {
      ...{ databaseUrl, poolMaxSize: 4, poolMinIdle: 0, poolAcquireRetries: 3, poolTimeoutSecs: 10 },
      slowQueryThresholdMs: 60_000,
    },
    makeLogger({ logLevel: "silent" }, "test"),
  );

let url: string;
let db: Db;
let sql: postgres.Sql;
beforeAll(async () => {
  url = await freshDatabase();
  db = open(url);
  await migrate(db);
  sql = postgres(url, {
    max: 3,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  }) as unknown as postgres.Sql;
});
afterAll(async () => {
  await Promise.all([db.close(), sql.end()]);
});
beforeEach(async () => {
  await sql`truncate event, batch cascade`;
  await sql`update event_dropped set upto = 0`;
  for (const name of (await days()).map((day) => `event_${day}`)) await sql`drop table ${sql(name)}`;
  await makeDays(db, 2);
});

const days = async (): Promise<string[]> =>
  (
    await sql<{ day: string }[]>`
      select right(c.relname, 8) as day from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'event'::regclass and c.relname <> 'event_default' order by 1`
  ).map(({ day }) => day);
const dayMs = 86_400_000;
const day = (n: number) => new Date(Date.now() + n * dayMs).toISOString().slice(0, 10).replaceAll("-", "");
const write = async (n: number, batch: string = randomUUID()): Promise<number> => {
  const [row] = await sql<{ id: number }[]>`
    insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
    values (${randomUUID()}, ${batch}, 'Pending', 'Claimed', 'claim', now() + ${n} * interval '1 day', 0, 'worker:1') returning id`;
  return row?.id ?? 0;
};
const placed = () =>
  sql<
    { id: number; of: string }[]
  >`select id, replace(tableoid::regclass::text, 'event_', '') as of from event order by id`;
const makeDay = (n: number) => sql`select event_day((now() at time zone 'UTC')::date + ${n}::int)`;
const addBatch = (createdDay: number, completedDay: number | null) => sql`
  insert into batch (id, total, unfinished, succeeded, created_at, completed_at)
  values (${randomUUID()}, 1, ${completedDay === null ? 1 : 0}, ${completedDay === null ? 0 : 1}, now() + ${createdDay} * interval '1 day',
    now() + ${completedDay} * interval '1 day')`;

it("has today and the next days, however many processes make them at once", async () => {
  expect(await days()).toEqual([day(0), day(1), day(2)]);
  const several = Array.from({ length: 6 }, () => open(url));
  onTestFinished(async () => void (await Promise.all(several.map((one) => one.close()))));
  await Promise.all(several.map((one) => until(() => makeDays(one, 4))));
  expect(await days()).toEqual([0, 1, 2, 3, 4].map(day));
});

it("puts each event into its day, and one that has none into the default", async () => {
  const ids = [await write(0), await write(1), await write(-3), await write(400)];
  expect([...(await placed())]).toEqual([
    { id: ids[0], of: day(0) },
    { id: ids[1], of: day(1) },
    { id: ids[2], of: "default" },
    { id: ids[3], of: "default" },
  ]);
});

it("leaves a day in the default that has begun there, and makes the others", async () => {
  await write(4);
  await makeDays(db, 5);
  expect(await days()).toEqual([0, 1, 2, 3, 5].map(day));
  const id = await write(4);
  expect((await placed()).at(-1)).toEqual({ id, of: "default" });
});

it("keeps no writer waiting, and does not wait long for one", async () => {
  const other = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => other.end({ timeout: 1 }));
  await other.unsafe("begin");
  await other`insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
    values (${randomUUID()}, ${randomUUID()}, 'Pending', 'Claimed', 'claim', now() + interval '20 days', 0, 'w')`;
  // Whoever writes into the default keeps new days away; nothing fails, and others write meanwhile.
  expect(await makeDays(db, 4)).toBe(false);
  await write(0);
  await other.unsafe("commit");
  expect(await makeDays(db, 4)).toBe(true);
  expect(await days()).toEqual([0, 1, 2, 3, 4].map(day));
});

it("drops whole days that are past retention, the oldest first, and notes up to which id", async () => {
  for (const n of [-12, -11, -9]) await makeDay(n);
  const ids = [await write(-12), await write(-11), await write(-9), await write(0)];
  expect(await dropOldest(db, 10)).toBe(`event_${day(-12)}`);
  expect((await resumeAfter(db, 0)).dropped).toBe(ids[0]);
  expect(await dropOldest(db, 10)).toBe(`event_${day(-11)}`);
  expect(await dropOldest(db, 10)).toBeNull();
  expect((await placed()).map(({ id }) => id)).toEqual(ids.slice(2));
  expect((await resumeAfter(db, ids[0] as number)).dropped).toBe(ids[1]);
  expect((await resumeAfter(db, ids[1] as number)).dropped).toBeNull();
});

it.each([
  ["is unfinished", -13, null, true],
  ["was completed lately", -13, -3, true],
  ["is past retention itself, and not deleted yet", -13, -11, true],
  ["was created later", -11, null, false],
] as const)("keeps a day while a batch that may have events there %s", async (_, created, completed, kept) => {
  await makeDay(-12);
  await write(-12);
  await addBatch(created, completed);
  expect(await dropOldest(db, 10)).toBe(kept ? null : `event_${day(-12)}`);
});

it("does not drop what another transaction reads, and tries again", async () => {
  await makeDay(-12);
  await write(-12);
  const other = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => other.end({ timeout: 1 }));
  await other.unsafe("begin; select count(*) from event");
  expect(await dropOldest(db, 10)).toBe(false);
  await write(0);
  await other.unsafe("commit");
  expect(await dropOldest(db, 10)).toBe(`event_${day(-12)}`);
});

it("clears the default of what is past retention, row by row", async () => {
  const ids = [await write(-14), await write(-13), await write(-13), await write(-5)];
  expect(await clearDefault(db, 10, 2)).toBe(2);
  expect(await clearDefault(db, 10, 2)).toBe(1);
  expect(await clearDefault(db, 10, 2)).toBe(0);
  expect((await placed()).map(({ id }) => id)).toEqual([ids[3]]);
  expect((await resumeAfter(db, 0)).dropped).toBe(ids[2]);
  await write(-13);
  await addBatch(-14, null);
  expect(await clearDefault(db, 10, 2)).toBe(0);
});

it("finds the place after an event, without looking at more days than it must", async () => {
  for (const n of [-6, -5, -4, -3]) await makeDay(n);
  const ids = [await write(-6), await write(-4), await write(-3), await write(0)];
  const from = async (id: number) => db.use((one) => placeOf(one, id));
  const place = await from(ids[2] as number);
  expect(place.since.getTime()).toBeGreaterThanOrEqual(Date.now() - 5 * dayMs);
  for (const [i, id] of ids.entries())
    expect((await eventsAfter(db, await from(id), 10)).map((event) => event.id)).toEqual(ids.slice(i + 1));
  expect((await eventsAfter(db, await from(0), 10)).map((event) => event.id)).toEqual(ids);
  const [plan] = await sql.unsafe<{ "QUERY PLAN": string }[]>(
    `explain (format json) select id from event e where e.id > ${ids[2]} and e.at >= '${place.since.toISOString()}' order by id`,
  );
  const text = JSON.stringify(plan);
  expect([text.includes(`event_${day(-6)}`), text.includes(`event_${day(-3)}`)]).toEqual([false, true]);
});
