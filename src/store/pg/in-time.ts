// A database for those who answer requests: what they read fails with `Unavailable` at once where Postgres is known to be away,
// soon after that becomes known, and at the latest when POOL_TIMEOUT_SECS are over. A frozen Postgres keeps connections open
// and says nothing, so the pool alone would let a read wait for a connection, then for its statement, and add both up.
import { limits } from "#config";
import { Unavailable } from "#domain/errors";
import type { Db } from "#store/pg/pool";

/** Writes begin only while Postgres is there; what has begun is left to the pool, since it may be committed. */
export function inTime(db: Db, limitMs: number): Db {
  const reads = new Set<(error: Unavailable) => void>();
  let watch: NodeJS.Timeout | undefined;
  const look = () => {
    if (reads.size === 0) {
      clearInterval(watch);
      watch = undefined;
    } else if (!db.up) for (const refuse of reads) refuse(away());
  };
  return {
    async use(work, timeoutMs, urgentMs) {
      if (!db.up) throw away();
      let refuse = (_: Unavailable): void => {};
      const refused = new Promise<never>((_, reject) => {
        refuse = reject;
      });
      const late = setTimeout(() => refuse(new Unavailable("the database did not answer in time")), limitMs);
      reads.add(refuse);
      watch ??= setInterval(look, limits.awayLookMs).unref();
      const running = db.use(work, timeoutMs, urgentMs);
      running.catch(() => {});
      try {
        return await Promise.race([running, refused]);
      } finally {
        clearTimeout(late);
        reads.delete(refuse);
      }
    },
    async tx(work, timeoutMs) {
      if (!db.up) throw away();
      return db.tx(work, timeoutMs);
    },
    async lend(work, timeoutMs) {
      if (!db.up) throw away();
      return db.lend(work, timeoutMs);
    },
    get up() {
      return db.up;
    },
    get upSinceMs() {
      return db.upSinceMs;
    },
    get connections() {
      return db.connections;
    },
    close: () => db.close(),
  };
}

const away = () => new Unavailable("Postgres cannot be reached");
