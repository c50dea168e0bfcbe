// What an operator wants to know of a Postgres before, or instead of, running Baton on it. Reads only.
import { missingMigrations } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";

export interface PostgresLook {
  readonly version: string;
  /** As Postgres counts them: 170004 is 17.4. */
  readonly versionNumber: number;
  /** It only follows another server, and takes no writes. */
  readonly isStandby: boolean;
  readonly encoding: string;
  /** What makes a commit durable, by the names of Postgres: `on` or `off`. */
  readonly durability: Readonly<Record<"fsync" | "full_page_writes" | "synchronous_commit", string>>;
  readonly connections: { readonly used: number; readonly max: number };
  /** By its clock, when it answered. */
  readonly at: Date;
  /** Migrations that are still to be applied; null: the database is not Baton's. */
  readonly missing: readonly string[] | null;
}

/** Opens Postgres for one piece of work, quietly, and closes it. Rejects with what Postgres or the network says. */
export async function withPostgres<T>(
  settings: Parameters<typeof openDb>[0],
  work: (db: Db) => Promise<T>,
): Promise<T> {
  const db = openDb({ ...settings, poolMinIdle: 0 }, makeLogger({ logLevel: "silent" }, "baton"));
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

export function lookAtPostgres(db: Db): Promise<PostgresLook> {
  return db.use(async (sql) => {
    const [row] = await sql<(Omit<PostgresLook, "durability" | "connections" | "missing"> & Row)[]>`
      select current_setting('server_version') as version, current_setting('server_version_num')::int as "versionNumber",
        pg_is_in_recovery() as "isStandby", current_setting('server_encoding') as encoding, clock_timestamp() as at,
        current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
        current_setting('synchronous_commit') as synchronous_commit,
        (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
        current_setting('max_connections')::int as max`;
    const { used, max, fsync, full_page_writes, synchronous_commit, ...rest } = row as NonNullable<typeof row>;
    const durability = { fsync, full_page_writes, synchronous_commit };
    return { ...rest, durability, connections: { used, max }, missing: await missingMigrations(sql) };
  });
}

type Row = PostgresLook["durability"] & PostgresLook["connections"];
