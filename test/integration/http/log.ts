// Two APIs that listen, on one database without workers, and a hand that writes events as turns do: each transaction locks a
// row first, draws its ids, and commits or rolls back when the test says so.
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { onTestFinished } from "vitest";
import type { NextEvent } from "#bus/events";
import { loadConfig } from "#config";
import { loadConsole } from "#http/console/files";
import { loadSite } from "#http/docs/site";
import { makeServer } from "#http/server";
import { LargeCalls } from "#intake/large/calls";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { strict } from "#test/policy";
import { type Heard, hear } from "#test/sse";
import { until } from "#test/until";
import { noActor, noNextEvent } from "./stubs.ts";

const noConsole = loadConsole(import.meta.dirname);
const noSite = loadSite(import.meta.dirname);

export interface Api {
  readonly url: string;
  readonly db: Db;
  /** Connections of clients. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** `nextEvent` left out: as without NATS. */
export async function listen(
  databaseUrl: string,
  env: Record<string, string> = {},
  port = 0,
  nextEvent: NextEvent = noNextEvent,
): Promise<Api> {
  const required = { DATABASE_URL: databaseUrl, NATS_URL: "nats://localhost", HOST_URL: "http://localhost:8085" };
  const config = loadConfig({ ...required, LOG_LEVEL: "silent", POOL_MAX_SIZE: "4", POOL_TIMEOUT_SECS: "1", ...env });
  const log = makeLogger(config, "test");
  const db = openDb(config, log);
  await migrate(db);
  const large = new LargeCalls({ config, db, commands: noActor, log });
  const app = await makeServer({
    config,
    policy: strict,
    db,
    commands: noActor,
    nextEvent,
    large,
    console: noConsole,
    site: noSite,
    log,
  });
  const url = await app.listen({ port, host: "127.0.0.1" });
  return {
    ...{ url, db },
    connections: () => new Promise((resolve) => app.server.getConnections((_, n) => resolve(n))),
    async close() {
      await app.close();
      await db.close();
    },
  };
}

export const batches = [randomUUID(), randomUUID()] as const;

export interface Open {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

export interface Writer {
  readonly sql: postgres.Sql;
  /** Draws `n` ids and leaves them uncommitted. */
  begin(n?: number, batch?: string): Promise<Open>;
  /** At once. */
  write(n?: number, batch?: string, reason?: string): Promise<void>;
  /** The ids of all events there are, or of those of a batch. */
  ids(batch?: string): Promise<number[]>;
}

/** A batch of `n` tasks, as far as the log of events has to know it. */
export async function makeBatch(sql: postgres.Sql, batch: string, n: number): Promise<void> {
  await sql`insert into batch (id, total, unfinished) values (${batch}, ${n}, ${n})`;
  await sql`
    with made as (
      insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts)
      select gen_random_uuid(), ${batch}, i, 'Pending', 'k', 0, 0, 60, 0 from generate_series(1, ${n}::int) i returning id)
    insert into task_spec (id, batch_id, local_id, name) select id, ${batch}, id::text, 'n' from made`;
}

/** What a turn writes. */
const insert = (sql: postgres.Sql, n: number, batch: string, reason: string | null) => sql`
  insert into event (task_id, batch_id, "from", "to", event, at, attempt, reason, actor)
  select t.id, ${batch}::uuid, 'Pending', 'Claimed', 'claim', now(), 0, ${reason}::text, 'worker:1'
  from generate_series(1, ${n}::int) i, lateral (select coalesce((select id from task_spec where batch_id = ${batch}
    order by id offset i % 3 limit 1), gen_random_uuid()) as id) t`;

/** Until the test ends. */
export function openWriter(databaseUrl: string): Writer {
  const settings = { onnotice: () => {}, types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } } };
  const sql = postgres(databaseUrl, { max: 2, ...settings }) as unknown as postgres.Sql;
  const own = new Set<postgres.Sql>();
  onTestFinished(async () => {
    await Promise.all([sql, ...own].map((one) => one.end({ timeout: 0 })));
  });
  return {
    sql,
    async begin(n = 1, batch = batches[0]) {
      const one = postgres(databaseUrl, { max: 1, ...settings }) as unknown as postgres.Sql;
      own.add(one);
      await one.unsafe("begin");
      await insert(one, n, batch, null);
      const end = async (word: string) => {
        await one.unsafe(word);
        own.delete(one);
        await one.end({ timeout: 1 });
      };
      return { commit: () => end("commit"), rollback: () => end("rollback") };
    },
    async write(n = 1, batch = batches[0], reason = "") {
      await insert(sql, n, batch, reason === "" ? null : reason);
    },
    async ids(batch) {
      const rows = await sql<{ id: number }[]>`
        select id from event where ${batch ?? null}::uuid is null or batch_id = ${batch ?? null} order by id`;
      return rows.map(({ id }) => id);
    },
  };
}

/** A stream that is closed with the test. */
export async function follow(api: Api, query = "", after?: number): Promise<Heard> {
  const heard = await hear(`${api.url}/events${query}`, after === undefined ? {} : { "last-event-id": String(after) });
  onTestFinished(() => heard.close());
  return heard;
}

/** Resolves when a stream that starts now has said where that is. */
export async function begun(heard: Heard): Promise<number> {
  await until(() => heard.lastId !== undefined);
  return heard.lastId as number;
}

export const idsOf = (heard: Heard): number[] => heard.events.map(({ id }) => id);
