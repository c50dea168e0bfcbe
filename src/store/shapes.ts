// Shapes: which fields rules compare, for which kind. A shape is there, and complete, before the first task with such a rule
// is: from then on every claim writes its holders, and what was active before has got them. Shapes are never deleted.
import { setTimeout as pause } from "node:timers/promises";
import type { Fragment } from "postgres";
import { Invalid, Unavailable } from "#domain/errors";
import type { Rule } from "#domain/rule";
import type { Db, Sql } from "#store/client";
import { shapeLock } from "#store/lanes";

const triesMax = 100;
const againMs = 50;
/** Every claim of a task makes a key for each shape of its kind. */
const shapesMax = 64;
const portion = 1_000;

const known = new WeakMap<Db, Set<string>>();

/** Throws `Unavailable` where a task that is active now stays locked by somebody for seconds. */
export async function ensureShapes(db: Db, rules: readonly Rule[]): Promise<void> {
  const seen = known.get(db) ?? new Set<string>();
  known.set(db, seen);
  const fresh = new Map(rules.map((rule) => [JSON.stringify(rule.matcher), rule]));
  for (const matcher of fresh.keys()) if (seen.has(matcher)) fresh.delete(matcher);
  if (fresh.size === 0) return;
  const text = JSON.stringify([...fresh.values()]);
  if (!(await db.use((sql) => areComplete(sql, text)))) await complete(db, text);
  for (const matcher of fresh.keys()) seen.add(matcher);
}

const wanted = (sql: Sql, rules: string) => sql`(select distinct kind, fields from rule_normal(${rules}::text::jsonb))`;

async function areComplete(sql: Sql, rules: string): Promise<boolean> {
  const [found] = await sql<{ all: boolean }[]>`
    select coalesce(bool_and(s.complete), false) as all
    from ${wanted(sql, rules)} w left join shape s on s.kind = w.kind and s.fields = w.fields`;
  return found?.all === true;
}

async function complete(db: Db, rules: string): Promise<void> {
  await db.tx(async (sql) => {
    // Every transaction that may make a task active holds this shared: those that do not know the shape end first.
    await sql`select pg_advisory_xact_lock(${shapeLock})`;
    await sql`insert into shape (kind, fields) select kind, fields from ${wanted(sql, rules)} w on conflict do nothing`;
    const [full] = await sql<{ kind: string }[]>`
      select s.kind from shape s where s.kind in (select kind from ${wanted(sql, rules)} w)
      group by s.kind having count(*) > ${shapesMax} limit 1`;
    if (full)
      throw new Invalid("Too many different rules", [
        `rules: all rules for the kind ${JSON.stringify(full.kind)} together may name at most ${shapesMax} different sets of fields`,
      ]);
  });
  for (let tries = 0; tries < triesMax; tries++) {
    if (await db.use((sql) => fillIn(sql, rules))) return;
    await pause(againMs);
  }
  throw new Unavailable("a task that is running now could not be counted for a new rule");
}

/** Gives a key to what was active before, in portions. False: somebody holds one of these tasks just now. */
async function fillIn(sql: Sql, rules: string): Promise<boolean> {
  const active = sql`
    select id, kind from task where owner is not null
    union all select id, kind from task where due_at is not null and status = 'Running'`;
  const lacks = lacking(sql, active, wanted(sql, rules));
  let filled: { count: number };
  do {
    // One that is locked may be about to end: a holder would be left behind.
    filled = await sql`
      with free as materialized (
        select t.id, l.key from (${lacks} limit ${portion}) l join task t on t.id = l.id
        where t.status in ('Claimed', 'Running') for share of t skip locked)
      insert into holder (key, task_id) select key, id from free on conflict do nothing`;
  } while (filled.count > 0);
  const [left] = await sql<{ lacks: boolean }[]>`select exists (${lacks}) as lacks`;
  if (left?.lacks !== false) return false;
  await sql`
    update shape s set complete = true from ${wanted(sql, rules)} w where s.kind = w.kind and s.fields = w.fields`;
  return true;
}

/** Which of these tasks (id, kind) lack a key of these shapes (kind, fields). */
export const lacking = (sql: Sql, active: Fragment, shapes: Fragment) => sql`
  select a.id, a.key from (
    select t.id, rule_key(w.kind, w.fields, s.metadata) as key
    from (${active}) t join ${shapes} w on w.kind = t.kind join task_spec s on s.id = t.id) a
  where a.key is not null and not exists (select from holder h where h.key = a.key and h.task_id = a.id)`;
