// The only way to Postgres: a pool of single connections, each leased to one caller at a time.
// A connection that saw a broken socket or a time-out is thrown away with its client and never used again: postgres.js
// may otherwise hand an old error, or no answer at all, to the next caller. No caller waits longer than POOL_TIMEOUT_SECS
// for a connection: then, and when Postgres cannot be reached, it gets `Unavailable`, and nothing was done.
import { setTimeout as sleep } from "node:timers/promises";
import { type Config, limits } from "#config";
import { Unavailable } from "#domain/errors";
import { type Client, openClient, type Sql } from "#store/pg/connection";
import { ConnectionLost, isBroken } from "#store/pg/errors";
import { LongWork, within } from "#store/pg/long-work";
import { SlowWork } from "#store/pg/slow";
import { inTransaction, type SendWrite } from "#store/pg/transaction";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export type { Sql } from "#store/pg/connection";

export interface Db {
  /**
   * Leases a connection for `work`, which ends within `timeoutMs` or fails with `Unavailable`. With `urgentMs` it is first in the
   * queue, and where it has waited for so long, work that may take longer than others gives way: it fails with `Unavailable`.
   */
  use<T>(work: (sql: Sql) => Promise<T>, timeoutMs?: number, urgentMs?: number): Promise<T>;
  /** The same within one transaction. Any error rolls everything back. */
  tx<T>(work: (sql: Sql, send: SendWrite) => Promise<T>, timeoutMs?: number): Promise<T>;
  /**
   * Lends the place of one connection to another thread, which opens that itself, until `work` ends. Fails with `Unavailable`
   * where no place becomes free in time, or where the borrower must give way.
   */
  lend(work: (borrowed: { pid: number }) => Promise<void>, timeoutMs: number): Promise<void>;
  /** Whether Postgres answered lately; follows within 5 s. */
  readonly up: boolean;
  /** Since when, by the monotonic clock; infinite while it is away. */
  readonly upSinceMs: number;
  /** Connections that are open, and those of them that are idle. */
  readonly connections: { readonly open: number; readonly idle: number };
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
  readonly #long = new LongWork();
  readonly #slow: SlowWork;
  #leased = 0;
  #upSinceMs = Number.POSITIVE_INFINITY;
  #lastAnswer = 0;
  /** Why Postgres cannot be reached, as far as it was logged since it last answered. */
  readonly #reasons = new Set<string>();
  /** Work is under way that may take so long: until then silence means nothing. */
  #silentUntil = 0;
  #closed = false;

  constructor(settings: Settings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.#slow = new SlowWork(settings.slowQueryThresholdMs, log);
    this.#keeper = setInterval(() => void this.#keep(), limits.pingIntervalMs);
    void this.#keep();
  }

  get up(): boolean {
    return Number.isFinite(this.#upSinceMs);
  }

  get upSinceMs(): number {
    return this.#upSinceMs;
  }

  get connections(): { readonly open: number; readonly idle: number } {
    return { open: this.#idle.length + this.#leased, idle: this.#idle.length };
  }

  async use<T>(
    work: (sql: Sql) => Promise<T>,
    timeoutMs: number = limits.workTimeoutMs,
    urgentMs?: number,
  ): Promise<T> {
    const giveUpAt = performance.now() + this.#settings.poolTimeoutSecs * 1000;
    await this.#permit(urgentMs);
    this.#silentUntil = Math.max(this.#silentUntil, performance.now() + timeoutMs);
    let client: Client | undefined;
    let startedMs = 0;
    try {
      client = this.#reuse() ?? (await this.#connect(giveUpAt));
      client.sent.length = 0;
      startedMs = performance.now();
      const { sql } = client;
      const result = await within(
        timeoutMs,
        timeoutMs > limits.workTimeoutMs ? this.#long.run(client, () => work(sql)) : work(sql),
      );
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
      throw new ConnectionLost(error);
    } finally {
      if (client) this.#slow.ended(client.sent, startedMs, performance.now());
      this.#free();
    }
  }

  tx<T>(work: (sql: Sql, send: SendWrite) => Promise<T>, timeoutMs?: number): Promise<T> {
    return this.use((sql) => inTransaction(sql, work), timeoutMs);
  }

  async lend(work: (borrowed: { pid: number }) => Promise<void>, timeoutMs: number): Promise<void> {
    await this.#permit();
    const startedMs = performance.now();
    this.#silentUntil = Math.max(this.#silentUntil, startedMs + timeoutMs);
    const { poolMaxSize, slowQueryThresholdMs } = this.#settings;
    while (this.#idle.length + this.#leased > poolMaxSize && this.#idle.length > 0)
      void this.#idle.shift()?.client.sql.end({ timeout: 1 });
    const borrowed = { pid: 0 };
    try {
      await (timeoutMs > limits.workTimeoutMs ? this.#long.run(borrowed, () => work(borrowed)) : work(borrowed));
    } finally {
      // The borrower logs it; the metrics of another thread are not those of the process.
      if (performance.now() - startedMs > slowQueryThresholdMs) metrics.dbSlowQueries.add(1);
      this.#free();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#keeper);
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(new Unavailable("shutting down"));
    await Promise.all(this.#idle.splice(0).map(({ client }) => client.sql.end({ timeout: 1 })));
  }

  #permit(urgentMs?: number): Promise<void> {
    if (this.#closed) return Promise.reject(new Unavailable("shutting down"));
    if (this.#leased < this.#settings.poolMaxSize) {
      this.#leased++;
      return Promise.resolve();
    }
    const asked = performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        clearTimeout(urgency);
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(new Unavailable("no database connection became free in time"));
      }, this.#settings.poolTimeoutSecs * 1000);
      const urgency = setTimeout(() => this.#long.giveWay(), urgentMs);
      if (urgentMs === undefined) clearTimeout(urgency);
      const waiter = {
        grant: () => {
          clearTimeout(timer);
          clearTimeout(urgency);
          metrics.dbPoolWaitSeconds.observe((performance.now() - asked) / 1000);
          resolve();
        },
        refuse: (error: Error) => {
          clearTimeout(timer);
          clearTimeout(urgency);
          reject(error);
        },
      };
      if (urgentMs !== undefined) this.#waiting.unshift(waiter);
      else this.#waiting.push(waiter);
    });
  }

  #free(): void {
    const next = this.#waiting.shift();
    if (next) next.grant();
    else this.#leased--;
    metrics.dbPoolInUse.set(this.#leased);
  }

  /** The connection that was used last; those that broke while they were idle are forgotten. */
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
      const beganMs = performance.now();
      try {
        await within(
          Math.max(1, Math.min(limits.connectTimeoutMs + 500, giveUpAt - performance.now())),
          this.#long.greet(client),
        );
        this.#answered();
        return client;
      } catch (error) {
        void client.sql.end({ timeout: 0 }).catch(() => {});
        this.#lost(error, beganMs);
        const pause = Math.random() * limits.connectRetryMs * 2 ** attempt;
        if (this.#closed || attempt >= this.#settings.poolAcquireRetries || performance.now() + pause > giveUpAt)
          throw new Unavailable("Postgres cannot be reached", [], {
            cause: error,
          });
        await sleep(pause);
      }
    }
  }

  #answered(): void {
    this.#lastAnswer = performance.now();
    if (this.up) return;
    this.#reasons.clear();
    this.#log.info("Postgres answers");
    this.#upSinceMs = performance.now();
  }

  /**
   * What was tried since then failed: Postgres counts as away, unless it has answered somebody else meanwhile. Logs each reason once:
   * a wrong password is no reason to end, and would otherwise be silent.
   */
  #lost(error: unknown, beganMs: number): void {
    if (this.#lastAnswer > beganMs) return;
    const reason = reasonOf(error);
    if (!this.#reasons.has(reason)) this.#log.warn({ err: error }, "Postgres cannot be reached");
    this.#reasons.add(reason);
    this.#upSinceMs = Number.POSITIVE_INFINITY;
  }

  /** Asks whether Postgres is there when no other query does, keeps POOL_MIN_IDLE connections open and closes surplus ones. */
  async #keep(): Promise<void> {
    if (this.#leased >= this.#settings.poolMaxSize) {
      const now = performance.now();
      if (now - this.#lastAnswer > limits.silenceMs && now > this.#silentUntil)
        this.#upSinceMs = Number.POSITIVE_INFINITY;
      return;
    }
    if (performance.now() - this.#lastAnswer > limits.pingIntervalMs || !this.up) {
      const beganMs = performance.now();
      await this.use((sql) => sql`select 1`, limits.connectTimeoutMs).catch((error) => this.#lost(error, beganMs));
    }
    const { poolMaxSize, poolMinIdle } = this.#settings;
    const old = performance.now() - limits.idleConnectionMs;
    while (this.#idle.length + this.#leased > poolMinIdle && this.#idle[0] && this.#idle[0].since < old)
      void this.#idle.shift()?.client.sql.end({ timeout: 1 });
    if (!this.up || this.#closed) return;
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

/** The code of an error, or of what caused it: a message may hold what differs each time. */
function reasonOf(error: unknown): string {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  return error instanceof Unavailable && cause !== undefined ? reasonOf(cause) : String(code);
}

/** Opens the pool; never fails: while Postgres is away, `up` is false and callers get `Unavailable`. */
export const openDb = (settings: Settings, log: Logger): Db => new Pool(settings, log);
