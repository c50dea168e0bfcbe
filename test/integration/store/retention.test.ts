// Deleting old batches on a real Postgres: which go and which stay, in portions that readers can live with, by several at once.
import { randomUUID } from "node:crypto";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { readEnded } from "#store/create/rerun";
import { drawn } from "#store/events/log";
import { type Deleted, deleteOld, firstPlace } from "#store/maintenance/retention";
import type { Db, Sql } from "#store/pg/pool";
import { takeSettled } from "#store/turn/replays";
import { until } from "#test/until";
import { openApi } from "../http/api.ts";

const api = await openApi();
const { db } = api;
afterAll(api.close);
const tables = [
  "task",
  "task_spec",
  "link",
  "slot",
  "event",
  "delivery",
  "delivery_attempt",
  "batch",
  "batch_spec",
  "deduplicated",
];
beforeEach(() => db.use((sql) => sql.unsafe(`truncate ${tables.join(", ")}`)).then(() => {}));

interface Making {
  readonly tasks?: number;
  /** Days since it was completed; null: it is not. */
  readonly ago?: number | null;
  /** State of the deliveries, one for each task and one for the batch. */
  readonly deliveries?: string;
}

/** A chain of tasks with everything that may belong to them. */
async function write({ tasks = 2, ago = 40, deliveries = "success" }: Making = {}): Promise<string> {
  const batch = randomUUID();
  const open = ago === null && tasks > 0 ? 1 : 0;
  const settled = deliveries !== "pending";
  await db.tx(async (sql) => {
    await sql`
      insert into batch (id, total, unfinished, succeeded, completed_at)
      values (${batch}, ${tasks}, ${open}, ${tasks - open}, now() - ${ago}::int * interval '1 day')`;
    await sql`insert into batch_spec (id, scope) values (${batch}, 's')`;
    await sql`
      with t as (
        insert into task (id, batch_id, pos, status, kind, wait_finished, wait_success, timeout, acts, ended_at)
        select gen_random_uuid(), ${batch}, n, (case when n > ${open} then 'Success' else 'Running' end)::task_status, 'k', 0, 0, 60, 1,
          case when n > ${open} then now() end
        from generate_series(1, ${tasks}) n returning id, pos),
      s as (insert into task_spec (id, batch_id, local_id, name) select id, ${batch}, pos::text, 'n' from t),
      l as (insert into link (parent_id, child_id) select p.id, c.id from t p join t c on c.pos = p.pos + 1),
      h as (insert into slot (key, task_id) select gen_random_uuid(), id from t),
      e as (insert into event (task_id, batch_id, "from", "to", event, at, attempt, actor)
        select id, ${batch}, 'Running', 'Success', 'succeed', now(), 0, 'x' from t),
      d as (insert into delivery (id, key, task_id, batch_id, trigger, action, facts, status, done_at)
        select gen_random_uuid(), coalesce(u.id, ${batch})::text, u.id, ${batch}, 'end', '{}', '{}', ${deliveries}::delivery_status,
          case when ${settled} then now() end
        from (select id from t union all select null) u returning id)
      insert into delivery_attempt (delivery_id, n, at, duration_ms) select id, n, now(), 1 from d, generate_series(1, 2) n`;
  });
  return batch;
}

async function walk(tasksMax = 1_000, own: Db = db): Promise<Deleted[]> {
  const portions: Deleted[] = [];
  for (let place: typeof firstPlace | null = firstPlace; place !== null; ) {
    const done = await deleteOld(own, { days: 30, tasksMax }, place);
    if (done === "elsewhere") continue;
    if (done.next !== null) portions.push(done.deleted);
    place = done.next;
  }
  return portions;
}
async function left(): Promise<Record<string, number>> {
  const counts = tables.map((name) => `select '${name}' as name, count(*)::int as n from ${name}`).join(" union all ");
  const rows = await db.use((sql) => sql.unsafe<{ name: string; n: number }[]>(counts));
  return Object.fromEntries(rows.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
}
const batches = () =>
  db.use((sql) => sql<{ id: string }[]>`select id from batch`).then((rows) => rows.map(({ id }) => id));

describe("an old batch", () => {
  it("goes with everything that belongs to it, and what it held is open", async () => {
    await write({ tasks: 3 });
    expect(await walk()).toEqual([{ batches: 1, tasks: 3, deliveries: 4, events: 3 }]);
    expect(await left()).toEqual({});
    expect(await db.use((sql) => sql`delete from signal returning key`)).toHaveLength(3);
  });

  it("goes when it is empty, too", async () => {
    await write({ tasks: 0 });
    expect(await walk()).toEqual([{ batches: 1, tasks: 0, deliveries: 1, events: 0 }]);
    expect(await left()).toEqual({});
  });

  it("goes though a delivery was given up, but not while one is pending", async () => {
    await write({ deliveries: "exhausted" });
    const kept = await write({ deliveries: "pending" });
    const ofBatch = await write({ ago: 50 });
    await db.use(
      (sql) => sql`
        update delivery set status = 'pending', done_at = null where batch_id = ${ofBatch} and task_id is null`,
    );
    await walk();
    expect((await batches()).sort()).toEqual([kept, ofBatch].sort());
    expect(await left()).toMatchObject({ task: 4, link: 2, delivery: 6, delivery_attempt: 12, event: 4 });
    await db.use((sql) => sql`update delivery set status = 'success', done_at = now()`);
    await walk();
    expect(await left()).toEqual({});
  });

  it("stays while a rerun of it is unfinished, and keeps none behind it", async () => {
    const [first, again] = [await write({ ago: 50 }), await write({ ago: null })];
    await db.use((sql) => sql`update batch set rerun_of = ${first} where id = ${again}`);
    await write({ ago: 40 });
    await walk(1);
    expect((await batches()).sort()).toEqual([first, again].sort());
    await db.use(
      (sql) => sql`update batch set unfinished = 0, succeeded = 2, completed_at = now() where id = ${again}`,
    );
    await walk();
    expect(await batches()).toEqual([again]);
  });

  it("stays while it is not old, or not complete", async () => {
    const all = [await write({ ago: 29 }), await write({ ago: null }), await write({ ago: 0 })];
    expect(await walk()).toEqual([]);
    expect((await batches()).sort()).toEqual(all.sort());
  });

  it("that cannot go yet does not keep those behind it", async () => {
    const stuck = await Promise.all(Array.from({ length: 5 }, () => write({ ago: 90, deliveries: "pending" })));
    await write({ ago: 31 });
    await walk(4);
    expect((await batches()).sort()).toEqual(stuck.sort());
  });
});

describe("a portion", () => {
  it("has at most so many tasks; the batch goes with its last ones", async () => {
    await write({ tasks: 5, ago: 60 });
    for (let n = 0; n < 3; n++) await write({ tasks: 1, ago: 50 });
    const portions = await walk(2);
    expect(portions.map(({ batches, tasks }) => [batches, tasks])).toEqual([
      [0, 2],
      [0, 2],
      [1, 1],
      [2, 2],
      [1, 1],
    ]);
    expect(await left()).toEqual({});
  });

  it("is not taken for a writer of events while it deletes the rest", async () => {
    await write();
    const portion = await db.tx(async (sql) => {
      await sql`select from delivery_attempt for update`;
      const deleting = deleteOld(db, { days: 30, tasksMax: 2 }, firstPlace);
      const waits = () => sql`select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))`;
      await until(async () => (await waits()).length > 0, 1_500);
      expect((await drawn(db)).open.size).toBe(0);
      return { deleting };
    });
    expect(await portion.deleting).toMatchObject({ deleted: { events: 2 } });
    expect(await left()).toEqual({});
  });

  it("leaves what every reader can read", async () => {
    const batch = await write({ tasks: 6 });
    const portion = () => deleteOld(db, { days: 30, tasksMax: 2 }, firstPlace);
    const [task] = await db.use((sql) => sql<{ id: string }[]>`select id from task`);
    const paths = ["/batches", `/batch/${batch}`, `/dag/${batch}`, `/task?batch_id=${batch}`, "/webhook-deliveries"];
    const ofTask = [`/task/${task?.id}`, `/task/${task?.id}/events`];
    for (const rest of [6, 4, 2]) {
      const answers = await Promise.all(paths.map((path) => api.app.inject(path)));
      expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200]);
      const { tasks, links } = await api.get(`/dag/${batch}`);
      expect([tasks.length, links.length < rest]).toEqual([rest, true]);
      for (const path of ofTask) expect([200, 404]).toContain((await api.app.inject(path)).statusCode);
      // It cannot be run again in part.
      expect((await readEnded(db, batch, { only: "all", dependents: false, from: null })) === undefined).toBe(rest < 6);
      await portion();
    }
    for (const path of [`/batch/${batch}`, `/dag/${batch}`, ...ofTask])
      expect((await api.app.inject(path)).statusCode).toBe(404);
  });

  it("keeps a batch while a rerun of it is unfinished, and not longer", async () => {
    const [first, again, over] = [await write({ ago: 50 }), await write({ ago: null }), await write({ ago: 40 })];
    await db.use((sql) => sql`update batch set rerun_of = ${first} where id in (${again}, ${over})`);
    expect(await walk()).toEqual([expect.objectContaining({ batches: 1, tasks: 2 })]);
    expect((await api.app.inject(`/batch/${first}`)).statusCode).toBe(200);
    await db.use(
      (sql) => sql`update batch set unfinished = 0, succeeded = total, completed_at = now() where id = ${again}`,
    );
    expect(await walk()).toEqual([expect.objectContaining({ batches: 1, tasks: 2 })]);
    expect((await api.app.inject(`/batch/${first}`)).statusCode).toBe(404);
  });

  it("keeps what a rerun of a rerun may read from, however many lie between, and not longer", async () => {
    const [first, second, third] = [await write({ ago: 60 }), await write({ ago: 50 }), await write({ ago: 40 })];
    const [again, alone] = [await write({ ago: null }), await write({ ago: 40 })];
    await db.use(
      (sql) => sql`
        update batch b set rerun_of = u.of from unnest(${`{${[second, third, again, alone].join()}}`}::uuid[],
          ${`{${[first, second, third, first].join()}}`}::uuid[]) u (id, of) where b.id = u.id`,
    );
    await walk(1);
    expect((await batches()).sort()).toEqual([first, second, third, again].sort());
    await db.use(
      (sql) => sql`update batch set unfinished = 0, succeeded = 2, completed_at = now() where id = ${again}`,
    );
    await walk(1);
    expect(await batches()).toEqual([again]);
  });

  it("leaves a batch and a task that are locked for the next time", async () => {
    const [one, two] = [await write({ ago: 50 }), await write({ ago: 60 })];
    await db.tx(async (sql) => {
      await sql`select from batch where id = ${one} for no key update`;
      await sql`select from task where batch_id = ${two} and pos = 1 for no key update`;
      expect(await walk()).toEqual([{ batches: 0, tasks: 1, deliveries: 1, events: 1 }, expect.anything()]);
    });
    expect(await left()).toMatchObject({ batch: 2, task: 3 });
    await walk();
    expect(await left()).toEqual({});
  });

  it("is not begun while deliveries are replayed", async () => {
    await write();
    await db.tx(async (sql) => {
      await takeSettled(sql);
      expect(await deleteOld(db, { days: 30, tasksMax: 10 }, firstPlace)).toBe("elsewhere");
    });
    expect(await batches()).toHaveLength(1);
  });
});

it("several at once delete everything once", async () => {
  for (let n = 0; n < 12; n++) await write({ tasks: n % 4 });
  const portions = (await Promise.all(Array.from({ length: 4 }, () => walk(3)))).flat();
  const sum = (what: keyof Deleted) => portions.reduce((total, portion) => total + portion[what], 0);
  expect([sum("batches"), sum("tasks"), sum("deliveries"), sum("events")]).toEqual([12, 18, 30, 18]);
  expect(await left()).toEqual({});
});

describe("among many others", () => {
  /** What the connection has scanned so far, by table; of what went before, a part may be reported already. */
  const scanned = async (sql: Sql) => {
    const rows = await sql<{ name: string; whole: number; rows: number }[]>`
      select relname as name, seq_scan as whole, seq_tup_read + coalesce(idx_tup_fetch, 0) as rows from pg_stat_xact_user_tables`;
    return new Map(rows.map((row) => [row.name, row]));
  };
  /** One portion in a transaction of its own, and what was touched for it, all tables together. */
  const touched = () =>
    db.tx(async (sql) => {
      const inside = { ...db, tx: (work: Parameters<Db["tx"]>[0]) => work(sql, () => {}) } as Db;
      const before = await scanned(sql);
      const done = await deleteOld(inside, { days: 30, tasksMax: 1_000 }, firstPlace);
      const more = [...(await scanned(sql)).values()].map(({ name, whole, rows }) => {
        const { whole: whole0 = 0, rows: rows0 = 0 } = before.get(name) ?? {};
        return { name, whole: whole - whole0, rows: rows - rows0 };
      });
      const whole = more.filter((table) => table.whole > 0).map(({ name }) => name);
      return { done, whole, rows: more.reduce((sum, table) => sum + table.rows, 0) };
    });

  it("a look that finds nothing costs nothing, and a portion what it deletes", async () => {
    for (let n = 0; n < 3; n++) await write({ tasks: 1_000, ago: 1 });
    await db.use(
      (sql) => sql`
        insert into batch (id, total, unfinished, completed_at) select gen_random_uuid(), 0, 0, now() from generate_series(1, 3000)`,
    );
    // What the planner believes of the tables is what it was when autovacuum last came by, which may have been empty ones.
    await db.use((sql) => sql`analyze`);
    const idle = await touched();
    expect(idle).toMatchObject({ done: { next: null }, whole: [] });
    expect(idle.rows).toBeLessThan(20);
    await write({ tasks: 3 });
    const touchedRows = await touched();
    expect(touchedRows).toMatchObject({ done: { deleted: { batches: 1, tasks: 3 } }, whole: [] });
    expect(touchedRows.rows).toBeLessThan(300);
  });
});
