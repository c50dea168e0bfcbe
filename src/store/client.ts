// The only way to Postgres: a pool of single connections, each leased to one caller at a time.
// A connection that saw a broken socket or a time-out is thrown away with its client and never used again: postgres.js
// may otherwise hand an old error, or no answer at all, to the next caller. No caller waits longer than POOL_TIMEOUT_SECS
// for a connection: then, and when Postgres cannot be reached, it gets `Unavailable`, and nothing was done.
import { type Config, limits } from "#config";
import { Unavailable } from "#domain/errors";
import { type Client, openClient, type Sql } from "#store/connection";
import { isAftermath, isBroken } from "#store/faults";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export type { Sql } from "#store/connection";

export interface Db {
  /** Leases a connection for `work`, which ends within `timeoutMs` or fails with `Unavailable`. Urgent work is first in the queue. */
  use<T>(work: (sql: Sql) => Promise<T>, timeoutMs?: number, urgent?: "urgent"): Promise<T>;
  /**
   * The same within one transaction. `last` takes the final writes: they are sent together with the commit, without a
   * round trip in between. Any error rolls everything back.
   */
  tx<T>(work: (sql: Sql, last: (write: Promise<unknown>) => void) => Promise<T>, timeoutMs?: number): Promise<T>;
  /** Whether Postgres answered lately; follows within 5 s. */
  readonly up: boolean;
  close(): Promise<void>;
}

type Settings = Pick<
  Config,
  "databaseUrl" | "poolMaxSize" | "poolMinIdle" | "poolAcquireRetries" | "poolTimeoutSecs" | "slowQueryThresholdMs"
>;

class Pool implements Db {
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #idle: { client: Client; since: number }[] = [];
  readonly #waiting: { grant: () => void; refuse: (error: Error) => void }[] = [];
  readonly #keeper: NodeJS.Timeout;
  #leased = 0;
  #up = false;
  #lastAnswer = 0;
  /** Work is under way that may take so long: until then silence means nothing. */
  #patientUntil = 0;
  #closed = false;

  constructor(settings: Settings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.#keeper = setInterval(() => void this.#keep(), limits.pingIntervalMs);
    void this.#keep();
  }

  get up(): boolean {
    return this.#up;
  }

  async use<T>(
    work: (sql: Sql) => Promise<T>,
    timeoutMs: number = limits.workTimeoutMs,
    urgent?: "urgent",
  ): Promise<T> {
    const giveUpAt = performance.now() + this.#settings.poolTimeoutSecs * 1000;
    await this.#permit(urgent);
    this.#patientUntil = Math.max(this.#patientUntil, performance.now() + timeoutMs);
    let client: Client | undefined;
    const started = performance.now();
    try {
      client = this.#reuse() ?? (await this.#connect(giveUpAt));
      const result = await within(timeoutMs, work(client.sql));
      this.#answered();
      this.#release(client);
      return result;
    } catch (error) {
      if (!client) throw error;
      if (!isBroken(error)) {
        this.#release(client);
        throw error;
      }
      void client.sql.end({ timeout: 0 }).catch(() => {});
      metrics.dbReconnects.add(1);
      this.#log.warn({ err: error }, "a database connection broke and was thrown away");
      throw new Unavailable("the database connection broke", [], {
        cause: error,
      });
    } finally {
      const ms = performance.now() - started;
      if (ms > this.#settings.slowQueryThresholdMs) {
        metrics.dbSlowQueries.add(1);
        this.#log.warn({ ms: Math.round(ms) }, "slow database work");
      }
      this.#free();
    }
  }

  tx<T>(work: (sql: Sql, last: (write: Promise<unknown>) => void) => Promise<T>, timeoutMs?: number): Promise<T> {
    return this.use(async (sql) => {
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
    }, timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#keeper);
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(new Unavailable("shutting down"));
    await Promise.all(this.#idle.splice(0).map(({ client }) => client.sql.end({ timeout: 1 })));
  }

  #permit(urgent?: "urgent"): Promise<void> {
    if (this.#closed) return Promise.reject(new Unavailable("shutting down"));
    if (this.#leased < this.#settings.poolMaxSize) {
      this.#leased++;
      return Promise.resolve();
    }
    const asked = performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new Unavailable("no database connection became free in time"));
      }, this.#settings.poolTimeoutSecs * 1000);
      const waiter = {
        grant: () => {
          clearTimeout(timer);
          metrics.dbPoolWaitSeconds.observe((performance.now() - asked) / 1000);
          resolve();
        },
        refuse: (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      if (urgent) this.#waiting.unshift(waiter);
      else this.#waiting.push(waiter);
    });
  }

  #free(): void {
    const next = this.#waiting.shift();
    if (next) next.grant();
    else this.#leased--;
    metrics.dbPoolInUse.set(this.#leased);
  }

  /** The connection that was used last; those that broke while nobody used them are forgotten. */
  #reuse(): Client | undefined {
    for (;;) {
      const client = this.#idle.pop()?.client;
      if (client === undefined || !client.gone) return client;
      void client.sql.end({ timeout: 0 }).catch(() => {});
    }
  }

  #release(client: Client): void {
    if (this.#closed || client.gone) void client.sql.end({ timeout: 1 }).catch(() => {});
    else this.#idle.push({ client, since: performance.now() });
  }

  /** A new connection: POOL_ACQUIRE_RETRIES + 1 attempts, all within POOL_TIMEOUT_SECS. */
  async #connect(giveUpAt: number): Promise<Client> {
    for (let attempt = 0; ; attempt++) {
      const client = openClient(this.#settings);
      try {
        await within(
          Math.max(1, Math.min(limits.connectTimeoutMs + 500, giveUpAt - performance.now())),
          client.sql`select 1`,
        );
        this.#answered();
        return client;
      } catch (error) {
        void client.sql.end({ timeout: 0 }).catch(() => {});
        this.#lost(error);
        const pause = Math.random() * limits.connectRetryMs * 2 ** attempt;
        if (this.#closed || attempt >= this.#settings.poolAcquireRetries || performance.now() + pause > giveUpAt)
          throw new Unavailable("Postgres cannot be reached", [], {
            cause: error,
          });
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #answered(): void {
    this.#lastAnswer = performance.now();
    if (!this.#up) this.#log.info("Postgres answers");
    this.#up = true;
  }

  #lost(error: unknown): void {
    if (this.#up) this.#log.warn({ err: error }, "Postgres cannot be reached");
    this.#up = false;
  }

  /** Asks whether Postgres is there when nobody else did, keeps POOL_MIN_IDLE connections open and closes surplus ones. */
  async #keep(): Promise<void> {
    if (this.#leased >= this.#settings.poolMaxSize) {
      const now = performance.now();
      if (now - this.#lastAnswer > limits.silenceMs && now > this.#patientUntil) this.#up = false;
      return;
    }
    if (performance.now() - this.#lastAnswer > limits.pingIntervalMs || !this.#up) {
      await this.use((sql) => sql`select 1`, limits.connectTimeoutMs).catch((error) => this.#lost(error));
    }
    const { poolMaxSize, poolMinIdle } = this.#settings;
    const old = performance.now() - limits.idleConnectionMs;
    while (this.#idle.length + this.#leased > poolMinIdle && this.#idle[0] && this.#idle[0].since < old)
      void this.#idle.shift()?.client.sql.end({ timeout: 1 });
    if (!this.#up || this.#closed) return;
    const missing = Math.min(poolMinIdle, poolMaxSize) - this.#idle.length - this.#leased;
    await Promise.all(Array.from({ length: missing > 0 ? missing : 0 }, () => this.#add().catch(() => {})));
  }

  /** One more connection, also where another one is idle. */
  async #add(): Promise<void> {
    await this.#permit();
    try {
      this.#release(await this.#connect(performance.now() + this.#settings.poolTimeoutSecs * 1000));
    } finally {
      this.#free();
    }
  }
}

/** Opens the pool; never fails: while Postgres is away, `up` is false and callers get `Unavailable`. */
export const openDb = (settings: Settings, log: Logger): Db => new Pool(settings, log);

/** Rejects with `Unavailable` after `ms`; what was running is then of unknown outcome. */
async function within<T>(ms: number, running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unavailable(`the database did not answer within ${Math.round(ms)} ms`)), ms);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
    running.catch(() => {});
  }
}
