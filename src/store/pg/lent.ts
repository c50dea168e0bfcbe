// A database for another thread of this process. The pool counts its connections, since POOL_MAX_SIZE is of the process: each
// piece of work borrows a place there, opens a connection of its own in it, and closes that before it gives the place back.
import { type Config, limits } from "#config";
import { Unavailable } from "#domain/errors";
import { type Client, openClient } from "#store/pg/connection";
import { ConnectionLost, isBroken } from "#store/pg/errors";
import { within } from "#store/pg/long-work";
import type { Db, Sql } from "#store/pg/pool";
import { SlowWork } from "#store/pg/slow";
import { inTransaction } from "#store/pg/transaction";
import type { Logger } from "#telemetry/log";

/**
 * Runs `work` while a place is borrowed. `opened`: takes the pid of the session, so that the pool can end it where the work must
 * give way; the promise fails with `Unavailable` then, and where no place became free in time.
 */
export type Borrow = <T>(timeoutMs: number, work: (opened: (pid: number) => void) => Promise<T>) => Promise<T>;

type Settings = Pick<Config, "databaseUrl" | "slowQueryThresholdMs">;

export function openBorrowed(settings: Settings, borrow: Borrow, log: Logger): Db {
  const slow = new SlowWork(settings.slowQueryThresholdMs, log);
  const use = <T>(work: (sql: Sql) => Promise<T>, timeoutMs: number = limits.workTimeoutMs): Promise<T> =>
    borrow(timeoutMs, async (opened) => {
      const client = openClient(settings);
      const beganMs = performance.now();
      try {
        opened(await connect(client));
        return await within(timeoutMs, work(client.sql));
      } catch (error) {
        throw isBroken(error) ? new ConnectionLost(error) : error;
      } finally {
        slow.ended(client.sent, beganMs, performance.now());
        await client.sql.end({ timeout: 0 }).catch(() => {});
      }
    });
  return {
    use,
    tx: (work, timeoutMs) => use((sql) => inTransaction(sql, work), timeoutMs),
    lend: () => Promise.reject(new Error("what is borrowed is not lent again")),
    // Whoever borrows is refused while Postgres is away.
    up: true,
    upSinceMs: 0,
    connections: { open: 0, idle: 0 },
    close: async () => {},
  };
}

/** The pid of the session. */
async function connect({ sql }: Client): Promise<number> {
  try {
    const [row] = await within(
      limits.connectTimeoutMs + 500,
      sql<{ pid: number }[]>`select pg_backend_pid() as pid`.execute(),
    );
    return (row as { pid: number }).pid;
  } catch (error) {
    throw new Unavailable("Postgres cannot be reached", [], { cause: error });
  }
}
