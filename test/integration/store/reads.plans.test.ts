// What the statements that somebody waits for read does not grow with what is stored: each is run on a database with 300,000
// ended tasks and on a small one, and Postgres counts the pages that it read. Not by time, which depends on the machine.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "#config";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { makeFull } from "#test/fill";
import { fillLimitMs, fullDatabase } from "#test/full";
import { apart, type Known, known, plans } from "#test/plans";
import { freshDatabase } from "#test/services";

const folders = ["read", "read/operators", "bulk", "schedules", "create", "events"];
const smallTasks = 3_000;
/** Levels of an index, a free page, a page of a list that is not sorted in yet. */
const fewPages = 200;

const open = (databaseUrl: string): Db => {
  const config = loadConfig({ DATABASE_URL: databaseUrl, NATS_URL: "nats://localhost", HOST_URL: "http://localhost" });
  return openDb({ ...config, poolMaxSize: 1, poolMinIdle: 1 }, makeLogger({ logLevel: "silent" }, "test"));
};

/** Pages of tables and indexes that the one connection has read so far. */
const pagesRead = async (db: Db): Promise<number> => {
  // Counts are reported when the connection is idle again, after the statement that asks for it.
  await db.use((sql) => sql`select pg_stat_force_next_flush()`);
  const [row] = await db.use(
    (sql) => sql<{ n: number }[]>`
      select sum(coalesce(hits, 0) + coalesce(reads, 0))::bigint as n from pg_stat_get_backend_io(pg_backend_pid())
      where object = 'relation'`,
  );
  return row?.n ?? Number.NaN;
};

async function measure(db: Db, name: string, ids: Known): Promise<number> {
  const { run } = plans[name] as (typeof plans)[string];
  // The first time also reads the catalogs. So does one that comes when the server process was late with what other databases have
  // changed meanwhile, so what the statement itself reads is the least of several.
  await run(db, ids);
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 3; n++) {
    const before = await pagesRead(db);
    await run(db, ids);
    least = Math.min(least, (await pagesRead(db)) - before);
  }
  return least;
}

describe("with 300,000 ended tasks and with few", () => {
  let [full, small]: { db: Db; ids: Known }[] = [];
  beforeAll(async () => {
    const url = await freshDatabase();
    await makeFull(url, smallTasks);
    [full, small] = await Promise.all(
      [await fullDatabase(), url].map(async (each) => {
        const db = open(each);
        return { db, ids: await known(db) };
      }),
    );
    return () => Promise.all([full?.db.close(), small?.db.close()]);
  }, fillLimitMs);

  it.each(Object.keys(plans))("%s", async (name) => {
    if (!full || !small) throw new Error("nothing is filled");
    const few = await measure(small.db, name, small.ids);
    const many = await measure(full.db, name, full.ids);
    expect(few).toBeGreaterThan(0);
    expect(many, `${few} pages on the small database`).toBeLessThanOrEqual(plans[name]?.most ?? 3 * few + fewPages);
  });
});

it("every statement that a caller waits for has a plan", async () => {
  const store = join(import.meta.dirname, "../../../src/store");
  const verbs = new Set(Object.values(plans).flatMap((plan) => plan.verbs));
  const missing: string[] = [];
  for (const folder of folders)
    for (const file of readdirSync(join(store, folder)).filter((name) => name.endsWith(".ts"))) {
      const module = (await import(join(store, folder, file))) as Record<string, unknown>;
      for (const [name, value] of Object.entries(module))
        if (typeof value === "function" && !verbs.has(name) && !apart.has(name))
          missing.push(`${folder}/${file}: ${name}`);
    }
  expect(missing).toEqual([]);
});
