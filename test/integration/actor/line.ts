// What a test may do to the way between a turn and Postgres: cut it at the very moment of a commit, count what passes,
// or hold a turn back after it has come true.
import { connect, createServer } from "node:net";
import { onTestFinished } from "vitest";
import { type Db, openDb, type Sql } from "#store/pg/pool";
import { log } from "./stage.ts";

/** `answer`: the commit takes effect, and its answer is lost. `commit`: it never arrives. */
export type Lost = "answer" | "commit";

export interface CutLine {
  readonly db: Db;
  /** Of the next commit this is lost, with the connection. */
  lose(what: Lost): void;
  readonly cuts: number;
}

const commit = Buffer.from("commit\0");
const committed = Buffer.from("COMMIT\0");

/** The same database by a line of its own, until the test ends. */
export async function cutLine(databaseUrl: string): Promise<CutLine> {
  const url = new URL(databaseUrl);
  const to = { host: url.hostname, port: Number(url.port || 5432) };
  let next: Lost | null = null;
  let cuts = 0;
  const server = createServer((near) => {
    const far = connect(to);
    let muted = false;
    const end = () => {
      near.destroy();
      far.destroy();
    };
    near.on("error", end).on("close", end);
    far.on("error", end).on("close", end);
    near.on("data", (data) => {
      const lost = next !== null && data.includes(commit) ? next : null;
      if (lost === null) return void far.write(data);
      next = null;
      cuts++;
      if (lost === "commit") return end();
      muted = true;
      far.write(data);
    });
    far.on("data", (data) => {
      if (!muted) near.write(data);
      else if (data.includes(committed)) end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as { port: number }).port);
  const db = openDb(
    {
      ...{ databaseUrl: url.href, poolMaxSize: 3, poolMinIdle: 0, poolAcquireRetries: 3 },
      ...{ poolTimeoutSecs: 10, slowQueryThresholdMs: 60_000 },
    },
    log,
  );
  onTestFinished(async () => {
    await db.close();
    server.close();
  });
  return {
    db,
    lose: (what) => {
      next = what;
    },
    get cuts() {
      return cuts;
    },
  };
}

type Watched = { handler?: (query: unknown) => unknown; strings: string | readonly string[] };

/** The same database; of each statement within transactions, `begin` and `commit` aside, `sending` gets the text, and sends it. */
function watched(db: Db, sending: (text: string, statement: Promise<unknown>, send: () => unknown) => unknown): Db {
  // A part of a statement is a query as well, but never handled by itself.
  const watch = <T>(made: T): T => {
    const query = made as Watched;
    const { handler } = query;
    if (typeof handler === "function")
      query.handler = (self) =>
        sending([query.strings].flat().join("?").replace(/\s+/g, " ").trim(), made as Promise<unknown>, () =>
          handler(self),
        );
    return made;
  };
  const watching = (sql: Sql): Sql =>
    new Proxy(sql, {
      apply: (target, self, args) => watch(Reflect.apply(target as never, self, args)),
      get: (target, key) =>
        key === "unsafe"
          ? (...args: Parameters<Sql["unsafe"]>) => watch(target.unsafe(...args))
          : Reflect.get(target, key),
    });
  return withTx(db, (work, timeoutMs) => db.tx((sql, send) => work(watching(sql), send), timeoutMs));
}

/**
 * The same database; `said` is every statement that was sent. `trips`: in which round trip each of these went; the next begins
 * with a statement for which all before were answered.
 */
export function counting(db: Db): { readonly db: Db; readonly said: string[]; readonly trips: number[] } {
  const said: string[] = [];
  const trips: number[] = [];
  let trip = 0;
  let unanswered = 0;
  const answered = () => {
    unanswered--;
  };
  const counted = watched(db, (text, statement, send) => {
    said.push(text);
    if (unanswered++ === 0) trip++;
    trips.push(trip);
    statement.then(answered, answered);
    return send();
  });
  return { db: counted, said, trips };
}

/** The same database; a statement with this text is sent once that before it is answered, and then `ready`, which is asked for that. */
export function holdingBack(db: Db, part: string, ready: () => Promise<unknown>): Db {
  let last: Promise<unknown> = Promise.resolve();
  return watched(db, (text, statement, send) => {
    const before = last;
    last = statement;
    return text.includes(part) ? before.then(ready).then(send) : send();
  });
}

/** The same database; what a transaction gave is handed on only when `gate`, called with it, lets it through. */
export const gated = (db: Db, gate: (result: unknown) => Promise<void>): Db =>
  withTx(db, async (work, timeoutMs) => {
    const result = await db.tx(work, timeoutMs);
    await gate(result);
    return result;
  });

/** The same database with other transactions. */
const withTx = (db: Db, tx: Db["tx"]): Db => ({
  use: (work, timeoutMs) => db.use(work, timeoutMs),
  lend: (work, timeoutMs) => db.lend(work, timeoutMs),
  tx,
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
});
