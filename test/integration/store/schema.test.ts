// The schema as it is after all migrations: as committed, guarding its own truth, and applied once however many
// processes start at the same time.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { taskStates } from "#domain/state";
import { circuitMachine } from "#machines/circuit";
import { deliveryMachine } from "#machines/delivery";
import { taskMachine } from "#machines/task";
import { migrate } from "#store/maintenance/migrate";
import { type Db, openDb } from "#store/pg/pool";
import { makeLogger } from "#telemetry/log";
import { freshDatabase } from "#test/services";
import { until } from "#test/until";
import { dumpSchema, schemaFile } from "../../../scripts/schema.ts";

const log = makeLogger({ logLevel: "silent" }, "test");
const open = (databaseUrl: string, poolMaxSize = 2): Db =>
  openDb(
    {
      databaseUrl,
      poolMaxSize,
      poolMinIdle: 0,
      poolAcquireRetries: 5,
      poolTimeoutSecs: 30,
      slowQueryThresholdMs: 60_000,
    },
    log,
  );

let url: string;
let db: Db;
beforeAll(async () => {
  url = await freshDatabase();
  db = open(url);
  await migrate(db);
});
afterAll(() => db.close());

describe("the committed dump", () => {
  it("is what the migrations make (else: node scripts/schema.ts --write)", async () => {
    expect(await dumpSchema(url)).toBe(readFileSync(schemaFile, "utf8"));
  });

  it("says everything: what it makes is dumped as the same text", async () => {
    const copy = await freshDatabase();
    const sql = postgres(copy, { max: 1, onnotice: () => {} });
    await sql.unsafe(readFileSync(schemaFile, "utf8")).finally(() => sql.end());
    expect(await dumpSchema(copy)).toBe(readFileSync(schemaFile, "utf8"));
  });
});

describe("the states", () => {
  const labels = async (type: string) => {
    const rows = await db.use(
      (sql) => sql<{ label: string }[]>`
        select enumlabel as label from pg_enum where enumtypid = ${type}::regtype order by enumsortorder`,
    );
    return rows.map(({ label }) => label);
  };
  it("of a task are those of its machine, in its order", async () => {
    expect(await labels("task_status")).toEqual([...taskStates]);
    expect(await labels("task_status")).toEqual(Object.keys(taskMachine.states));
  });
  it("of a circuit are those of its machine", async () => {
    expect((await labels("circuit_state")).sort()).toEqual(Object.keys(circuitMachine.states).sort());
  });
  it("of a delivery are those of its machine", async () => {
    expect((await labels("delivery_status")).sort()).toEqual(Object.keys(deliveryMachine.states).sort());
  });
});

describe("the tables refuse", () => {
  const batch = randomUUID();
  const sound = { status: "Pending", wait_finished: 0, wait_success: 0, owner: null, ended_at: null };
  const final = { ...sound, status: "Success", ended_at: "2026-01-01T00:00:00Z" };
  const insert = (row: Record<string, unknown>) =>
    db.use(
      (sql) => sql`
        insert into task ${sql({ id: randomUUID(), batch_id: batch, pos: 0, kind: "k", timeout: 60, acts: 0, ...row } as never)}`,
    );
  beforeAll(() =>
    db.use((sql) => sql`insert into batch (id, total, unfinished) values (${batch}, 1, 1)`).then(() => {}),
  );

  it.each([
    ["a sound row", sound],
    ["a sound final row", final],
    ["a sound waiting row", { ...sound, status: "Waiting", wait_finished: 2, wait_success: 1 }],
    ["a sound claim", { ...sound, status: "Claimed", owner: 1 }],
  ])("not: %s", async (_, row) => {
    await insert(row);
  });

  it.each([
    ["negative wait_finished", { ...sound, status: "Waiting", wait_finished: -1 }],
    ["negative wait_success", { ...sound, status: "Waiting", wait_success: -1 }],
    ["a negative counter", { ...sound, success: -1 }],
    ["a negative counter of failures", { ...sound, failures: -1 }],
    ["a counter that JSON cannot carry", { ...sound, success: "9007199254740992" }],
    ["a negative attempt", { ...sound, attempt: -1 }],
    ["a priority out of range", { ...sound, priority: 1001 }],
    ["a negative expectation", { ...sound, expected_count: -1 }],
    ["an end without a final state", { ...sound, ended_at: "2026-01-01T00:00:00Z" }],
    ["a final state without an end", { ...final, ended_at: null }],
    ["Pending that still waits", { ...sound, wait_finished: 1 }],
    ["Pending that misses a success", { ...sound, wait_success: 1 }],
    ["Claimed without owner", { ...sound, status: "Claimed" }],
    ["an owner of what is not Claimed", { ...sound, status: "Running", owner: 1 }],
  ])("%s", async (_, row) => {
    await expect(insert(row)).rejects.toMatchObject({ code: "23514" });
  });

  it.each([
    ["more unfinished than there are", [2, 3, null]],
    ["fewer than none", [2, -1, null]],
    ["completion while tasks are open", [2, 1, "2026-01-01T00:00:00Z"]],
    ["an end of all without completion", [2, 0, null]],
  ] as const)("a batch with %s", async (_, [total, unfinished, completed]) => {
    const succeeded = Math.max(0, total - unfinished);
    const row = { id: randomUUID(), total, unfinished, succeeded, completed_at: completed };
    await expect(db.use((sql) => sql`insert into batch ${sql(row as never)}`)).rejects.toMatchObject({ code: "23514" });
  });

  it("an edge twice, and one with both words", async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    for (const id of [a, b]) await insert({ ...sound, id });
    const edge = { parent_id: a, child_id: b, requires_success: null, condition: "always" };
    await db.use((sql) => sql`insert into link ${sql(edge)}`);
    await expect(db.use((sql) => sql`insert into link ${sql(edge)}`)).rejects.toMatchObject({ code: "23505" });
    const both = { ...edge, parent_id: b, child_id: a, requires_success: true };
    await expect(db.use((sql) => sql`insert into link ${sql(both)}`)).rejects.toMatchObject({ code: "23514" });
  });
});

describe("migrating", () => {
  it.each([
    ["create table task (id uuid primary key)", /table task that is not Baton's/],
    [
      "create table migration (name text primary key, at timestamptz not null default now()); insert into migration values ('oldest program 99.1.0')",
      /needs Baton 99\.1\.0 or newer/,
    ],
    [
      "create table migration (name text primary key, at timestamptz not null default now()); insert into migration values ('0001_tasks.sql'), ('0001_old.sql')",
      /before its first release \(migration 0001_old\.sql\): .* remove the folder \.baton$/,
    ],
  ])("refuses a database that is not for it: %s", async (statement, why) => {
    const db = open(await freshDatabase());
    await db.use((sql) => sql.unsafe(statement));
    await expect(migrate(db)).rejects.toThrow(why);
    const [row] = await db.use((sql) => sql`select to_regclass('public.batch') as batch`);
    expect(row?.batch).toBeNull();
    await db.close();
  });

  it("is safe for ten processes at once: all succeed, one applies", async () => {
    const empty = await freshDatabase();
    const dbs = Array.from({ length: 10 }, () => open(empty, 1));
    try {
      const applied = await Promise.all(dbs.map((own) => migrate(own)));
      expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
      const rows = await (dbs[0] as Db).use((sql) => sql<{ name: string }[]>`select name from migration order by name`);
      expect(rows.map(({ name }) => name)).toEqual(applied.flat());
      expect(await migrate(dbs[1] as Db)).toEqual([]);
    } finally {
      await Promise.all(dbs.map((own) => own.close()));
    }
  });

  it("leaves nothing behind where it is cut off, and goes through the next time", async () => {
    const empty = await freshDatabase();
    const [mine, other] = [open(empty, 1), open(empty, 1)];
    try {
      // Another one holds the lock of migrations, so this one waits inside its transaction until it is cut off.
      await other.tx(async (sql) => {
        await sql`select pg_advisory_xact_lock(${7_227_866})`;
        const cut = migrate(mine).catch((error: unknown) => error);
        const [waiter] = await until(async () => {
          const rows = await sql<{ pid: number }[]>`
            select pid from pg_locks where locktype = 'advisory' and not granted
              and database = (select oid from pg_database where datname = current_database())`;
          return rows.length > 0 ? rows : null;
        });
        await sql`select pg_terminate_backend(${(waiter as { pid: number }).pid})`;
        expect(await cut).toBeInstanceOf(Error);
      });
      expect((await migrate(mine)).length).toBeGreaterThan(0);
    } finally {
      await Promise.all([mine.close(), other.close()]);
    }
  });
});
