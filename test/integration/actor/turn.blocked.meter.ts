// What a piece of work reads, as Postgres counts it: rows of tables, entries of indexes; and the plan of what it asks.
// Everything is rolled back, so the same can be measured again.

import { ClaimRound } from "#actor/claim/round";
import { turn } from "#actor/turn/turn";
import type { Db, Sql } from "#store/pg/pool";
import { env } from "./stage.ts";

export interface Seen {
  /** Tables that were read as a whole. */
  readonly whole: readonly string[];
  /** Rows fetched, and index entries returned, of all tables together. */
  readonly rows: number;
  readonly entries: number;
  /** The same by table, for who has to find out why. */
  readonly where: string;
}

const counts = (sql: Sql) => sql<{ name: string; whole: number; rows: number; entries: number }[]>`
  select relname as name, seq_scan::int as whole, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows,
    (select coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0)::int from pg_index where indrelid = relid) as entries
  from pg_stat_xact_user_tables order by relname`;

interface Around<A> {
  /** Not counted. */
  readonly before?: (sql: Sql) => Promise<unknown>;
  /** Nor is this; what it says is given on. */
  readonly after?: (sql: Sql) => Promise<A>;
}

/** Runs it in a transaction that is rolled back; what was read, and what it gave. */
export async function measured<T, A>(db: Db, run: (sql: Sql) => Promise<T>, around: Around<A> = {}) {
  const undo = new Error("undo");
  let seen: (Seen & { readonly result: T; readonly after: A | undefined }) | undefined;
  const work = async (sql: Sql) => {
    await around.before?.(sql);
    const before = new Map((await counts(sql)).map((row) => [row.name, row]));
    const result = await run(sql);
    const more = (await counts(sql)).map(({ name, ...now }) => {
      const was = before.get(name) ?? { whole: 0, rows: 0, entries: 0 };
      return { name, whole: now.whole - was.whole, rows: now.rows - was.rows, entries: now.entries - was.entries };
    });
    seen = {
      result,
      after: await around.after?.(sql),
      whole: more.filter(({ whole }) => whole > 0).map(({ name }) => name),
      rows: more.reduce((sum, { rows }) => sum + rows, 0),
      entries: more.reduce((sum, { entries }) => sum + entries, 0),
      where: more.map(({ name, rows, entries }) => `${name} ${rows} rows, ${entries} entries`).join("; "),
    };
    throw undo;
  };
  await db.tx(work, 30_000).catch((error: unknown) => {
    if (error !== undo) throw error;
  });
  return seen as NonNullable<typeof seen>;
}

let tokens = 0;
/** A whole turn of a worker with `free` call slots that only looks for work. */
export function look(db: Db, free = 8) {
  const token = () => ({ owner: 1, claimId: ++tokens });
  return turn(
    db,
    env,
    "task",
    [],
    new ClaimRound({ free: () => free, limited: () => [], freeMax: 64, freeFor: () => 64 }, free, token),
  );
}

/** The database as one sees it from within a transaction that is open already. */
export const inside = (db: Db, sql: Sql): Db =>
  ({
    up: true,
    close: db.close,
    use: (work) => work(sql),
    tx: async (work) => {
      const writes: Promise<unknown>[] = [];
      const result = await work(sql, (write) => void writes.push(write));
      await Promise.all(writes);
      return result;
    },
  }) as Db;

/** A scan of the plan that was carried out. */
export interface Scan {
  readonly node: string;
  readonly table: string;
  readonly index: string | undefined;
  readonly condition: string;
  /** Given on, over all times that it ran. */
  readonly rows: number;
  /** Read and then thrown away. */
  readonly inVain: number;
}

/** A connection that explains whatever reads tasks, just before that is done; `scans` are then in the list. */
export const explaining = (sql: Sql, scans: Scan[]): Sql =>
  new Proxy(sql, {
    apply(target, self, call) {
      const query = Reflect.apply(target, self, call);
      // Rows of tasks are read by position, and nothing else is.
      const values = query.values?.bind(query);
      const explained = async () => {
        const [row] = await sql`explain (analyze, format json) ${query}`;
        scans.push(...scansIn((row as { "QUERY PLAN": [{ Plan: Node }] })["QUERY PLAN"][0].Plan));
        return values();
      };
      query.values = () => {
        const done = explained();
        return Object.assign(done, { execute: () => done });
      };
      return query;
    },
  });

interface Node {
  readonly [field: string]: unknown;
  readonly Plans?: readonly Node[];
}

function scansIn(node: Node): Scan[] {
  const below = (node.Plans ?? []).flatMap(scansIn);
  if (node["Relation Name"] === undefined) return below;
  const times = Number(node["Actual Loops"]);
  const scan = {
    node: String(node["Node Type"]),
    table: String(node["Relation Name"]),
    index: node["Index Name"] as string | undefined,
    condition: String(node["Index Cond"] ?? ""),
    rows: Math.round(Number(node["Actual Rows"]) * times),
    inVain: Math.round(Number(node["Rows Removed by Filter"] ?? 0) * times),
  };
  return [scan, ...below];
}
