// What waits for a receiver that may not be called costs the others nothing, however much it is: Postgres counts what a
// lease of deliveries and a claim round read. With tables that were known when the statements were prepared, and with
// ones that were empty then.
import { beforeAll, describe, expect, it } from "vitest";
import { ClaimRound } from "#actor/claim/round";
import { turn } from "#actor/turn/turn";
import type { Db } from "#store/pg/pool";
import { lease, nextDue } from "#store/turn/deliveries";
import { env, openStage } from "../actor/stage.ts";
import { inside, measured } from "../actor/turn.blocked.meter.ts";

const many = 30_000;
/** Of other receivers, a few each. */
const receivers = 40;
/** Far less than what waits: some looks for each receiver, and what is taken. */
const some = 500;
const times = 7;
const [dead, loaded] = ["http://dead:1", "http://loaded:1"];

/** In front of all others stand those to the dead receiver; to the loaded one most are leased, or wait for their start. */
const fill = `
  create temp table nothing on commit drop as select '{}'::jsonb as json;
  insert into delivery (id, key, batch_id, trigger, action, receiver, facts, next_at, hold_until, lease_until, lease_id)
    select gen_random_uuid(), 'd' || n, gen_random_uuid(), 'end', json, '${dead}', json, now() - interval '1 day', null, null, null::int8
      from generate_series(1, ${many}) n, nothing
    union all select gen_random_uuid(), 'b' || n, gen_random_uuid(), 'end', json, '${loaded}', json, now() - interval '1 hour',
      case when n % 2 = 0 then now() + interval '1 hour' end, case when n % 2 = 1 then now() + interval '1 hour' end, 1
      from generate_series(1, ${many / 5}) n, nothing
    union all select gen_random_uuid(), 'r' || n, gen_random_uuid(), 'end', json, 'http://r' || n % ${receivers}, json,
      now() - interval '1 s' + (n / ${receivers}) * interval '10 s', null, null, null::int8
      from generate_series(0, ${2 * receivers - 1}) n, nothing;
  insert into batch (id, total, unfinished) values (gen_random_uuid(), ${many + 1}, ${many + 1});
  insert into task (id, batch_id, pos, status, kind, priority, receiver, wait_finished, wait_success, timeout, acts)
    select gen_random_uuid(), (select id from batch), n, 'Pending'::task_status, 'k', 9, '${dead}', 0, 0, 60, 1 from generate_series(1, ${many}) n
    union all select gen_random_uuid(), (select id from batch), 0, 'Pending', 'k', 0, 'http://r1', 0, 0, 60, 1;
  insert into task_spec (id, batch_id, local_id, name, start_action) select id, batch_id, pos::text, 'n', '{"kind": "Webhook", "params": {}}' from task;`;

const capacity = { receivers: [{ receiver: dead, free: 0 }], freeMax: 16 };
const slots = {
  free: () => 64,
  limited: () => [{ receiver: dead, free: 0, gated: true }],
  freeMax: 64,
  freeFor: (receiver: string) => (receiver === dead ? 0 : 64),
};

const work = {
  lease: (db: Db) => measured(db, (sql) => lease(sql, { limit: 50, leaseSecs: 15, leaseId: 7, ...capacity })),
  next: (db: Db) => measured(db, (sql) => nextDue(sql, capacity)),
  claim: (db: Db) =>
    measured(db, (sql) =>
      turn(inside(db, sql), env, "task", [], new ClaimRound(slots, 64, () => ({ owner: 1, claimId: 9 }))),
    ),
};

describe.each(["filled, then analyzed, then prepared", "prepared on empty tables, then filled, never analyzed"])(
  "with tables that were %s",
  (order) => {
    let db: Db;
    beforeAll(async () => {
      ({ db } = await openStage(1));
      const isEarly = order.startsWith("prepared");
      if (isEarly) {
        for (const table of ["task", "task_spec", "batch", "delivery"])
          await db.use((sql) => sql.unsafe(`alter table ${table} set (autovacuum_enabled = off)`));
        for (let time = 0; time < times; time++) for (const measure of Object.values(work)) await measure(db);
      }
      await db.tx((sql) => sql.unsafe(`set local statement_timeout = 0; ${fill}`), 60_000);
      if (!isEarly) await db.use((sql) => sql`vacuum analyze`, 30_000);
    }, 120_000);

    it("a lease reads nothing of who may not be called, nothing that is held or leased, and gets what is due", async () => {
      for (let time = 0; time < times; time++) {
        const { result, ...seen } = await work.lease(db);
        expect([time, result.length, seen.whole]).toEqual([time, receivers, []]);
        expect([seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
    });

    it("the next time is that of one who may be called, and is found as cheaply", async () => {
      for (let time = 0; time < times; time++) {
        const { result, ...seen } = await work.next(db);
        expect(result).toBeGreaterThan(0);
        expect(result).toBeLessThanOrEqual(10_000);
        expect(seen.whole).toEqual([]);
        expect([seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
    });

    it("a claim round reads nothing of the tasks whose receiver has an open circuit, and starts the one behind them", async () => {
      for (let time = 0; time < times; time++) {
        const { result, ...seen } = await work.claim(db);
        expect([time, result.claimed.map(({ receiver }) => receiver), seen.whole]).toEqual([time, ["http://r1"], []]);
        expect([seen.rows <= some, seen.entries <= some], `time ${time}: ${seen.where}`).toEqual([true, true]);
      }
    });
  },
);
