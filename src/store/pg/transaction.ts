// One transaction on a connection that is leased already.
import type { Sql } from "#store/pg/connection";
import { isAftermath, isBroken } from "#store/pg/errors";

/**
 * Takes a write that was issued and that nobody awaits: if it fails, its transaction does. So writes go out one after the other, and the
 * final ones together with the commit. What is issued after such a write sees it.
 */
export type SendWrite = (write: Promise<unknown>) => void;

/** Any error rolls everything back. */
export async function inTransaction<T>(sql: Sql, work: (sql: Sql, send: SendWrite) => Promise<T>): Promise<T> {
  const begun = sql.unsafe("begin").execute();
  begun.catch(() => {});
  const writes: Promise<unknown>[] = [];
  try {
    const result = await work(sql, (write) => {
      write.catch(() => {});
      writes.push(write);
    });
    const commit = sql.unsafe("commit").execute();
    // A write that failed makes this commit a rollback and every write after it fail, too: its own error tells why.
    const rest: unknown[] = [];
    const cause = (sent: Promise<unknown>) =>
      sent.catch((error) => {
        if (!isAftermath(error)) throw error;
        rest.push(error);
      });
    await Promise.all([begun, ...writes, commit].map(cause));
    if (rest.length > 0) throw rest[0];
    const { command } = await commit;
    if (command !== "COMMIT") throw new Error(`a statement of this transaction failed: ${command}`);
    return result;
  } catch (error) {
    if (!isBroken(error)) await sql.unsafe("rollback");
    throw error;
  }
}

/** A statement of this transaction from here on waits for a lock no longer than this. */
export const limitLockWait = (sql: Sql, ms: number): Promise<unknown> =>
  sql.unsafe(`set local lock_timeout = ${Math.ceil(ms)}`).execute();
