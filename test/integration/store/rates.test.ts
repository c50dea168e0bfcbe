// What Rate rules are made of in Postgres: how long a start keeps its place, how long it is kept, when a place may be moved, and
// that a queue whose window was forgotten is found.
import { beforeEach, describe, expect, it } from "vitest";
import { holdMs } from "#domain/rules/rate";
import type { Db, Sql } from "#store/pg/pool";
import { ensureKeyTemplates } from "#store/rules/key-templates";
import { deleteUnusedRates, pruneStarts } from "#store/rules/rate-templates";
import { renewStarts } from "#store/rules/rates";
import { fromStart, repairRules } from "#store/rules/repair";
import { create, openStage } from "../actor/stage.ts";

let db: Db;
beforeEach(async () => {
  ({ db } = await openStage());
});

const rate = (max_starts: number, per_secs: number, ...fields: string[]) => ({
  ...{ type: "Rate" as const, max_starts, per_secs, matcher: { kind: "k", fields } },
});
const ask = <T extends object>(work: (sql: Sql) => Promise<readonly T[]>) =>
  db.use(async (sql) => [...(await work(sql))]);
const run = (text: string) => db.use((sql) => sql.unsafe(text));
const templates = () =>
  ask((sql) => sql`select to_jsonb(fields) as fields, shortest, longest, complete from rate_template order by fields`);
const start = (claim: number, agoSecs: number) =>
  run(`insert into rate_start (claim_id, template, key, at)
    select ${claim}, id, rate_key_of(kind, fields, null), now() - ${agoSecs} * interval '1 second' from rate_template where fields = '{}'`);
const claims = async () =>
  (await ask((sql) => sql<{ id: number }[]>`select claim_id as id from rate_start order by 1`)).map(({ id }) => id);

it.each([1, 2, 3, 60, 86_400])(
  "a start keeps its place in a window of %i s as long as the domain says",
  async (per) => {
    const [found] = await ask(
      (sql) => sql<{ ms: number }[]>`select extract(epoch from rate_hold(${per}))::float8 * 1000 as ms`,
    );
    expect(found?.ms).toBeCloseTo(holdMs(per), 3);
  },
);

it("refuses a type of rules that it does not know", async () => {
  await expect(run(`select * from rule_normal('[{"type": "Speed"}]')`)).rejects.toThrow("unknown type of rule: Speed");
});

it("a rate, its windows, and slots of the same fields and values have keys of their own", async () => {
  const [found] = await ask(
    (sql) => sql<{ n: number }[]>`
    select count(distinct key)::int as n from (
      select limit_key_of('k', '{t}', '{"t":1}') as key union all select rate_key_of('k', '{t}', '{"t":1}')
      union all select rule_key_of('Rate', max, 'k', '{t}', per, '{"t":1}') from (values (1::bigint, 1), (2, 1), (1, 2)) v (max, per)) k`,
  );
  expect(found?.n).toBe(5);
});

describe("a template", () => {
  it("knows the shortest and the longest window of its fields, and is no key template", async () => {
    await ensureKeyTemplates(db, [rate(1, 10), rate(2, 5, "t")]);
    await ensureKeyTemplates(db, [rate(9, 60), rate(1, 1)]);
    expect(await templates()).toEqual([
      { fields: [], shortest: 1, longest: 60, complete: true },
      { fields: ["t"], shortest: 5, longest: 5, complete: true },
    ]);
    expect(await ask((sql) => sql`select from key_template`)).toEqual([]);
  });

  it("stays while a task needs it, and while a start of its longest window counts", async () => {
    await ensureKeyTemplates(db, [rate(1, 60)]);
    const { ids } = await create(db, [{ rules: [rate(1, 60)] as never }]);
    const overdue = () => run("update rate_template set keep_until = now() - interval '1 second'");
    const remains = async () => {
      await overdue();
      await db.use(deleteUnusedRates);
      return (await templates()).length;
    };
    expect(await remains()).toBe(1);
    await start(1, 3_000);
    await run(`update task set status = 'Success', ended_at = now() where id = '${ids[0]}'`);
    expect(await remains()).toBe(1);
    await db.use(pruneStarts);
    expect(await remains()).toBe(0);
  });
});

it("starts are kept for the longest window of their fields, and those of no template go", async () => {
  await ensureKeyTemplates(db, [rate(1, 1), rate(1, 600)]);
  await run(
    "insert into rate_start (claim_id, template, key, at) values (9, 77, gen_random_uuid(), now() - interval '5 minutes')",
  );
  for (const [claim, ago] of [
    [1, 0],
    [2, 590],
    [3, 700],
  ] as const)
    await start(claim, ago);
  await db.use(pruneStarts);
  expect(await claims()).toEqual([1, 2]);
});

it("moves the place of a start that is younger than half of its shortest window, and of no other", async () => {
  await ensureKeyTemplates(db, [rate(1, 10), rate(1, 10, "t")]);
  await start(1, 4);
  await start(2, 6);
  await start(3, 4);
  await run(`insert into rate_start (claim_id, template, key, at)
    select 3, id, gen_random_uuid(), now() - interval '6 seconds' from rate_template where fields = '{t}'`);
  const before = performance.now();
  const until = await db.use((sql) => renewStarts(sql, [1, 2, 3, 4]));
  expect([...until.keys()]).toEqual([1]);
  expect(until.get(1)).toBeGreaterThanOrEqual(before + 85);
  expect(until.get(1)).toBeLessThan(performance.now() + 85);
  const moved = await ask((sql) => sql`select claim_id as id from rate_start where at > now() - interval '2 seconds'`);
  expect(moved).toEqual([{ id: 1 }]);
});

it("the sweep finds a queue that waits for a window of which nothing says when it opens", async () => {
  await create(db, [{ rules: [rate(1, 60)] as never }]);
  await run("delete from signal");
  await run(
    "update admission_queue set ready = true, waiting_on = gen_random_uuid(), waiting_type = 'Rate', waiting_limit = 1",
  );
  expect(await repairRules(db, fromStart())).toBe(1);
  expect(await ask((sql) => sql`select queue is not null as ok from signal`)).toEqual([{ ok: true }]);
  expect(await repairRules(db, fromStart())).toBe(0);
});
