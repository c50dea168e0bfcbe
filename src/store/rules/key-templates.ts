// Key templates: which fields rules compare, for which kind. A template is there, and complete, before the first task with such a
// rule is: from then on every claim takes its slots, and active tasks have got theirs. No claim waits while one is made: the transaction that
// makes it waits for the claims that began before, which do not know it, and then adds the slots of what these claimed. A template
// that no rule of an unfinished task needs is deleted some time after it was last asked for. What Rate rules count is in
// rate-templates.ts.
import type { Fragment } from "postgres";
import type { Rule } from "#domain/rules/rule";
import type { Db, Sql } from "#store/pg/pool";
import { onceClaimsKnow, templatesMax, tooManyTemplates } from "#store/rules/claiming";
import { ensureRateTemplates } from "#store/rules/rate-templates";
import { isHolding } from "#store/rules/slots";
import { unusedTemplates } from "#store/rules/unused-templates";

const portion = 1_000;
/** A template stays for an hour after it was last asked for; one that is known here was seen with half of that left. */
const knownMs = 10 * 60_000;
const knownMax = 10_000;

/** By matcher, of a Rate with its window: until when it is known to exist. */
const known = new WeakMap<Db, Map<string, number>>();

/** Those of Rates, too. Throws `Unavailable` where a task that a new one matches, or a claim that began before it, stays locked for seconds. */
export async function ensureKeyTemplates(db: Db, rules: readonly Rule[]): Promise<void> {
  const seen = known.get(db) ?? new Map<string, number>();
  known.set(db, seen);
  const now = performance.now();
  const asked = new Map(
    rules.map((rule) => [JSON.stringify([rule.matcher, rule.type === "Rate" && rule.per_secs]), rule]),
  );
  for (const matcher of asked.keys()) if ((seen.get(matcher) ?? 0) > now) asked.delete(matcher);
  if (asked.size === 0) return;
  const [rates, others] = [[...asked.values()].filter(isRate), [...asked.values()].filter((rule) => !isRate(rule))];
  const text = JSON.stringify(others);
  if (others.length > 0 && !(await db.use((sql) => areKept(sql, text)))) await make(db, text);
  if (rates.length > 0) await ensureRateTemplates(db, JSON.stringify(rates));
  if (seen.size > knownMax) seen.clear();
  for (const matcher of asked.keys()) seen.set(matcher, now + knownMs);
}

const isRate = ({ type }: Rule): boolean => type === "Rate";
const wanted = (sql: Sql, rules: string) => sql`(select distinct kind, fields from rule_normal(${rules}::text::jsonb))`;

/** One that is missing gives null, which `bool_and` passes over. */
async function areKept(sql: Sql, rules: string): Promise<boolean> {
  const [found] = await sql<{ all: boolean }[]>`
    select coalesce(bool_and(coalesce(s.complete and s.keep_until > now() + interval '30 minutes', false)), false) as all
    from ${wanted(sql, rules)} w left join key_template s on s.kind = w.kind and s.fields = w.fields`;
  return found?.all === true;
}

async function make(db: Db, rules: string): Promise<void> {
  const isNew = await db.tx(async (sql) => {
    const made = await sql<{ complete: boolean }[]>`
      insert into key_template (kind, fields) select kind, fields from ${wanted(sql, rules)} w order by 1, 2
      on conflict (kind, fields) do update set keep_until = excluded.keep_until returning complete`;
    const [full] = await sql<{ kind: string }[]>`
      select s.kind from key_template s where s.kind in (select kind from ${wanted(sql, rules)} w)
      group by s.kind having count(*) > ${templatesMax} limit 1`;
    if (full) throw tooManyTemplates("rules", full.kind);
    return made.some(({ complete }) => !complete);
  });
  if (!isNew) return;
  await onceClaimsKnow(db, (sql) => fillIn(sql, rules));
}

/** Adds the slots of active tasks, in portions. False: the row of one of these tasks is locked. */
async function fillIn(sql: Sql, rules: string): Promise<boolean> {
  const holding = sql`
    select t.id, t.kind from task t where ${isHolding(sql)} and t.kind in (select kind from ${wanted(sql, rules)} w)`;
  const lacks = lacking(sql, holding, wanted(sql, rules));
  let filled: { count: number };
  do {
    // A locked task may be about to end; its slot would be left behind.
    filled = await sql`
      with free as materialized (
        select t.id, l.key from (${lacks} limit ${portion}) l join task t on t.id = l.id
        where ${isHolding(sql)} for share of t skip locked)
      insert into slot (key, task_id) select key, id from free on conflict do nothing`;
  } while (filled.count > 0);
  const [left] = await sql<{ lacks: boolean }[]>`select exists (${lacks}) as lacks`;
  if (left?.lacks !== false) return false;
  await sql`
    update key_template s set complete = true from ${wanted(sql, rules)} w where s.kind = w.kind and s.fields = w.fields`;
  return true;
}

/**
 * Deletes templates that were not asked for within their time and that no unfinished task needs, with their slots; the others get
 * another hour.
 */
export async function deleteUnused(sql: Sql): Promise<number> {
  const { count } = await sql`
    with ${unusedTemplates(sql, "key_template", sql`true`)},
    free as materialized (
      select t.id, limit_key_of(g.kind, g.fields, s.metadata) as key
      from gone g join task t on t.kind = g.kind join task_spec s on s.id = t.id
      where ${isHolding(sql)} for share of t skip locked),
    freed as (delete from slot h using free f where h.key = f.key and h.task_id = f.id)
    select from gone`;
  return count;
}

/** Which of these tasks (id, kind) lack a slot of these templates (kind, fields). */
export const lacking = (sql: Sql, holding: Fragment, templates: Fragment) => sql`
  select a.id, a.key from (
    select t.id, limit_key_of(w.kind, w.fields, s.metadata) as key
    from (${holding}) t join ${templates} w on w.kind = t.kind join task_spec s on s.id = t.id) a
  where a.key is not null and not exists (select from slot h where h.key = a.key and h.task_id = a.id)`;
