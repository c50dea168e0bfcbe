// Applies the numbered migrations, forward only. Safe when ten processes start at once: the first takes the lock, the
// others wait and find nothing to do. A migration that fails leaves the schema as it was, and the error is the caller's.
import { readdir, readFile } from "node:fs/promises";
import { Unavailable } from "#domain/errors";
import type { Db } from "#store/client";
import type { Logger } from "#telemetry/log";

const folder = new URL("./migrations/", import.meta.url);
/** Any number, as long as nobody else takes it as an advisory lock. */
const lockKey = 7_227_866;
const migrationTimeoutMs = 600_000;

/** Brings the schema up to date; returns the names of the migrations that it applied. */
export async function migrate(db: Db): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const files = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(new URL(name, folder), "utf8") })),
  );
  return db.tx(async (sql) => {
    await sql.unsafe("set local statement_timeout = 0; set local lock_timeout = 0");
    await sql`select pg_advisory_xact_lock(${lockKey})`;
    await sql.unsafe(
      "create table if not exists migration (name text primary key, at timestamptz not null default now())",
    );
    const done = new Set((await sql<{ name: string }[]>`select name from migration`).map((row) => row.name));
    const applied: string[] = [];
    for (const { name, text } of files) {
      if (done.has(name)) continue;
      await sql.unsafe(text);
      await sql`insert into migration (name) values (${name})`;
      applied.push(name);
    }
    return applied;
  }, migrationTimeoutMs);
}

const againMs = 500;

/** The same database, which answers only once its schema is up to date: until then callers get `Unavailable`. */
export function withSchema(pool: Db, log: Logger): Db {
  let done = false;
  const run = async () => {
    while (!done) {
      try {
        const applied = await migrate(pool);
        done = true;
        if (applied.length > 0) log.info({ applied }, "the schema was brought up to date");
      } catch (error) {
        if (!(error instanceof Unavailable)) log.error({ err: error }, "the schema could not be brought up to date");
        await new Promise((resolve) => setTimeout(resolve, againMs).unref());
      }
    }
  };
  void run();
  const gate = () => {
    if (!done) throw new Unavailable("the database is not ready yet");
  };
  return {
    use: async (work, timeoutMs, urgent) => {
      gate();
      return pool.use(work, timeoutMs, urgent);
    },
    tx: async (work, timeoutMs) => {
      gate();
      return pool.tx(work, timeoutMs);
    },
    get up() {
      return done && pool.up;
    },
    close: () => pool.close(),
  };
}
