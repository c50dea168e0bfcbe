// The pool while Postgres is well: how many connections, who waits and for how long, and what one transaction promises.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Unavailable } from "#domain/errors";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { stays, until, within } from "#test/until";

const log = makeLogger({ logLevel: "silent" }, "test");
const settings = {
  poolMaxSize: 4,
  poolMinIdle: 0,
  poolAcquireRetries: 3,
  poolTimeoutSecs: 10,
  slowQueryThresholdMs: 60_000,
};
const opened: Db[] = [];
let url: string;

const open = (more: Partial<typeof settings> = {}): Db => {
  const db = openDb({ databaseUrl: url, ...settings, ...more }, log);
  opened.push(db);
  return db;
};
/** Connections of ours, the one that asks not counted. */
const connections = (db: Db) =>
  db.use(async (sql) => {
    const rows = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and application_name = 'baton' and pid <> pg_backend_pid()`;
    return rows.length;
  });
/** Holds a connection until `release`. */
function longRun(db: Db): { held: Promise<void>; release: () => void; done: Promise<void> } {
  let release = () => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  let began = () => {};
  const held = new Promise<void>((resolve) => (began = resolve));
  const done = db.use(async (sql) => {
    await sql`select 1`;
    began();
    await until;
  });
  return { held, release, done };
}

beforeEach(async () => {
  url = await freshDatabase();
  const db = open({ poolMaxSize: 1 });
  await db.use((sql) => sql`create table thing (id int primary key)`);
  await db.close();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

describe("the pool", () => {
  it("of one serves everybody, one after the other, over one connection", async () => {
    const db = open({ poolMaxSize: 1 });
    const pids = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        db.use(async (sql) => {
          const [row] = await sql<{ n: number; pid: number }[]>`select ${n}::int as n, pg_backend_pid() as pid`;
          expect(row?.n).toBe(n);
          return row?.pid;
        }),
      ),
    );
    expect(new Set(pids).size).toBe(1);
    const watcher = open({ poolMaxSize: 1 });
    expect(await connections(watcher)).toBe(1);
  });

  it("never opens more than its maximum, whatever the crowd", async () => {
    const db = open({ poolMaxSize: 3 });
    const watcher = open({ poolMaxSize: 1 });
    const crowd = Array.from({ length: 100 }, () => db.use((sql) => sql`select pg_sleep(0.005)`));
    let most = 0;
    const watching = until(async () => {
      most = Math.max(most, await connections(watcher));
      return db.use(async () => true);
    });
    await Promise.all([...crowd, watching]);
    expect(Math.max(most, await connections(watcher))).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(0);
  });

  it("keeps as many open as it is set to, and answers", async () => {
    const db = open({ poolMaxSize: 4, poolMinIdle: 3 });
    const watcher = open({ poolMaxSize: 1 });
    await until(async () => (await connections(watcher)) === 3);
    await stays(async () => (await connections(watcher)) === 3, 100);
    expect(db.up).toBe(true);
  });

  it("lets no caller wait for a connection longer than POOL_TIMEOUT_SECS", async () => {
    const db = open({ poolMaxSize: 1, poolTimeoutSecs: 1 });
    const { held, release, done } = longRun(db);
    await held;
    const asked = performance.now();
    const waiting = await Promise.allSettled(Array.from({ length: 5 }, () => db.use((sql) => sql`select 1`)));
    const waited = performance.now() - asked;
    for (const one of waiting) expect((one as PromiseRejectedResult).reason).toBeInstanceOf(Unavailable);
    expect(waited).toBeGreaterThan(900);
    expect(waited).toBeLessThan(3_000);
    release();
    await done;
    expect(await within(() => db.use((sql) => sql`select 2 as n`), 2_000)).toMatchObject([{ n: 2 }]);
  });

  it("hands a connection over in the order of asking", async () => {
    const db = open({ poolMaxSize: 1 });
    const { held, release, done } = longRun(db);
    await held;
    const order: number[] = [];
    const waiting = [0, 1, 2, 3].map((n) => db.use(async () => void order.push(n)));
    release();
    await Promise.all([done, ...waiting]);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it("refuses those who wait, and newcomers, once it is closed", async () => {
    const db = open({ poolMaxSize: 1 });
    const { held, release, done } = longRun(db);
    await held;
    const waiting = db.use((sql) => sql`select 1`).catch((error: unknown) => error);
    await db.close();
    expect(await waiting).toBeInstanceOf(Unavailable);
    await expect(db.use((sql) => sql`select 1`)).rejects.toBeInstanceOf(Unavailable);
    release();
    await done;
  });

  it("leaves no connection behind, also of work that was under way when it closed", async () => {
    const watcher = open({ poolMaxSize: 1 });
    const db = open({ poolMaxSize: 2 });
    const { held, release, done } = longRun(db);
    await held;
    await db.close();
    release();
    await done;
    await until(async () => (await connections(watcher)) === 0, 3_000);
  });

  it("passes on what is the statement's own fault, and goes on with the same connection", async () => {
    const db = open({ poolMaxSize: 1 });
    const pid = () => db.use(async (sql) => (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid);
    const before = await pid();
    await expect(db.use((sql) => sql`select 1 / 0`)).rejects.toMatchObject({ code: "22012" });
    await expect(
      db.use(async (sql) => {
        await sql.unsafe("set statement_timeout = 30");
        await sql`select pg_sleep(5)`.finally(() => sql.unsafe("reset statement_timeout"));
      }),
    ).rejects.toMatchObject({ code: "57014" });
    expect(await pid()).toBe(before);
  });
});

describe("a transaction", () => {
  const ids = (db: Db) =>
    db.use(async (sql) => (await sql<{ id: number }[]>`select id from thing order by id`).map(({ id }) => id));
  const clean = (db: Db) => db.use((sql) => sql`truncate thing`);

  it("commits the last writes with the rest, in order", async () => {
    const db = open({ poolMaxSize: 1 });
    await clean(db);
    const result = await db.tx(async (sql, send) => {
      await sql`insert into thing values (1)`;
      send(sql`insert into thing select id + 1 from thing`.execute());
      send(sql`insert into thing select id + 10 from thing`.execute());
      return "done";
    });
    expect([result, await ids(open())]).toEqual(["done", [1, 2, 11, 12]]);
  });

  it("sends the last writes without waiting for one another", async () => {
    const db = open({ poolMaxSize: 1 });
    await clean(db);
    const order: string[] = [];
    await db.tx(async (sql, send) => {
      const write = sql`insert into thing values (1)`.execute();
      write.then(() => order.push("written"));
      send(write);
      order.push("work ended");
    });
    expect(order).toEqual(["work ended", "written"]);
    expect(await ids(db)).toEqual([1]);
  });

  it.each([0, 1, 2])("takes everything back when one of the last writes fails (the %i.), and says why", async (bad) => {
    const db = open({ poolMaxSize: 1 });
    await clean(db);
    await db.use((sql) => sql`insert into thing values (5)`);
    const failing = db.tx(async (sql, send) => {
      await sql`insert into thing values (1)`;
      for (const n of [0, 1, 2]) send(sql`insert into thing values (${n === bad ? 5 : 20 + n})`.execute());
    });
    await expect(failing).rejects.toMatchObject({ code: "23505" });
    expect(await ids(db)).toEqual([5]);
  });

  it("takes everything back when the work throws, or a statement in it fails that is not awaited", async () => {
    const db = open({ poolMaxSize: 1 });
    await clean(db);
    const thrown = db.tx(async (sql, send) => {
      send(sql`insert into thing values (1)`.execute());
      throw new Error("own fault");
    });
    await expect(thrown).rejects.toThrow("own fault");
    const careless = db.tx(async (sql) => {
      await sql`insert into thing values (2)`;
      await sql`insert into thing values (2)`.catch(() => {});
    });
    await careless.catch(() => {});
    expect(await ids(db)).toEqual([]);
  });

  it("names the write that failed, not those that failed for its sake", async () => {
    const db = open();
    for (let i = 0; i < 20; i++) {
      const failing = db.tx(async (sql, send) => {
        // As one that is issued through several hands: its error arrives later than those of the writes after it.
        send(Promise.all([Promise.resolve(sql`select 1 / ${i - i}::int`.execute())]).then((one) => one));
        send(sql`select 2`.execute());
      });
      await expect(failing).rejects.toMatchObject({ code: "22012" });
    }
  });

  it("does not claim success where a statement failed that was not awaited", async () => {
    const db = open({ poolMaxSize: 1 });
    const careless = db.tx(async (sql) => {
      await sql`select 1 / 0`.catch(() => {});
      return "done";
    });
    await expect(careless).rejects.toBeInstanceOf(Error);
  });

  it("leaves the connection outside of any transaction, whatever happened", async () => {
    const db = open({ poolMaxSize: 1 });
    await db.tx(async (sql) => void (await sql`select 1 / 0`)).catch(() => {});
    await db.tx(async () => Promise.reject(new Error("x"))).catch(() => {});
    // Outside of a transaction there is nothing to save.
    await expect(db.use((sql) => sql.unsafe("savepoint a"))).rejects.toMatchObject({ code: "25P01" });
  });

  it("is not seen before it is committed", async () => {
    const db = open({ poolMaxSize: 1 });
    await clean(db);
    const other = open({ poolMaxSize: 1 });
    await db.tx(async (sql, send) => {
      await sql`insert into thing values (1)`;
      expect(await ids(other)).toEqual([]);
      send(sql`insert into thing values (2)`.execute());
    });
    expect(await ids(other)).toEqual([1, 2]);
  });
});
