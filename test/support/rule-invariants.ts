// What must be true of the tables behind the rules in every system where nothing moves, also while tasks run: each check
// gives the rows that break it. The last one knows nothing of slots, keys and queues: it counts the tasks themselves.
import type postgres from "postgres";
import { expect } from "vitest";
import type { Violation } from "#test/invariants";
import { until } from "#test/until";

export async function ruleViolations(sql: postgres.Sql): Promise<Violation[]> {
  const found: Violation[] = [];
  for (const [check, text] of Object.entries(checks)) {
    const rows = await sql.unsafe(`${text} limit 5`);
    if (rows.length > 0) found.push({ check, rows: [...rows] });
  }
  return found;
}

const restMs = 10_000;

/** Soon the tables agree: whoever still waits then has a reason. */
export async function expectRulesRest(sql: postgres.Sql, when?: string): Promise<void> {
  const violations = () => ruleViolations(sql);
  await until(async () => (await violations()).length === 0, restMs).catch(async () => {
    expect(await violations(), when).toEqual([]);
  });
}

const holding = "(t.status in ('Claimed', 'Running') or (t.in_doubt and t.ended_at is null))";
const claimable = "t.status = 'Pending' and t.ready_at is null";
const held = `select k as key, t.id as task_id from task t join task_spec s using (id) join key_template h on h.kind = t.kind
  cross join limit_key_of(h.kind, h.fields, s.metadata) k where ${holding} and k is not null`;
const used = `(select coalesce(case l.waiting_type when 'Capacity' then sum(greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0))
  else count(*) end, 0) from slot h join task t on t.id = h.task_id where h.key = l.waiting_on)`;

const checks: Readonly<Record<string, string>> = {
  "a slot is held by a task that runs or may run, and by the values it has": `select h.key, h.task_id from slot h except (${held})`,
  "every task that runs or may run holds its slots": `(${held}) except select h.key, h.task_id from slot h`,
  "what a rule of a task names is counted": `
    select t.id, n.* from task t join task_spec s using (id) cross join rule_normal(s.rules) n where t.ended_at is null and not exists (
      select from key_template h where n.type <> 'Rate' and h.kind = n.kind and h.fields = n.fields
      union all select from rate_template h where n.type = 'Rate' and h.kind = n.kind and h.fields = n.fields)`,
  "a key template is complete": `select * from key_template where not complete`,
  "a rate template is complete": `select * from rate_template where not complete`,
  "a window says when it opens": `
    select * from rate_window where opens_at < now() - interval '1 second'`,
  "a task is in the queue of its rules": `
    select t.id, t.queue, l.terms from task t join task_spec s using (id) left join admission_queue l on l.id = t.queue
    where t.ended_at is null and l.terms is distinct from rule_terms(s.rules, s.metadata, t.expected_count is not null,
      case when t.in_doubt then array(select key from slot h where h.task_id = t.id) else '{}' end)`,
  "no queue is forgotten": `
    select l.*, ${used} as used from admission_queue l where exists (select from task t where t.queue = l.id and ${claimable})
      and not (l.ready and l.waiting_on is null)
      and not exists (select from signal w where w.queue = l.id or w.key = l.waiting_on)
      and not coalesce(l.waiting_type = 'missing' or (l.waiting_type = 'Rate' and exists (select from rate_window w where w.id = l.waiting_on)) or ${used} >= l.waiting_limit, false)`,
  "who waits has a reason": `
    with holding as materialized (
        select t.id, t.kind, s.metadata, greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0) as load
        from task t join task_spec s using (id) where ${holding})
    select t.id, t.kind, s.metadata, s.rules from task t join task_spec s using (id)
    where ${claimable} and not exists (
      select from jsonb_array_elements(s.rules) r
        cross join lateral (
          select count(*) as n, coalesce(sum(a.load), 0) as load, coalesce(bool_or(a.id = t.id), false) as own from holding a
          where a.kind = r -> 'matcher' ->> 'kind' and not exists (
            select from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f
            where a.metadata -> f is distinct from s.metadata -> f)) u
        cross join rule_normal(jsonb_build_array(r)) n
      where (n.type = 'Rate' and n.max <= (
          select count(*) from rate_start w where w.key = rate_key_of(n.kind, n.fields, s.metadata)
            and w.at > now() - rate_hold(n.per) - interval '1 second'))
        or n.type <> 'Rate' and not u.own and case r ->> 'type' when 'Capacity' then t.expected_count is null or u.load >= (r ->> 'max_capacity')::bigint
          else u.n >= coalesce(r ->> 'max_concurrency', r ->> 'max_concurency')::bigint end
        or (t.expected_count is null and r ->> 'type' = 'Capacity') or exists (select from jsonb_array_elements_text(r -> 'matcher' -> 'fields') f
          where not coalesce(s.metadata, '{}') ? f))`,
};
