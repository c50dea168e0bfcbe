// Applies the numbered migrations, forward only. Safe when ten processes start at once: the first takes the lock, the
// others wait and find nothing to do. A migration that fails leaves the schema as it was, and the error is the caller's.
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { Unavailable } from "#domain/errors";
import { version } from "#domain/values/version";
import type { Db, Sql } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";

const folder = new URL("../migrations/", import.meta.url);
/** Any number, that no other code takes as an advisory lock. */
const lockKey = 7_227_866;
const migrationTimeoutMs = 600_000;

/** Brings the schema up to date; returns the names of the migrations that it applied. */
export async function migrate(db: Db): Promise<string[]> {
  const names = await namesOfAll();
  const files = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(new URL(name, folder), "utf8") })),
  );
  return db.tx(async (sql) => {
    await sql.unsafe("set local statement_timeout = 0; set local lock_timeout = 0");
    await sql`select pg_advisory_xact_lock(${lockKey})`;
    if (await isForeign(sql))
      throw new ForeignSchema(
        "DATABASE_URL names a database with a table task that is not Baton's: give Baton one of its own",
      );
    await sql.unsafe(
      "create table if not exists migration (name text primary key, at timestamptz not null default now())",
    );
    const done = new Set((await sql<{ name: string }[]>`select name from migration`).map((row) => row.name));
    const needs = [...done].flatMap((name) => (name.startsWith(oldestPrefix) ? [name.slice(oldestPrefix.length)] : []));
    const tooNew = needs.find((oldest) => isOlder(version, oldest));
    if (tooNew !== undefined)
      throw new ForeignSchema(`the database needs Baton ${tooNew} or newer, and this is ${version}`);
    const stray = strayOf(names, done);
    if (stray !== undefined) throw new ForeignSchema(beforeRelease(stray));
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

/** The names of the migrations that are still to be applied; null: the database is another program's, or a Baton's before its first release. */
export async function missingMigrations(sql: Sql): Promise<string[] | null> {
  if (await isForeign(sql)) return null;
  const names = await namesOfAll();
  const [found] = await sql<{ there: boolean }[]>`select to_regclass('public.migration') is not null as there`;
  if (!found?.there) return names;
  const done = new Set((await sql<{ name: string }[]>`select name from migration`).map((row) => row.name));
  return strayOf(names, done) === undefined ? names.filter((name) => !done.has(name)) : null;
}

/**
 * A migration that was applied and is none of ours, though it would come before our last: the database was made before migrations
 * were folded. Those that come after our last are of a newer Baton.
 */
const strayOf = (names: readonly string[], done: ReadonlySet<string>): string | undefined =>
  [...done].find((name) => name.endsWith(".sql") && name < (names.at(-1) ?? "") && !names.includes(name));

const beforeRelease = (stray: string): string =>
  `the database was made by a Baton before its first release (migration ${stray}): give Baton a new one, or for npm start remove the folder .baton`;

const namesOfAll = async () => (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();

/** A table `task` of another program. */
async function isForeign(sql: Sql): Promise<boolean> {
  const [found] = await sql<{ foreign: boolean }[]>`
    select to_regclass('public.task') is not null and to_regclass('public.migration') is null as foreign`;
  return found?.foreign ?? false;
}

/** The schema is not one that this program can work with, and never will be by waiting. */
export class ForeignSchema extends Error {
  override readonly name = "ForeignSchema";
}

/** A row of the table of migrations that names the oldest program that can work with the schema. */
const oldestPrefix = "oldest program ";

function isOlder(mine: string, theirs: string): boolean {
  const [a, b] = [mine, theirs].map((text) => text.split(".").map(Number)) as [number[], number[]];
  const at = a.findIndex((part, n) => part !== (b[n] ?? 0));
  return at >= 0 && (a[at] as number) < (b[at] ?? 0);
}

const againMs = 500;

/** The same database, which answers only once its schema is up to date: until then callers get `Unavailable`. */
export function withSchema(pool: Db, log: Logger, onForeign: (error: ForeignSchema) => void): Db {
  let done = false;
  const run = async () => {
    while (!done) {
      try {
        const applied = await migrate(pool);
        done = true;
        if (applied.length > 0) log.info({ applied }, "the schema was brought up to date");
      } catch (error) {
        if (error instanceof ForeignSchema) return onForeign(error);
        if (!(error instanceof Unavailable)) log.error({ err: error }, "the schema could not be brought up to date");
        await pause(againMs, undefined, { ref: false });
      }
    }
  };
  void run();
  const gate = () => {
    if (!done) throw new Unavailable("the database is not ready yet");
  };
  return {
    use: async (work, timeoutMs, urgentMs) => {
      gate();
      return pool.use(work, timeoutMs, urgentMs);
    },
    tx: async (work, timeoutMs) => {
      gate();
      return pool.tx(work, timeoutMs);
    },
    lend: async (work, timeoutMs) => {
      gate();
      return pool.lend(work, timeoutMs);
    },
    get up() {
      return done && pool.up;
    },
    get upSinceMs() {
      return done ? pool.upSinceMs : Number.POSITIVE_INFINITY;
    },
    get connections() {
      return pool.connections;
    },
    close: () => pool.close(),
  };
}
