// How a connection to Postgres is set up: what it sends and reads, how long it waits, how statements are planned on it.
import postgres from "postgres";
import { type Config, limits } from "#config";
import { type Address, dial, type Line } from "#store/line";
import { readTimestamp } from "#store/time";

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
}

export function openClient({ databaseUrl }: Pick<Config, "databaseUrl">): Client {
  const line: Line = { gone: false, used: false };
  const sql = postgres(databaseUrl, {
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
      // Whoever wants the first few of many in the order of an index must not collect all of them first.
      enable_bitmapscan: "off",
      // With these there is one plan worth having: to look for a better one at each execution costs as much as some statements.
      plan_cache_mode: "force_generic_plan",
      jit: "off",
    } as never,
  } as never) as Sql;
  return {
    sql,
    get gone() {
      return line.gone;
    },
  };
}
