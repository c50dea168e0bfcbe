// How the statements of a turn reach their rows: by an index, and near the rows they want. Postgres itself counts what was
// scanned and fetched. Tables that are large and known, and tables that were filled after the statements had been
// prepared on empty ones and were never analyzed, must cost the same.
import { beforeAll, describe, expect, it } from "vitest";
import { ClaimRound } from "#actor/claim";
import type { Item } from "#actor/mailbox";
import { turn } from "#actor/turn";
import * as claim from "#store/claim";
import type { Db, Sql } from "#store/client";
import * as counters from "#store/counters";
import * as load from "#store/load";
import { ground, openStage } from "./stage.ts";

const batches = 200;
const width = 100;

/** Ids by number, so that tests can name rows of the filling below. */
const id = (what: "b" | "t", n: number) =>
  `00000000-0000-7000-8000-${what === "b" ? "b" : "0"}${String(n).padStart(11, "0")}`;
const tasks = (from: number, count: number) => Array.from({ length: count }, (_, i) => id("t", from + i));

/**
 * Batches of chains: of each hundred tasks the first 90 have ended, then one is Running, one Claimed, one Pending with one of
 * 50 receivers, and seven wait. In the first batch everything waits for its first task, and the last task for everything.
 */
const fill = `
  insert into batch (id, total, unfinished) select bid(b), ${width}, 10 from generate_series(0, ${batches - 1}) b;
  insert into task (id, batch_id, pos, status, kind, receiver, wait_finished, wait_success, kids, timeout, acts, owner,
    claim_id, ended_at)
  select tid(n), bid(n / ${width}), p, status, 'k', case when p = 92 then 'http://r' || (n / ${width}) % 50 end,
    (p > 92)::int, 0, 1, 60, 1, case when p = 91 then 1 end, n, case when p < 90 then now() end
  from generate_series(0, ${batches * width - 1}) n, lateral (select n % ${width} as p) p, lateral (
    select case when p < 90 then 'Success' when p = 90 then 'Running' when p = 91 then 'Claimed' when p = 92 then 'Pending'
      else 'Waiting' end::task_status as status) s;
  insert into task_spec (id, batch_id, local_id, name) select id, batch_id, pos::text, 'n' from task;
  insert into batch_spec (id, on_complete) select id, '[{"kind":"Webhook"}]' from batch;
  insert into link (parent_id, child_id) select tid(n), tid(n + 1)
    from generate_series(0, ${batches * width - 2}) n where n % ${width} < ${width - 1};
  insert into command (id, answer) select 'c' || n, '{}' from generate_series(0, 20000) n;
  insert into counter_update (id) select 'c' || n from generate_series(0, 20000) n;
  insert into delivery (id, key, task_id, batch_id, trigger, action, facts)
    select gen_random_uuid(), id || ':end', id, batch_id, 'end', '{}', '{}' from task where status = 'Success';`;
const functions = `
  create function bid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-b' || lpad(n::text, 11, '0'))::uuid $$;
  create function tid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-0' || lpad(n::text, 11, '0'))::uuid $$;`;

const oneRoom = { rooms: [{ receiver: "http://r1", room: 1 }], roomMax: 1 };
const middle = tasks(50 * width + 91, 1)[0] as string;
/** Every statement that a turn reads by; how many rows, all tables together, it may touch. */
const statements: Record<string, readonly [rows: number, (sql: Sql) => Promise<unknown>]> = {
  rowsUnlessBusy: [256, (sql) => load.rowsUnlessBusy(sql, tasks(4_000, 128))],
  rowWaiting: [2, (sql) => load.rowWaiting(sql, middle)],
  lockBatches: [600, (sql) => load.lockBatches(sql, tasks(4_000, 128), [id("b", 3)], true)],
  lockBatchesFree: [600, (sql) => load.lockBatches(sql, tasks(4_000, 128), [], false)],
  rowsOf: [256, (sql) => load.rowsOf(sql, tasks(4_000, 128), [id("b", 40), id("b", 41)], true)],
  batchesOf: [256, (sql) => load.batchesOf(sql, tasks(4_000, 128))],
  existingBatches: [16, (sql) => load.existingBatches(sql, [id("b", 1), id("b", 2)])],
  childrenOf: [64, (sql) => load.childrenOf(sql, tasks(50 * width + 91, 4), false)],
  childrenOfAll: [128, (sql) => load.childrenOf(sql, [middle], true)],
  parentsOf: [64, (sql) => load.parentsOf(sql, tasks(50 * width + 94, 4), false)],
  parentsOfAll: [128, (sql) => load.parentsOf(sql, tasks(50 * width + 98, 1), true)],
  claimable: [600, (sql) => claim.claimable(sql, 64, oneRoom, [{ lane: 0, room: 64 }])],
  startActions: [128, (sql) => claim.startActions(sql, tasks(4_000, 64))],
  keysOf: [192, (sql) => claim.keysOf(sql, tasks(4_000, 64))],
  laterActions: [128, (sql) => load.laterActions(sql, tasks(4_000, 64))],
  completeActions: [8, (sql) => load.completeActions(sql, [id("b", 1), id("b", 2)])],
  countsOf: [3 * width, (sql) => load.countsOf(sql, [id("b", 1)])],
  answered: [128, (sql) => load.answered(sql, ["c5", "c700", ...tasks(0, 60)])],
  countRows: [128, (sql) => counters.countRows(sql, tasks(4_000, 64), false)],
  keepIds: [128, (sql) => counters.keepIds(sql, [one("c5"), one("c700")])],
  keptBefore: [128, (sql) => counters.keptBefore(sql, ["c5", "c700"])],
  leaveOpen: [128, (sql) => counters.leaveOpen(sql, [one("c5"), one("c700")])],
  forgetIds: [128, (sql) => counters.forgetIds(sql, ["c5", "c700"])],
  writeCounts: [
    32,
    (sql) =>
      counters.writeCounts(sql, [
        { id: middle, status: "Claimed", attempt: 0, endedAt: null, success: 1, failures: 0 },
      ]),
  ],
};
const one = (id: string) => ({ id, counts: "1/0", open: [1, 2] });
/** These take a batch as a whole, and may touch all of its tasks. */
const whole: typeof statements = { unfinishedOf: [4 * width, (sql) => load.unfinishedOf(sql, id("b", 7))] };

interface Touched {
  readonly name: string;
  readonly whole: number;
  readonly rows: number;
}

/** What the backend has scanned so far in its present transaction (and, not told yet, before). */
async function scans(sql: Sql): Promise<Map<string, Touched>> {
  const rows = await sql<Touched[]>`
    select relname as name, seq_scan as whole, (seq_tup_read + coalesce(idx_tup_fetch, 0)) as rows
    from pg_stat_xact_user_tables`;
  return new Map(rows.map((row) => [row.name, row]));
}

/** Runs it in a transaction that is rolled back, and says what was touched. */
async function touch(db: Db, run: (sql: Sql) => Promise<unknown>) {
  const undo = new Error("undo");
  let seen = { whole: [] as string[], rows: 0 };
  await db
    .tx(async (sql) => {
      const before = await scans(sql);
      await run(sql);
      const more = [...(await scans(sql)).values()].map(({ name, whole, rows }) => {
        const { whole: whole0 = 0, rows: rows0 = 0 } = before.get(name) ?? {};
        return { name, whole: whole - whole0, rows: rows - rows0 };
      });
      seen = {
        whole: more.filter(({ whole }) => whole > 0).map(({ name }) => name),
        rows: more.reduce((sum, { rows }) => sum + rows, 0),
      };
      throw undo;
    }, 30_000)
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  return seen;
}

describe.each(["filled, then analyzed, then prepared", "prepared on empty tables, then filled, never analyzed"])(
  "with tables that were %s",
  (order) => {
    let db: Db;
    beforeAll(async () => {
      const stage = await openStage(1);
      db = stage.db;
      await db.use((sql) => sql.unsafe(functions));
      if (order.startsWith("prepared")) {
        for (const table of [
          "task",
          "task_spec",
          "link",
          "batch",
          "batch_spec",
          "command",
          "counter_update",
          "delivery",
        ])
          await db.use((sql) => sql.unsafe(`alter table ${table} set (autovacuum_enabled = off)`));
        // After five times Postgres settles on one plan for all values.
        for (const [, run] of Object.values({ ...statements, ...whole }))
          for (let i = 0; i < 7; i++) await touch(db, run);
      }
      await db.tx((sql) => sql.unsafe(`set local statement_timeout = 0; ${fill}`), 60_000);
      if (!order.startsWith("prepared")) await db.use((sql) => sql`analyze`, 30_000);
    }, 90_000);

    it.each(Object.keys(statements))("%s reads no table as a whole, and little beyond what it wants", async (name) => {
      const [most, run] = statements[name] as (typeof statements)[string];
      // Planned for these values at first, and for all later.
      for (let time = 0; time < 7; time++) {
        const { whole, rows } = await touch(db, run);
        expect(whole, `time ${time}`).toEqual([]);
        expect(rows, `time ${time}`).toBeLessThanOrEqual(most);
      }
    });

    it("unfinishedOf reads the tasks of its batch alone", async () => {
      const [most, run] = whole.unfinishedOf as (typeof whole)[string];
      const touched = await touch(db, run);
      expect(touched.whole).toEqual([]);
      expect(touched.rows).toBeLessThanOrEqual(most);
    });

    it("whole turns, which write as well, do the same", async () => {
      const round = () =>
        new ClaimRound({ free: () => 8, rooms: () => [], roomMax: 8, room: () => 8 }, 8, () => ({
          owner: 1,
          claimId: 5,
        }));
      const item = (target: string, verb: "cancel" | "update"): Item => ({
        ...{ from: "client", storedAt: Date.now(), expires: true, busy: 0, settle: () => {} },
        command: { id: target, verb, target, ...(verb === "update" ? { fields: { priority: 4 } } : {}) },
      });
      for (const lane of ["row", "ending"] as const)
        for (let time = 0; time < 7; time++) {
          const items = [item(id("t", (60 + time) * width + 91), lane === "row" ? "update" : "cancel")];
          const inside = (sql: Sql): Db =>
            ({ ...db, up: true, use: (work) => work(sql), tx: (work) => drive(sql, work) }) as Db;
          const { whole, rows } = await touch(db, (sql) => turn(inside(sql), ground, lane, items, round()));
          expect([lane, time, whole]).toEqual([lane, time, []]);
          expect(rows, `${lane} ${time}`).toBeLessThanOrEqual(1_000);
        }
    });
  },
);

/** A turn within the transaction that is open already. */
async function drive<T>(sql: Sql, work: (sql: Sql, last: (write: Promise<unknown>) => void) => Promise<T>): Promise<T> {
  const writes: Promise<unknown>[] = [];
  const result = await work(sql, (write) => void writes.push(write));
  await Promise.all(writes);
  return result;
}
