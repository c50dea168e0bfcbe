// How the statements of a turn reach their rows: by an index, and near the rows they want. Postgres itself counts what was
// scanned and fetched. Tables that are large and known, and tables that were filled after the statements had been
// prepared on empty ones and were never analyzed, must cost the same.
import { beforeAll, describe, expect, it } from "vitest";
import { ClaimRound } from "#actor/claim/round";
import { turn } from "#actor/turn/turn";
import type { Item } from "#domain/turn/items";
import * as find from "#store/claim/candidates";
import * as inputs from "#store/claim/inputs";
import * as take from "#store/claim/take";
import type { Db, Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import * as counters from "#store/turn/counters";
import * as load from "#store/turn/load";
import * as relatives from "#store/turn/relatives";
import * as unsent from "#store/turn/unsent";
import * as works from "#store/turn/works";
import { env, openStage } from "./stage.ts";

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
  insert into batch (id, total, unfinished, succeeded) select bid(b), ${width}, 10, ${width - 10} from generate_series(0, ${batches - 1}) b;
  insert into task (id, batch_id, pos, rank, status, kind, receiver, wait_finished, wait_success, children, open_children,
    timeout, acts, owner, claim_id, ended_at)
  select tid(n), bid(n / ${width}), p, p, status, 'k', case when p = 92 then 'http://r' || (n / ${width}) % 50 end,
    (p > 92)::int, 0, (p < 99)::int, (p between 90 and 98)::int, 60, 1, case when p = 91 then 1 end, n, case when p < 90 then now() end
  from generate_series(0, ${batches * width - 1}) n, lateral (select n % ${width} as p) p, lateral (
    select case when p < 90 then 'Success' when p = 90 then 'Running' when p = 91 then 'Claimed' when p = 92 then 'Pending'
      else 'Waiting' end::task_status as status) s;
  insert into task_spec (id, batch_id, rank, local_id, name) select id, batch_id, rank, pos::text, 'n' from task;
  insert into batch_work (batch_id, seq, kind, asked_at, last_at, done_at)
    select bid(b), 1, 'pause', now(), now(), case when b > 20 then now() end from generate_series(0, 40) b;
  insert into propagation (batch_id, task_id, step, rank, cause, last_cause)
    select bid(n / ${width}), tid(n), 'judge', n % ${width}, 1, 1 from generate_series(0, ${batches * width - 1}) n;
  insert into batch_spec (id, on_complete) select id, '[{"kind":"Webhook"}]' from batch;
  insert into link (parent_id, child_id) select tid(n), tid(n + 1)
    from generate_series(0, ${batches * width - 2}) n where n % ${width} < ${width - 1};
  insert into unsent (task_id, since, tries, host, error, until)
    select id, now(), 1, 'h:80', 'connect refused', now() from task;
  insert into command (id, answer) select 'c' || n, '{}' from generate_series(0, 20000) n;
  insert into counter_update (id) select 'c' || n from generate_series(0, 20000) n;
  insert into delivery (id, key, task_id, batch_id, trigger, action, facts)
    select gen_random_uuid(), id || ':end', id, batch_id, 'end', '{}', '{}' from task where status = 'Success';`;
const functions = `
  create function bid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-b' || lpad(n::text, 11, '0'))::uuid $$;
  create function tid(n int) returns uuid language sql as $$ select ('00000000-0000-7000-8000-0' || lpad(n::text, 11, '0'))::uuid $$;`;

const nothing = { ended: [], changed: [], unended: [] };
const capacity = { receivers: [{ receiver: "http://r1", free: 1 }], freeMax: 1 };
const look = { limit: 64, capacity, hasBatchWork: false };
const all = [{ queue: 0, slack: 64 }];
const middle = tasks(50 * width + 91, 1)[0] as string;
/** Every statement that a turn reads by; how many rows, all tables together, it may touch. */
const statements: Record<string, readonly [rows: number, (sql: Sql) => Promise<unknown>]> = {
  rowsUnlessLocked: [256, (sql) => load.rowsUnlessLocked(sql, tasks(4_000, 128))],
  moment: [8, (sql) => load.moment(sql)],
  lockBatches: [600, (sql) => load.lockBatches(sql, tasks(4_000, 128), [id("b", 3)], true)],
  lockBatchesFree: [600, (sql) => load.lockBatches(sql, tasks(4_000, 128), [], false)],
  rowsOf: [2 * 128 + 2, (sql) => load.rowsOf(sql, tasks(4_000, 128), true)],
  rowsOfFree: [2 * 128 + 2, (sql) => load.rowsOf(sql, tasks(4_000, 128), false)],
  batchesOf: [256, (sql) => load.batchesOf(sql, tasks(4_000, 128))],
  existingBatches: [16, (sql) => load.existingBatches(sql, [id("b", 1), id("b", 2)])],
  unfinishedRows: [64, (sql) => load.unfinishedRows(sql, tasks(50 * width + 80, 20))],
  unfinishedRanks: [64, (sql) => load.unfinishedRanks(sql, id("b", 50), 79, 99)],
  localIds: [128, (sql) => load.localIds(sql, tasks(4_000, 64))],
  childLinks: [64, (sql) => relatives.childLinks(sql, tasks(50 * width + 91, 4).map(asked))],
  unfinishedChildren: [64, (sql) => relatives.unfinishedChildren(sql, tasks(50 * width + 91, 4))],
  parentLinks: [64, (sql) => relatives.parentLinks(sql, tasks(50 * width + 94, 4))],
  unfinishedParents: [64, (sql) => relatives.unfinishedParents(sql, tasks(50 * width + 94, 4))],
  closureDown: [64, (sql) => relatives.closure(sql, [middle], "down", 500)],
  closureUp: [64, (sql) => relatives.closure(sql, tasks(50 * width + 98, 1), "up", 500)],
  worksOf: [16, (sql) => works.worksOf(sql, [id("b", 1), id("b", 2)])],
  nextSteps: [64, (sql) => works.nextSteps(sql, id("b", 1), 4)],
  causesOf: [2 * width, (sql) => works.causesOf(sql, id("b", 1))],
  find: [300, (sql) => find.find(sql, look, all)],
  findWithWork: [300, (sql) => find.find(sql, { ...look, hasBatchWork: true }, all)],
  findAmongMany: [500, (sql) => find.findAmongMany(sql, look, all, "http://r20")],
  findAmongManyLocking: [700, (sql) => find.findAmongMany(sql, { ...look, locks: true }, all, "")],
  lockClaimable: [256, (sql) => take.lockClaimable(sql, tasks(4_000, 64))],
  startActions: [128, (sql) => take.startActions(sql, tasks(4_000, 64))],
  usesOf: [192, (sql) => take.usesOf(sql, tasks(4_000, 64))],
  // Each with its spec, and its one parent with task and spec, or the task that it names.
  sourcesOfParents: [
    400,
    (sql) =>
      inputs.sourcesOf(
        sql,
        tasks(4_001, 32).map((task) => ({ task, inputs: "parents" })),
        nothing,
        1_000,
      ),
  ],
  unendedAtFirst: [
    64,
    (sql) =>
      inputs.unendedAtFirst(
        sql,
        tasks(4_001, 32).map((id) => ({ id, attempt: 0 })),
        new Date(),
      ),
  ],
  sourcesOfNames: [
    400,
    (sql) =>
      inputs.sourcesOf(
        sql,
        tasks(4_001, 32).map((task) => ({ task, inputs: { x: { task: "5" }, y: { task: "none" } } })),
        nothing,
        1_000,
      ),
  ],
  laterActions: [128, (sql) => load.laterActions(sql, tasks(4_000, 64))],
  completeActions: [8, (sql) => load.completeActions(sql, [id("b", 1), id("b", 2)])],
  answered: [128, (sql) => load.answered(sql, ["c5", "c700", ...tasks(0, 60)])],
  unsentOf: [64, (sql) => unsent.unsentOf(sql, tasks(4_000, 64))],
  writeUnsent: [
    128,
    async (sql) => {
      const writes: Promise<unknown>[] = [];
      const [over, going] = [tasks(4_000, 32), tasks(4_032, 32)];
      const next = { since: new Date(), tries: 2, host: "h:80", error: "connect refused", until: new Date() };
      const changes = [...over.map((id) => [id, null] as const), ...going.map((id) => [id, next] as const)];
      unsent.writeUnsent(sql, new Map(changes), (write) => writes.push(write));
      await Promise.all(writes);
    },
  ],
  countRows: [128, (sql) => counters.countRows(sql, tasks(4_000, 64), false)],
  keepIds: [128, (sql) => counters.keepIds(sql, [one("c5"), one("c700")])],
  keptBefore: [128, (sql) => counters.keptBefore(sql, ["c5", "c700"])],
  leaveOpen: [128, (sql) => counters.leaveOpen(sql, [one("c5"), one("c700")])],
  forgetIds: [128, (sql) => counters.forgetIds(sql, ["c5", "c700"])],
  writeCounts: [
    32,
    (sql) =>
      counters.writeCounts(sql, [
        {
          id: middle,
          status: "Claimed",
          attempt: 0,
          endedAt: null,
          inDoubt: false,
          isAwaited: false,
          success: 1,
          failures: 0,
        },
      ]),
  ],
};
const one = (id: string) => ({ id, counts: "1/0", open: [1, 2] });
const asked = (parent: string) => ({ parent, after: null, upto: 2 ** 31 - 1, max: 100 });
/** These take a batch as a whole, and may touch all of its tasks. */
const whole: typeof statements = {
  unfinishedRanks: [4 * width, (sql) => load.unfinishedRanks(sql, id("b", 7), -1, width - 1)],
};

interface Touched {
  readonly name: string;
  readonly whole: number;
  readonly rows: number;
}

/** What the backend has scanned so far in its present transaction (and before, if that is not reported yet). */
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
        // `batch_work` holds only what is under way: a look at it needs no index.
        whole: more.filter(({ whole, name }) => whole > 0 && name !== "batch_work").map(({ name }) => name),
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
          "batch_work",
          "propagation",
          "unsent",
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

    it("unfinishedRanks of all ranks reads the tasks of its batch alone", async () => {
      const [most, run] = whole.unfinishedRanks as (typeof whole)[string];
      const touched = await touch(db, run);
      expect(touched.whole).toEqual([]);
      expect(touched.rows).toBeLessThanOrEqual(most);
    });

    it("whole turns, which write as well, do the same", async () => {
      const round = () =>
        new ClaimRound({ free: () => 8, limited: () => [], freeMax: 8, freeFor: () => 8 }, 8, () => ({
          owner: 1,
          claimId: 5,
        }));
      const item = (target: string, verb: "cancel" | "update"): Item => ({
        ...{ from: "client", storedAt: Date.now(), expires: true, replyTo: null, settle: () => {} },
        command: {
          id: target,
          verb,
          target,
          actor: "token",
          ...(verb === "update" ? { fields: { priority: 4 } } : {}),
        },
      });
      for (const kind of ["task", "batch"] as const)
        for (let time = 0; time < 7; time++) {
          const items = [item(id("t", (60 + time) * width + 91), kind === "task" ? "update" : "cancel")];
          const inside = (sql: Sql): Db =>
            ({ ...db, up: true, use: (work) => work(sql), tx: (work) => drive(sql, work) }) as Db;
          const { whole, rows } = await touch(db, (sql) => turn(inside(sql), env, kind, items, round()));
          expect([kind, time, whole]).toEqual([kind, time, []]);
          expect(rows, `${kind} ${time}`).toBeLessThanOrEqual(1_000);
        }
    });
  },
);

/** A turn within the transaction that is open already. */
async function drive<T>(sql: Sql, work: (sql: Sql, send: SendWrite) => Promise<T>): Promise<T> {
  const writes: Promise<unknown>[] = [];
  const result = await work(sql, (write) => void writes.push(write));
  await Promise.all(writes);
  return result;
}
