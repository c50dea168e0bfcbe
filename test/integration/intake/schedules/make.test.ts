// Making the batches of schedules, on a database without workers: what was missed and made up, what waits, what is refused, and
// workers that are at it together or stop in the middle. Time passes by setting back the times of a schedule.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MakerDeps, ScheduleMaker } from "#intake/schedules/maker";
import type { Db } from "#store/pg/pool";
import { until } from "#test/until";
import { openApi } from "../../http/api.ts";

type Api = Awaited<ReturnType<typeof openApi>>;
let api: Api;
let db: Db;
beforeAll(async () => {
  api = await openApi();
  db = api.db;
}, 60_000);
afterAll(() => api.close());
beforeEach(() => db.use((sql) => sql`truncate schedule, schedule_time, schedule_alive, batch cascade`));

const stops: string[] = [];
function maker(more: Partial<MakerDeps> = {}, config: Partial<MakerDeps["config"]> = {}) {
  const { policy, log, large } = api.deps;
  const deps = { config: { ...api.deps.config, ...config }, policy, log, large, db };
  const tells = { created: () => {}, stop: (batch: string) => void stops.push(batch), count: () => {} };
  return new ScheduleMaker({ ...deps, ...tells, aliveMs: () => 0, ...more });
}

/** Looks until there is nothing more to do at once. */
async function settled(one = maker(), alone = false): Promise<void> {
  for (let n = 0; n < 20; n++) if ((await one.look(alone)) !== 0) return;
}

const joins = [{ id: "a", name: "A", kind: "scheduled" }];
const gate = [{ id: "a", name: "A", kind: "gate", on_start: { kind: "Wait", params: {} } }];

async function put(name: string, body: object): Promise<void> {
  const payload = { every_secs: 60, batch: gate, ...body };
  const { statusCode } = await api.app.inject({ method: "PUT", url: `/schedules/${name}`, payload });
  expect(statusCode).toBe(201);
  // Half a minute on, so that no time is within a second of now.
  await setBack(name, 0.5);
}
const get = async (name: string) => (await api.get(`/schedules/${name}`)) as Shown;
interface Shown {
  readonly batches: readonly { readonly batch_id: string; readonly at: string; readonly status: string }[];
  readonly skipped: readonly { readonly at: string; readonly reason: string }[];
  readonly next: readonly string[];
}

/** As if so many minutes had passed, and workers had been alive from and until so many minutes ago. */
async function pass(name: string, minutes: number, ...alive: readonly (readonly [from: number, to: number])[]) {
  await setBack(name, minutes);
  await db.use(async (sql) => {
    for (const [from, to] of alive)
      await sql`insert into schedule_alive (since, upto)
        values (now() - ${from}::int * interval '1 min', now() - ${to}::int * interval '1 min')`;
  });
}

const setBack = (name: string, minutes: number) =>
  db
    .use(
      (sql) => sql`
      with b as materialized (select id, ${minutes}::float8 * interval '1 min' as by from schedule where name = ${name}),
        -- Later ones come to where earlier ones were.
        t as (delete from schedule_time t using b where t.schedule_id = b.id returning t.*, b.by),
        m as (update batch set schedule_at = schedule_at - by from b where schedule = ${name})
      update schedule s set anchor = anchor - by, next_at = next_at - by, due_at = due_at - by from b where s.id = b.id
      returning (select json_agg(json_build_array(schedule_id, at - by, state, batch_id)) from t) as times`,
    )
    .then(async ([row]) => {
      for (const [id, at, state, batch] of (row?.times ?? []) as [string, string, string, string | null][])
        await db.use(
          (sql) => sql`insert into schedule_time values (${id}, ${at}::text::timestamptz, ${state}, ${batch})`,
        );
    });

const complete = (name: string) =>
  db.use(
    (sql) => sql`
    update batch set unfinished = 0, succeeded = total, completed_at = now() where schedule = ${name} and completed_at is null`,
  );

/** When it was, in whole minutes before now. */
const ago = (times: readonly { readonly at: string }[]) =>
  times.map(({ at }) => Math.floor((Date.now() - Date.parse(at)) / 60_000));
const reasons = ({ skipped }: Shown) => [...new Set(skipped.map(({ reason }) => reason))];

describe("times that were missed", () => {
  it("are given up by none", async () => {
    await put("s", { catch_up: "none", overlap: "allow" });
    await pass("s", 5);
    await settled();
    const now = await get("s");
    expect([now.batches, ago(now.skipped), reasons(now)]).toEqual([[], [0, 1, 2, 3, 4], ["missed"]]);
    expect(now.next).toHaveLength(5);
  });

  it("are made up by last: the newest", async () => {
    await put("s", { overlap: "allow" });
    await pass("s", 5);
    await settled();
    const now = await get("s");
    expect([ago(now.batches), ago(now.skipped), reasons(now)]).toEqual([[0], [1, 2, 3, 4], ["missed"]]);
  });

  it("are made up by all, at once where batches may overlap: the newest 100", async () => {
    await put("s", { catch_up: "all", overlap: "allow" });
    await pass("s", 105);
    await settled();
    const [made] = await db.use(
      (sql) => sql`select count(*)::int as n, count(distinct schedule_at)::int as times from batch`,
    );
    expect(made).toEqual({ n: 100, times: 100 });
    const now = await get("s");
    expect([ago(now.batches), ago(now.skipped)]).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      [100, 101, 102, 103, 104],
    ]);
  });

  it("are made up one after the other under skip, and by the newest alone under replace", async () => {
    await put("one", { catch_up: "all", overlap: "skip" });
    await put("new", { catch_up: "all", overlap: "replace" });
    for (const name of ["one", "new"]) await pass(name, 3);
    await settled();
    expect([ago((await get("one")).batches), ago((await get("new")).batches)]).toEqual([[2], [0]]);
    expect(reasons(await get("new"))).toEqual(["missed"]);
    for (const seen of [
      [1, 2],
      [0, 1, 2],
    ]) {
      await complete("one");
      await until(async () => {
        await settled();
        return (await get("one")).batches.length === seen.length;
      });
      expect(ago((await get("one")).batches)).toEqual(seen);
    }
    expect((await get("one")).skipped).toEqual([]);
  });

  it("are no times at which some worker was alive: those run, however late", async () => {
    await put("s", { catch_up: "none", overlap: "allow" });
    await pass("s", 6, [5, 3]);
    await settled();
    const now = await get("s");
    expect([ago(now.batches), ago(now.skipped)]).toEqual([
      [3, 4],
      [0, 1, 2, 5],
    ]);
    expect(reasons(now)).toEqual(["missed"]);
  });

  it("are none where the worker that looks was alive all the time", async () => {
    await put("s", { catch_up: "none", overlap: "allow" });
    await pass("s", 4);
    await settled(maker({ aliveMs: () => 10 * 60_000 }));
    expect(ago((await get("s")).batches)).toEqual([0, 1, 2, 3]);
  });
});

describe("a time that waits", () => {
  it("stops the batches before it under replace, and is made when they are complete", async () => {
    await put("s", { overlap: "replace" });
    await pass("s", 1);
    await settled();
    const [{ batch_id: first } = { batch_id: "" }] = (await get("s")).batches;
    await pass("s", 2, [60, 0]);
    stops.length = 0;
    await settled();
    expect(stops).toContain(first);
    expect((await get("s")).batches).toHaveLength(1);
    // Of two times that passed meanwhile the newest is kept.
    expect(reasons(await get("s"))).toEqual(["overlap"]);
    await complete("s");
    await until(async () => {
      await settled();
      return (await get("s")).batches.length === 2;
    });
    expect(ago((await get("s")).batches)[0]).toBe(0);
  });

  it("is tried again while it is refused, until the next time comes", async () => {
    await put("s", { overlap: "allow" });
    await put("other", { every_secs: 3_600, overlap: "allow" });
    await api.app.inject({ method: "POST", url: "/schedules/other/run" });
    const full = maker({}, { maxUnfinishedTasks: 1 });
    await pass("s", 1);
    await settled(full);
    expect(await get("s")).toMatchObject({ batches: [], skipped: [] });
    await complete("other");
    await until(async () => {
      await settled(full);
      return (await get("s")).batches.length === 1;
    });
    await pass("s", 1, [60, 0]);
    await settled(full);
    expect((await get("s")).skipped).toEqual([]);
    await pass("s", 1, [60, 0]);
    await settled(full);
    const now = await get("s");
    expect([now.batches.length, reasons(now)]).toEqual([1, ["refused"]]);
  });

  it("outlives a pause, and times that pass meanwhile are not missed", async () => {
    await put("s", { overlap: "replace" });
    await api.app.inject({ method: "POST", url: "/schedules/s/run" });
    await pass("s", 1, [60, 0]);
    await settled();
    await api.app.inject({ method: "POST", url: "/schedules/s/pause" });
    await pass("s", 10);
    await complete("s");
    await settled();
    expect((await get("s")).batches).toHaveLength(1);
    await api.app.inject({ method: "POST", url: "/schedules/s/resume" });
    await settled();
    const now = await get("s");
    expect([now.batches.length, now.skipped]).toEqual([2, []]);
  });
});

describe("several workers", () => {
  it("make each time once together", async () => {
    const names = Array.from({ length: 30 }, (_, n) => `s${n}`);
    await Promise.all(names.map((name) => put(name, { catch_up: "all", overlap: "allow", batch: joins })));
    for (const name of names) await pass(name, 4);
    const workers = [maker(), maker(), maker()];
    await until(async () => {
      const rests = await Promise.all(workers.map((one) => one.look(false)));
      return rests.every((ms) => ms !== null && ms > 1_000);
    });
    const [made] = await db.use(
      (sql) => sql`
      select count(*)::int as n, count(distinct (schedule, schedule_at))::int as times from batch`,
    );
    expect(made).toEqual({ n: 120, times: 120 });
  });

  it("leave a time as it was where one fails in the middle", async () => {
    await put("s", { overlap: "allow", catch_up: "all", batch: joins });
    await pass("s", 2);
    // What is written last fails: nothing of what went before may stay.
    await db.use((sql) =>
      sql.unsafe(`
      create function broken() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
      create trigger broken before insert on schedule_time for each row execute function broken()`),
    );
    await settled();
    expect(await get("s")).toMatchObject({ batches: [], skipped: [] });
    const [rest] = await db.use((sql) => sql`select due_at > now() + interval '5 s' as rests from schedule`);
    expect(rest?.rests).toBe(true);
    await db.use((sql) => sql.unsafe("drop trigger broken on schedule_time; drop function broken"));
    await db.use((sql) => sql`update schedule set due_at = now()`);
    await settled();
    expect((await get("s")).batches).toHaveLength(2);
  });
});

describe("a schedule that is made alone", () => {
  const dedupe = [{ kind: "scheduled", status: "Pending", fields: ["day"] }];
  const batch = [{ id: "a", name: "A", kind: "scheduled", metadata: { day: 1 }, dedupe_strategy: dedupe }];

  it("leaves out tasks as POST /task does", async () => {
    await put("s", { overlap: "allow", catch_up: "all", batch });
    await pass("s", 3);
    await settled(maker(), false);
    expect((await get("s")).batches).toEqual([]);
    await settled(maker(), true);
    expect((await get("s")).batches).toHaveLength(3);
    const [tasks] = await db.use((sql) => sql`select sum(total)::int as n from batch`);
    expect(tasks).toEqual({ n: 1 });
  });

  it("may have rules, and as many tasks as a batch may", async () => {
    const rules = [
      { type: "Concurrency", max_concurrency: 1, matcher: { kind: "scheduled", status: "Running", fields: [] } },
    ];
    const tasks = Array.from({ length: 300 }, (_, n) => ({ id: `t${n}`, name: "T", kind: "scheduled", rules }));
    await put("s", { overlap: "allow", batch: { tasks, metadata: { a: 1 } } });
    await pass("s", 1);
    await settled(maker(), true);
    const [{ batch_id } = { batch_id: "" }] = (await get("s")).batches;
    expect(await api.get(`/batch/${batch_id}`)).toMatchObject({ total_tasks: 300, metadata: { a: 1 } });
  });
});

it("keeps the newest times of each sort, and no more", async () => {
  await put("s", { overlap: "allow", catch_up: "all" });
  await pass("s", 60, [100, 30]);
  await settled();
  const states = await db.use((sql) => sql`select state, count(*)::int as n from schedule_time group by 1 order by 1`);
  expect(states.every(({ n }) => n <= 10)).toBe(true);
});
