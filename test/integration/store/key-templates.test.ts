// Making a key template holds nobody up: claims go on meanwhile, and what they leave without a slot gets it. Postgres raises on a
// type of rules that it does not know.
import { beforeEach, expect, it } from "vitest";
import type { Db } from "#store/pg/pool";
import { deleteUnused, ensureKeyTemplates } from "#store/rules/key-templates";
import { keyTemplateLock } from "#store/rules/queues";
import { deleteUnusedRates } from "#store/rules/rate-templates";
import { ruleViolations } from "#test/rule-invariants";
import { stays, until } from "#test/until";
import { create, openAs, openStage, rowsOf, startRig } from "../actor/stage.ts";

let db: Db;
let url: string;
beforeEach(async () => {
  ({ db, url } = await openStage());
});

const rule = (kind: string) =>
  ({ type: "Concurrency", max_concurrency: 1, matcher: { kind, status: "Running", fields: [] } }) as const;
const isThere = (kind: string) =>
  db.use(
    async (sql) =>
      (await sql<{ complete: boolean }[]>`select complete from key_template where kind = ${kind}`)[0]?.complete,
  );

it("others claim while one is made that waits for a claim of before, and it counts what that claim took", async () => {
  const { ids } = await create(db, [{ kind: "old" }] as never);
  const [old] = ids as [string];
  let made = false;
  let making: Promise<unknown> | undefined;
  // A claim that began before, and that does not know the template.
  await db.tx(async (sql) => {
    await sql`select pg_advisory_xact_lock_shared(${keyTemplateLock})`;
    await sql`update task set status = 'Claimed', owner = 9, claim_id = 9 where id = ${old}`;
    making = ensureKeyTemplates(db, [rule("old")]).then(() => {
      made = true;
    });
    await until(async () => (await isThere("old")) === false);
    const { ids: others } = await create(db, [{ kind: "new" }] as never);
    const rig = startRig(db);
    rig.look();
    await until(() => rig.started.some(({ task }) => task === others[0]));
    await rig.stop();
    await stays(() => !made, 200);
  });
  await making;
  expect(await isThere("old")).toBe(true);
  expect([...(await db.use((sql) => sql`select task_id from slot`))]).toEqual([{ task_id: old }]);
  expect(await db.use((sql) => ruleViolations(sql as never))).toEqual([]);
  expect((await rowsOf(db, [old]))[0]?.status).toBe("Claimed");
});

it("another process makes the templates that are missing, though some of those it asks for are there", async () => {
  const rate = (kind: string) =>
    ({ type: "Rate", max_starts: 1, per_secs: 1, matcher: { kind, status: "Running", fields: [] } }) as const;
  await ensureKeyTemplates(db, [rule("a"), rate("a")]);
  await ensureKeyTemplates(openAs(url), [rule("a"), rule("b"), rate("a"), rate("b")]);
  const kinds = await db.use(
    (sql) => sql`
      select 'slots' as of, kind, complete from key_template union all select 'starts', kind, complete from rate_template
      order by 1, 2`,
  );
  expect([...kinds]).toEqual(
    ["slots", "starts"].flatMap((of) => ["a", "b"].map((kind) => ({ of, kind, complete: true }))),
  );
});

it("a task of another kind that is locked delays nothing", async () => {
  const { ids } = await create(db, [{ kind: "other" }] as never);
  await db.use(
    (sql) => sql`update task set status = 'Claimed', owner = 9, claim_id = 9 where id = ${ids[0] as string}`,
  );
  await db.tx(async (sql) => {
    await sql`select from task where id = ${ids[0] as string} for update`;
    await ensureKeyTemplates(db, [rule("mine")]);
  });
  expect(await isThere("mine")).toBe(true);
});

it("a template goes with its slots once no unfinished task needs it and it was not asked for in its time", async () => {
  const expire = () => db.use((sql) => sql`update key_template set keep_until = now() - interval '1 second'`);
  const kinds = () =>
    db.use(async (sql) =>
      (await sql<{ kind: string }[]>`select kind from key_template order by 1`).map(({ kind }) => kind),
    );
  const lacking = { ...rule("lacks"), matcher: { ...rule("lacks").matcher, fields: ["t"] } };
  const { ids } = await create(db, [
    { kind: "x", rules: [rule("needed")] },
    { kind: "y", rules: [rule("x")], metadata: {} },
    { kind: "z", rules: [lacking] },
  ] as never);
  const rig = startRig(db);
  rig.look();
  await until(() => rig.started.length === 1);
  expect(await kinds()).toEqual(["lacks", "needed", "x"]);
  await expire();
  expect(await db.use(deleteUnused)).toBe(0);
  // Kept for another hour: it is not asked again.
  expect(
    await db.use((sql) => sql`select from key_template where keep_until < now() + interval '59 minutes'`),
  ).toHaveLength(0);
  await rig.ask({ verb: "cancel", target: ids[1] as string });
  await expire();
  expect(await db.use(deleteUnused)).toBe(1);
  expect(await kinds()).toEqual(["lacks", "needed"]);
  expect(await db.use((sql) => sql`select from slot`)).toHaveLength(0);
  expect(await db.use((sql) => ruleViolations(sql as never))).toEqual([]);
  await rig.stop();
});

it("a template stays while a change of rules that names it has not come to its tasks", async () => {
  const rate = { type: "Rate", max_starts: 1, per_secs: 1, matcher: rule("later").matcher } as const;
  const rules = [rule("later"), rate];
  await ensureKeyTemplates(db, rules);
  const { batch } = await create(db, [{}]);
  await db.use(
    (sql) => sql`
      insert into batch_work (batch_id, seq, kind, upto, args)
      values (${batch}, 1, 'rules', 0, ${JSON.stringify({ kind: "k", rules })}::text::jsonb)`,
  );
  const past = "set keep_until = now() - interval '1 second'";
  const remain = async () => {
    await db.use((sql) => sql.unsafe(`update key_template ${past}; update rate_template ${past}`));
    return [await db.use(deleteUnused), await db.use(deleteUnusedRates)];
  };
  expect(await remain()).toEqual([0, 0]);
  await db.use((sql) => sql`update batch_work set done_at = now()`);
  expect(await remain()).toEqual([1, 1]);
});

it("another process waits with a shorter window of a Rate until no call is made under the longer margin", async () => {
  const rate = (per_secs: number) => ({ type: "Rate", max_starts: 1, per_secs, matcher: rule("k").matcher }) as const;
  await ensureKeyTemplates(db, [rate(60)]);
  const first = ensureKeyTemplates(db, [rate(1)]);
  const complete = () =>
    db.use(async (sql) => (await sql<{ complete: boolean }[]>`select complete from rate_template`)[0]?.complete);
  await until(async () => (await complete()) === false);
  const since = performance.now();
  await ensureKeyTemplates(openAs(url), [rate(1)]);
  // The margin of the longest window, less what it took to see that the first has begun.
  expect(performance.now() - since).toBeGreaterThan(80);
  await first;
});

it("a type of rules that is not known is an error, and not counted as another one", async () => {
  const rules = JSON.stringify([{ ...rule("k"), type: "Fairness" }]);
  await expect(db.use((sql) => sql`select rule_terms(${rules}::text::jsonb, null, false)`)).rejects.toThrow(/Fairness/);
});
