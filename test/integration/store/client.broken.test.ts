// The pool while Postgres is not well. The driver may answer a query with an old error, or never, after a backend was
// killed; a network may swallow everything. Nobody may hang, get another's answer, or an old one's error; and everything
// must be well again by itself.
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { freshDatabase, type OwnService, ownPostgres } from "#test/services";
import { until, within } from "#test/until";
import { type NetworkLine, startProxy } from "./proxy.ts";

const log = makeLogger({ logLevel: "silent" }, "test");
const settings = {
  poolMaxSize: 1,
  poolMinIdle: 0,
  poolAcquireRetries: 3,
  poolTimeoutSecs: 5,
  slowQueryThresholdMs: 60_000,
};
const opened: Db[] = [];
let url: string;

const open = (more: Partial<typeof settings> & { databaseUrl?: string } = {}): Db => {
  const db = openDb({ databaseUrl: url, ...settings, ...more }, log);
  opened.push(db);
  return db;
};
const echo = (db: Db, n: number): Promise<number | undefined> =>
  db.use(async (sql) => (await sql<{ n: number }[]>`select ${n}::int as n`)[0]?.n);
/** The answer, or nothing where the connection was the one that broke. Any other error, or silence, is the test's. */
const echoOrNot = (db: Db, n: number) =>
  within(() => echo(db, n), 8_000, `query ${n}`).catch((error: unknown) => {
    if (error instanceof Unavailable) return null;
    throw error;
  });
const pidOf = (db: Db) =>
  db.use(async (sql) => (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid as number);
const kill = (by: Db, pid: number) => by.use((sql) => sql`select pg_terminate_backend(${pid}, 2000)`);
const killAll = (by: Db) =>
  by.use(
    (sql) => sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and application_name = 'baton'`,
  );

beforeAll(async () => {
  url = await freshDatabase();
  await open().use((sql) => sql`create table thing (id int primary key)`);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

describe("a database that is away from the start", () => {
  const away = (databaseUrl: string) => {
    const lines: string[] = [];
    const logging = makeLogger({ logLevel: "warn" }, "test", { write: (line) => lines.push(line) });
    opened.push(openDb({ databaseUrl, ...settings, poolAcquireRetries: 0 }, logging));
    return () => lines.map((line) => JSON.parse(line));
  };

  it.each([
    ["does not exist", (to: URL) => (to.pathname = "/nowhere"), /database "nowhere" does not exist/],
    ["knows no such user", (to: URL) => (to.username = "stranger"), /stranger/],
    ["is not there", (to: URL) => (to.port = "1"), /ECONNREFUSED/],
  ])("says at once why, and once, however often it is tried: it %s", async (_what, change, reason) => {
    const to = new URL(url);
    change(to);
    const lines = away(to.href);
    await until(() => lines().some(({ err }) => reason.test(err.message)));
    await Promise.allSettled(Array.from({ length: 5 }, () => opened.at(-1)?.use((sql) => sql`select 1`)));
    const said = lines().filter(({ err }) => reason.test(err.message));
    expect(said).toEqual([expect.objectContaining({ level: "warn", msg: "Postgres cannot be reached" })]);
    expect(JSON.stringify(lines())).not.toContain(new URL(url).password || "no password");
  });
});

describe("a backend that is killed", () => {
  it("during a query fails that query, and no other one after it", async () => {
    const [db, killer] = [open(), open()];
    for (let round = 0; round < 15; round++) {
      const pid = await pidOf(db);
      const sleeping = db.use((sql) => sql`select pg_sleep(20)`).catch((error: unknown) => error);
      await until(() =>
        killer
          .use((sql) => sql`select 1 from pg_stat_activity where pid = ${pid} and state = 'active'`)
          .then((r) => r.length),
      );
      await kill(killer, pid);
      expect(await within(() => sleeping, 5_000)).toBeInstanceOf(Unavailable);
      for (let n = 0; n < 3; n++) expect(await within(() => echo(db, n), 5_000)).toBe(n);
    }
  });

  it("while it is idle lets no query hang, those asked in the same turn included", async () => {
    const [db, killer] = [open({ poolMaxSize: 2 }), open()];
    for (let round = 0; round < 25; round++) {
      await kill(killer, await pidOf(db));
      const answers = await Promise.all([1, 2, 3, 4].map((n) => echoOrNot(db, n)));
      for (const [i, answer] of answers.entries()) if (answer !== null) expect(answer).toBe(i + 1);
      // At most the one whose connection it was.
      expect(answers.filter((answer) => answer === null).length).toBeLessThanOrEqual(1);
      expect(await within(() => echo(db, 9), 5_000)).toBe(9);
    }
  });

  it("with all others at once, again and again, costs only what was under way", async () => {
    const [db, killer] = [open({ poolMaxSize: 8 }), open()];
    let stop = false;
    let [right, lost] = [0, 0];
    const callers = Array.from({ length: 40 }, async (_, caller) => {
      for (let n = caller * 1_000_000; !stop; n++) {
        const answer = await echoOrNot(db, n);
        if (answer === null) lost++;
        else expect(answer).toBe(n);
        if (answer !== null) right++;
      }
    });
    for (let round = 0; round < 15; round++) {
      const before = right;
      await killAll(killer);
      await until(() => right > before + 100);
    }
    stop = true;
    await Promise.all(callers);
    expect(lost).toBeGreaterThan(0);
    expect(await Promise.all([1, 2, 3].map((n) => echo(db, n)))).toEqual([1, 2, 3]);
  });

  it.each(["last write", "statement", "nothing"])(
    "between two statements of a transaction takes all of it back (then comes a %s)",
    async (then) => {
      const [db, killer] = [open(), open()];
      for (let round = 0; round < 5; round++) {
        const cut = db.tx(async (sql, send) => {
          await sql`insert into thing values (1)`;
          const [{ pid } = { pid: 0 }] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
          await kill(killer, pid);
          // On a connection that was made anew in silence this would be a transaction of its own.
          if (then === "last write") send(sql`insert into thing values (2)`.execute());
          if (then === "statement") await sql`insert into thing values (2)`;
        });
        await expect(within(() => cut, 5_000)).rejects.toBeInstanceOf(Unavailable);
        expect(await within(() => killer.use((sql) => sql`select id from thing`), 5_000)).toEqual([]);
      }
    },
  );
});

describe("a line that is half open", () => {
  let proxy: NetworkLine;
  const through = () => {
    const way = new URL(url);
    way.port = String(proxy.port);
    return way.href;
  };
  afterEach(() => proxy.close());

  it("gives Unavailable in time, and the pool is well again once the network is", async () => {
    proxy = await startProxy(Number(new URL(url).port || 5432));
    const db = open({ databaseUrl: through(), poolMaxSize: 3, poolTimeoutSecs: 3 });
    expect(await Promise.all([1, 2, 3].map((n) => echo(db, n)))).toEqual([1, 2, 3]);
    proxy.mode = "swallow";
    const asked = performance.now();
    const lost = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((n) => db.use((sql) => sql`select ${n}::int`, 500).catch((error: unknown) => error)),
    );
    for (const error of lost) expect(error).toBeInstanceOf(Unavailable);
    // Half a second of silence for those with a line, POOL_TIMEOUT_SECS for those without.
    expect(performance.now() - asked).toBeLessThan(4_500);
    await until(() => !db.up, 6_000);
    proxy.mode = "pass";
    await until(() => db.up, 6_000);
    expect(await within(() => Promise.all([1, 2, 3, 4].map((n) => echo(db, n))), 5_000)).toEqual([1, 2, 3, 4]);
    expect(proxy.open).toBeLessThanOrEqual(3);
  });

  it("for newcomers alone is no sign that Postgres is away, where it answers others meanwhile", async () => {
    proxy = await startProxy(Number(new URL(url).port || 5432));
    const db = open({ databaseUrl: through(), poolMaxSize: 5, poolTimeoutSecs: 1, poolAcquireRetries: 0 });
    expect(await echo(db, 1)).toBe(1);
    proxy.mode = "ignore";
    const letGo = Promise.withResolvers<void>();
    const { accepted } = proxy;
    const some = Array.from({ length: 5 }, () => db.use(() => letGo.promise));
    await until(() => proxy.accepted > accepted);
    letGo.resolve();
    const ends = await Promise.allSettled(some);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(["fulfilled", "rejected"]));
    expect(db.up).toBe(true);
  });

  it("from the very start does not hold anybody longer than POOL_TIMEOUT_SECS, also those who wait for a connection", async () => {
    proxy = await startProxy(Number(new URL(url).port || 5432));
    proxy.mode = "swallow";
    const db = open({ databaseUrl: through(), poolTimeoutSecs: 3, poolAcquireRetries: 9 });
    const waits = await Promise.all(
      [1, 2, 3].map(async (n) => {
        const asked = performance.now();
        await expect(echo(db, n)).rejects.toBeInstanceOf(Unavailable);
        return performance.now() - asked;
      }),
    );
    for (const wait of waits) expect(wait).toBeLessThan(3_800);
  });

  it("that is cut in the middle of work fails that work only", async () => {
    proxy = await startProxy(Number(new URL(url).port || 5432));
    const [db, watcher] = [open({ databaseUrl: through() }), open()];
    for (let round = 0; round < 5; round++) {
      const sleeping = db.use((sql) => sql`select pg_sleep(20)`).catch((error: unknown) => error);
      await until(() =>
        watcher
          .use((sql) => sql`select 1 from pg_stat_activity where query like 'select pg_sleep(20)%'`)
          .then((r) => r.length),
      );
      proxy.cut();
      expect(await within(() => sleeping, 5_000)).toBeInstanceOf(Unavailable);
      expect(await within(() => echo(db, round), 5_000)).toBe(round);
    }
  });

  it.each([
    [0, 1],
    [2, 3],
  ])("is tried again POOL_ACQUIRE_RETRIES times: %i make %i attempts", async (poolAcquireRetries, attempts) => {
    proxy = await startProxy(Number(new URL(url).port || 5432));
    proxy.mode = "refuse";
    const db = open({ databaseUrl: through(), poolAcquireRetries });
    // The pool asks by itself now and then, so the fewest in several calls are the attempts of one.
    const seen: number[] = [];
    for (let n = 0; n < 6; n++) {
      const before = proxy.accepted;
      await expect(within(() => echo(db, n), 6_000)).rejects.toBeInstanceOf(Unavailable);
      seen.push(proxy.accepted - before);
    }
    expect(Math.min(...seen)).toBe(attempts);
  });
});

describe("a server", () => {
  it("that is away at the start is found when it comes, and again after it was away", async () => {
    const server: OwnService = await ownPostgres();
    await server.stop();
    const db = open({ databaseUrl: server.url, poolMaxSize: 3, poolMinIdle: 2, poolAcquireRetries: 0 });
    const asked = performance.now();
    await expect(echo(db, 1)).rejects.toBeInstanceOf(Unavailable);
    expect(performance.now() - asked).toBeLessThan(2_000);
    expect(db.up).toBe(false);
    for (const end of ["kill", "stop"] as const) {
      await server.start();
      await until(() => db.up, 5_000);
      expect(await within(() => echo(db, 7), 2_000)).toBe(7);
      await server[end]();
      await until(() => !db.up, 5_000);
      expect(await echoOrNot(db, 8)).toBeNull();
    }
    await server.start();
    await until(() => db.up, 5_000);
    expect(await Promise.all([1, 2, 3, 4].map((n) => echo(db, n)))).toEqual([1, 2, 3, 4]);
  });

  it("that is frozen counts as away within 5 s, and is back when it is thawed", async () => {
    const server = await ownPostgres();
    const db = open({ databaseUrl: server.url, poolMaxSize: 2 });
    expect(await echo(db, 1)).toBe(1);
    await server.freeze();
    await until(() => !db.up, 5_000);
    await expect(within(() => echo(db, 2), 8_000)).rejects.toBeInstanceOf(Unavailable);
    server.thaw();
    await until(() => db.up, 5_000);
    expect(await within(() => echo(db, 3), 5_000)).toBe(3);
  });
});
