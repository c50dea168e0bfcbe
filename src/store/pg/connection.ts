// How a connection to Postgres is set up: what it sends and reads, how long it waits, how statements are planned on it.
import postgres from "postgres";
import { type Config, limits } from "#config";
import { type Address, dial, type Line } from "#store/pg/socket";
import { readTimestamp } from "#store/pg/time";

/** One leased connection. Statements issued without awaiting are pipelined on it, in order. */
export type Sql = postgres.Sql<{ bigint: number }>;

const bigint = { to: 20, from: [20], serialize: String, parse: Number };
const time = {
  to: 1184,
  from: [1184],
  serialize: (at: Date | string) => new Date(at).toISOString(),
  parse: readTimestamp,
};

/** A connection that is used until it breaks, and then never again. */
export interface Client {
  readonly sql: Sql;
  readonly gone: boolean;
  /** Of its session in Postgres; 0 until it is known. */
  pid: number;
  /** The statements sent for the present user of the connection, and when; without parameters. */
  readonly sent: Sent[];
}

export interface Sent {
  readonly text: string;
  readonly atMs: number;
}

/** The statements that are kept of one piece of work; the rest of longer work is not kept. */
const sentMax = 200;

export function openClient({ databaseUrl }: Pick<Config, "databaseUrl">): Client {
  const line: Line = { gone: false, used: false };
  const sent: Sent[] = [];
  const sql = postgres(databaseUrl, {
    debug: (_connection: number, text: string) => {
      if (sent.length < sentMax) sent.push({ text, atMs: performance.now() });
    },
    max: 1,
    socket: (options: Address) => dial(options, line),
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: limits.connectTimeoutMs / 1000,
    backoff: () => 0.2,
    fetch_types: false,
    types: { bigint, time },
    onnotice: () => {},
    connection: {
      application_name: "baton",
      timezone: "UTC",
      statement_timeout: limits.statementTimeoutMs,
      lock_timeout: limits.lockTimeoutMs,
      idle_in_transaction_session_timeout: limits.idleInTransactionMs,
      // Statements are prepared while the tables may still be empty: without this the plan made then reads whole tables later.
      enable_seqscan: "off",
      // The same for joins: every query starts from a few keys, so walking from them is right whatever the statistics say.
      enable_mergejoin: "off",
      enable_hashjoin: "off",
      // A query for the first few of many, in the order of an index, must not collect all of them first.
      enable_bitmapscan: "off",
      // With these there is one plan worth having: to look for a better one at each execution costs as much as some statements.
      plan_cache_mode: "force_generic_plan",
      jit: "off",
    } as never,
  } as never) as Sql;
  withoutStacks(sql);
  return {
    ...{ sql, sent },
    pid: 0,
    get gone() {
      return line.gone;
    },
  };
}

/**
 * With `debug` the client also takes a stack for each query that is built: 23 of some 240 µs a task life, for a text that no one
 * reads. `debug` still hears each statement.
 */
function withoutStacks(sql: Sql): void {
  const { handler } = sql`` as unknown as { readonly handler: { debug: unknown } };
  handler.debug = undefined;
}
