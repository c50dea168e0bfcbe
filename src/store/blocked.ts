// What the rules of one task say now, for whoever asks why it waits.
import type { RuleState } from "#domain/task";
import type { Sql } from "#store/client";
import { used } from "#store/lanes";

const holdersMax = 100;

/** Of a task that is Pending; of any other one nothing. In the order of its rules. */
export const ruleStates = (sql: Sql, id: string): Promise<RuleState[]> => sql<RuleState[]>`
  select r.rule, n.max as limit,
    case n.type when 'Capacity' then u.load else u.count end::float8 as used,
    array_to_json(array(
      select h.task_id from holder h where h.key = w.key order by h.task_id limit ${holdersMax})) as holders,
    array_to_json(array(
      select f from unnest(n.fields) f where not coalesce(s.metadata, '{}') ? f
      union all select 'expected_count' where n.type = 'Capacity' and t.expected_count is null)) as missing
  from task t join task_spec s on s.id = t.id
    cross join jsonb_array_elements(s.rules) with ordinality r (rule, i)
    cross join rule_normal(jsonb_build_array(r.rule)) n
    cross join rule_key(n.kind, n.fields, s.metadata) w (key)
    cross join lateral (select ${used(sql, sql`n.type = 'Capacity'`)}) u
  where t.id = ${id} and t.status = 'Pending' order by r.i`;
