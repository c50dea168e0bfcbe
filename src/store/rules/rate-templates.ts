// Rate templates: which fields Rate rules compare, for which kind. From when one is there, every claim of such a task that leads to
// a call is counted. One that no rule of an unfinished task needs stays while a start of its longest window counts.
import { setTimeout as pause } from "node:timers/promises";
import { marginMs } from "#domain/rules/rate";
import { perSecsMax } from "#domain/rules/rule";
import type { Db, Sql } from "#store/pg/pool";
import { onceClaimsKnow, templatesMax, tooManyTemplates } from "#store/rules/claiming";
import { unusedTemplates } from "#store/rules/unused-templates";

/** A claim goes by the time at which its transaction began, so starts stay for longer than any transaction may take. */
const longestTurn = "1 minute";
const pruneMax = 10_000;

const wanted = (sql: Sql, rules: string) => sql`(
  select kind, fields, min(per) as shortest, max(per) as longest from rule_normal(${rules}::text::jsonb)
  where type = 'Rate' group by kind, fields)`;

/** `rules`: as JSON; those that are no Rate are passed over. */
export async function ensureRateTemplates(db: Db, rules: string): Promise<void> {
  if (await db.use((sql) => areKept(sql, rules))) return;
  const isNew = await db.tx((sql) => make(sql, rules));
  if (!isNew) return;
  await onceClaimsKnow(db, async () => true);
  // Calls of claims that were made under a longer margin may leave until then; other processes, too, wait for it.
  await pause(marginMs(perSecsMax));
  await db.use(
    (sql) => sql`
      update rate_template t set complete = true from ${wanted(sql, rules)} w where t.kind = w.kind and t.fields = w.fields`,
  );
}

/** One that is missing gives null, which `bool_and` passes over. */
async function areKept(sql: Sql, rules: string): Promise<boolean> {
  const [found] = await sql<{ all: boolean }[]>`
    select coalesce(bool_and(coalesce(t.complete and t.keep_until > now() + interval '30 minutes'
      and t.shortest <= w.shortest and t.longest >= w.longest, false)), false) as all
    from ${wanted(sql, rules)} w left join rate_template t on t.kind = w.kind and t.fields = w.fields`;
  return found?.all === true;
}

/** Whether some are new, or have a shorter window now. */
async function make(sql: Sql, rules: string): Promise<boolean> {
  const made = await sql<{ complete: boolean }[]>`
    insert into rate_template as t (kind, fields, shortest, longest)
    select kind, fields, shortest, longest from ${wanted(sql, rules)} w order by 1, 2
    on conflict (kind, fields) do update set keep_until = excluded.keep_until,
      complete = t.complete and t.shortest <= excluded.shortest,
      shortest = least(t.shortest, excluded.shortest), longest = greatest(t.longest, excluded.longest)
    returning complete`;
  const [full] = await sql<{ kind: string }[]>`
    select t.kind from rate_template t where t.kind in (select kind from ${wanted(sql, rules)} w)
    group by t.kind having count(*) > ${templatesMax} limit 1`;
  if (full) throw tooManyTemplates("Rate rules", full.kind);
  return made.some(({ complete }) => !complete);
}

/** Deletes starts that are in no window any more, some at a time. */
export async function pruneStarts(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive seen (template) as (
      select min(template) from rate_start
      union all
      select (select min(template) from rate_start where template > s.template) from seen s where s.template is not null),
    old as materialized (
      select o.* from seen left join rate_template t on t.id = seen.template cross join lateral (
        select claim_id, template from rate_start s
        where s.template = seen.template
          and s.at < now() - coalesce(rate_hold(t.longest), interval '0') - ${longestTurn}::text::interval
        order by s.template, s.at limit ${pruneMax}) o)
    delete from rate_start s using old o where s.claim_id = o.claim_id and s.template = o.template`;
  return count;
}

/**
 * Deletes templates that were not asked for within their time, that no unfinished task needs, and of which no start counts; the
 * others get another hour.
 */
export async function deleteUnusedRates(sql: Sql): Promise<number> {
  const { count } = await sql`
    with ${unusedTemplates(sql, "rate_template", sql`not exists (select from rate_start s where s.template = k.id)`)}
    select from gone`;
  return count;
}
