// What must be true of the tables behind the rules in every system where nothing moves, also while tasks run: each check
// gives the rows that break it. The last one knows nothing of these tables: it counts the tasks themselves.
import type postgres from "postgres";
import type { Violation } from "#test/invariants";

export async function ruleViolations(sql: postgres.Sql): Promise<Violation[]> {
  const found: Violation[] = [];
  for (const [check, text] of Object.entries(checks)) {
    const rows = await sql.unsafe(`${text} limit 5`);
    if (rows.length > 0) found.push({ check, rows: [...rows] });
  }
  return found;
}

const active = "('Claimed', 'Running')";
const claimable = "t.status = 'Pending' and t.due_at is null";
const held = `select k as key, t.id as task_id from task t join task_spec s using (id) join shape h on h.kind = t.kind
  cross join rule_key(h.kind, h.fields, s.metadata) k where t.status in ${active} and k is not null`;
const used = `(select coalesce(case l.waiting_type when 'Capacity' then sum(greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0))
  else count(*) end, 0) from holder h join task t on t.id = h.task_id where h.key = l.waiting_on)`;

const checks: Readonly<Record<string, string>> = {
  "a holder is active and holds what it should": `select h.key, h.task_id from holder h except (${held})`,
  "who is active is a holder": `(${held}) except select h.key, h.task_id from holder h`,
  "a shape is complete": `select * from shape where not complete`,
  "a task is in the lane of its rules": `
    select t.id, t.lane, l.terms from task t join task_spec s using (id) left join lane l on l.id = t.lane
    where t.ended_at is null and l.terms is distinct from rule_terms(s.rules, s.metadata, t.expected_count is not null)`,
  "no lane is forgotten": `
    select l.*, ${used} as used from lane l where exists (select from task t where t.lane = l.id and ${claimable})
      and not (l.ready and l.waiting_on is null)
      and not exists (select from wake w where w.lane = l.id or w.key = l.waiting_on)
      and not coalesce(l.waiting_type = 'missing' or ${used} >= l.waiting_limit, false)`,
  "who waits has a reason": `
    with active as materialized (
        select t.kind, s.metadata, greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0) as load
        from task t join task_spec s using (id) where t.status in ${active})
    select t.id, t.kind, s.metadata, s.rules from task t join task_spec s using (id)
    where ${claimable} and not exists (
      select from jsonb_array_elements(s.rules) r
        cross join lateral (select count(*) as n, coalesce(sum(a.load), 0) as load from active a
          where a.kind = r -> 'matcher' ->> 'kind' and not exists (
            select from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f
            where a.metadata -> f is distinct from s.metadata -> f)) u
      where case r ->> 'type' when 'Capacity' then t.expected_count is null or u.load >= (r ->> 'max_capacity')::bigint
          else u.n >= coalesce(r ->> 'max_concurrency', r ->> 'max_concurency')::bigint end
        or exists (select from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f
          where not coalesce(s.metadata, '{}') ? f))`,
};
