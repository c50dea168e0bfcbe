// What time it is by the clock of Postgres, by which everything is decided.
import type { Db } from "#store/pg/pool";

/** In ms since 1970. */
export async function timeOfPostgres(db: Db): Promise<number> {
  const [row] = await db.use(
    (sql) => sql<{ ms: number }[]>`select extract(epoch from clock_timestamp())::float8 * 1000 as ms`,
  );
  return (row as { ms: number }).ms;
}
