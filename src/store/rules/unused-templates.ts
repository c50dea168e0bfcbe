// Templates that were not asked for within their time and that no unfinished task needs.
import type { Fragment } from "postgres";
import type { Sql } from "#store/pg/pool";
import { isHolding } from "#store/rules/slots";

const rulesOf = { key_template: "n.type <> 'Rate'", rate_template: "n.type = 'Rate'" } as const;

/**
 * Parts of a `with`: deletes them, of which `gone` (kind, fields) is left; the needed ones get another hour. `isFree`: what else must
 * hold of a template `k`. Tasks of one queue have the same templates, so one of each is asked, and all of those that lack a field.
 */
export const unusedTemplates = (sql: Sql, table: keyof typeof rulesOf, isFree: Fragment): Fragment => sql`
  old as materialized (select kind, fields from ${sql(table)} where keep_until < now()),
  asked as materialized (
    select one.id from admission_queue l cross join lateral (
      select t.id from task t where t.queue = l.id and t.queue <> 0 and t.ended_at is null
      limit case when l.terms @> '[{"key": null}]' then null else 1 end) one
    where exists (select from old)
    union all
    select t.id from task t where ${isHolding(sql)} and t.in_doubt and exists (select from old)),
  needed as materialized (
    select distinct n.kind, n.fields from asked a join task_spec s on s.id = a.id cross join lateral rule_normal(s.rules) n
    where ${sql.unsafe(rulesOf[table])}
    union
    -- The new rules of tasks that a change has not come to yet.
    select n.kind, n.fields from batch_work w cross join lateral rule_normal(w.args -> 'rules') n
    where w.kind = 'rules' and w.done_at is null and ${sql.unsafe(rulesOf[table])}),
  kept as (
    update ${sql(table)} k set keep_until = now() + interval '1 hour' from needed n where n.kind = k.kind and n.fields = k.fields
      and k.keep_until < now() + interval '30 minutes'),
  gone as (
    delete from ${sql(table)} k using old o where k.kind = o.kind and k.fields = o.fields and k.keep_until < now()
      and not exists (select from needed n where n.kind = k.kind and n.fields = k.fields)
      and ${isFree} returning k.kind, k.fields)`;
