// What a claim round costs does not depend on how many receivers tasks wait for, and it locks what it takes. Postgres counts what
// is read. Receivers with free call slots get their turn behind any number of tasks of others.
import { beforeAll, describe, expect, it } from "vitest";
import { type CallSlots, ClaimRound } from "#actor/claim/round";
import { turn } from "#actor/turn/turn";
import type { Db, Sql } from "#store/pg/pool";
import { env, openStage } from "./stage.ts";
import { inside, measured } from "./turn.blocked.meter.ts";

const eachOf = (receivers: number) => (receivers === many ? 5 : 40);
const limit = 256;
/** Rows of tables and entries of indexes, for one that is taken. */
const perTask = 12;
/** Planned for these values at first, and for all later. */
const times = 7;
const many = 10_000;

const receiver = (n: number) => `http://r${String(n).padStart(5, "0")}`;
const fill = (receivers: number, each = eachOf(receivers)) => `
  insert into batch (id, total, unfinished) values (bid(0), ${receivers * each}, ${receivers * each});
  insert into task (id, batch_id, pos, status, kind, receiver, wait_finished, wait_success, timeout, acts, created_at)
    select tid(n), bid(0), n, 'Pending', 'k', 'http://r' || lpad((n % ${receivers})::text, 5, '0'), 0, 0, 60, 0,
      timestamptz '2026-01-01' + n * interval '1 ms' from generate_series(0, ${receivers * each - 1}) n;
  insert into task_spec (id, batch_id, local_id, name) select id, batch_id, pos::text, 'n' from task`;
const functions = `
  create function bid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-b' || lpad(n::text, 11, '0'))::uuid $$;
  create function tid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-0' || lpad(n::text, 11, '0'))::uuid $$;`;

async function filled(receivers: number): Promise<Db> {
  const { db } = await openStage(2);
  await db.use((sql) => sql.unsafe(functions));
  await db.tx((sql) => sql.unsafe(`set local statement_timeout = 0; ${fill(receivers)}`), 120_000);
  await db.use((sql) => sql`vacuum analyze`, 60_000);
  return db;
}

let tokens = 0;
const token = () => ({ owner: 1, claimId: ++tokens });
const roundOf = (slots: Partial<CallSlots> = {}) =>
  new ClaimRound({ free: () => limit, limited: () => [], freeMax: 64, freeFor: () => 64, ...slots }, limit, token);
const look = (db: Db, round: ClaimRound) => turn(db, env, "task", [], round);
/** Those that are full, first of all. */
const fullUpTo = (n: number): CallSlots => {
  const names = new Set(Array.from({ length: n }, (_, i) => receiver(i)));
  return {
    free: () => limit,
    limited: () => Array.from(names, (receiver) => ({ receiver, free: 0, gated: false })),
    freeMax: 64,
    freeFor: (name) => (names.has(name ?? "") ? 0 : 64),
  };
};
const lockedRows = (sql: Sql) =>
  sql<{ n: number }[]>`
    select count(*)::int as n from task where xmax::text = pg_current_xact_id()::text`.then(([row]) => row?.n);

describe("a claim round", () => {
  const dbs = new Map<number, Db>();
  beforeAll(async () => {
    for (const receivers of [10, 1_000, many]) dbs.set(receivers, await filled(receivers));
  }, 300_000);
  const of = (receivers: number) => dbs.get(receivers) as Db;

  it.each([10, 1_000, many])("reads no more with %i receivers than what it takes allows", async (receivers) => {
    for (let time = 0; time < times; time++) {
      const seen = await measured(of(receivers), (sql) => look(inside(of(receivers), sql), roundOf()));
      expect([time, seen.result.claimed.length, seen.whole]).toEqual([time, limit, []]);
      expect(seen.rows + seen.entries, `time ${time}: ${seen.where}`).toBeLessThanOrEqual(perTask * limit);
    }
  });

  it.each([1_000, many])("takes the best of %i receivers, in their order", async (receivers) => {
    const { result } = await measured(of(receivers), (sql) => look(inside(of(receivers), sql), roundOf()));
    const wanted = Array.from({ length: limit }, (_, n) => receiver(n % receivers));
    expect(result.claimed.map((one) => one.receiver)).toEqual(wanted);
  });

  it.each([10, 1_000, many])("locks only what it takes, with %i receivers", async (receivers) => {
    const after = lockedRows;
    const seen = await measured(of(receivers), (sql) => look(inside(of(receivers), sql), roundOf()), { after });
    expect(seen.after).toBe(seen.result.claimed.length);
  });

  it("passes over tasks that others have locked, and takes as many behind them", async () => {
    const db = of(many);
    await db.tx(async (other) => {
      await other`select from task where pos < ${4 * limit} for no key update`;
      const { result } = await measured(db, (sql) => look(inside(db, sql), roundOf()));
      expect(result.claimed.length).toBe(limit);
      expect(result.claimed.every((one) => (one.receiver as string) >= receiver(0))).toBe(true);
    }, 30_000);
  });

  it("comes to receivers with free call slots behind any number of tasks of full ones", async () => {
    const db = of(1_000);
    // The first 900 receivers have no call slot free: their tasks come first, far more than a round reads.
    const slots = { ...fullUpTo(900), free: () => 32 };
    await measured(db, async (sql) => {
      await sql`set local statement_timeout = 0`;
      await sql`update task set priority = 5 where receiver < ${receiver(900)}`;
      const [got, here] = [new Set<string>(), inside(db, sql)];
      let reached: ClaimRound["reached"] = null;
      for (let round = 0; round < 40 && got.size < 100; round++) {
        const next = new ClaimRound(slots, 32, token);
        next.reached = reached;
        for (const one of (await look(here, next)).claimed) got.add(one.receiver as string);
        ({ reached } = next);
      }
      expect([...got].sort()).toEqual(Array.from({ length: 100 }, (_, i) => receiver(900 + i)));
    });
  });
});
