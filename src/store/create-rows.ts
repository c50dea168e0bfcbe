// The rows of planned batches, in one statement, which is one transaction by itself: all or none.
// Foreign keys are checked at its end, so the order of its parts does not matter; parts without rows are left out.
import { type BatchPlan, completionOf } from "#domain/batch";
import type { Sql } from "#store/client";

/** Returns the time of creation, by the clock of Postgres. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertPlans(sql: Sql, plans: readonly BatchPlan[], now: number): Promise<Date> {
  const tasks = plans.flatMap((plan) => plan.tasks);
  const specs = plans.flatMap((plan) => plan.specs);
  const links = plans.flatMap((plan) => plan.links);
  const described = plans.filter((plan) => plan.scope !== null || plan.metadata !== null || plan.onComplete.length > 0);
  const deliveries = plans.flatMap((plan) => (plan.tasks.length === 0 ? completionOf(plan, now) : []));
  const found = await sql<{ created_at: Date }[]>`
    with b as (${intoBatch(sql, plans)})
    ${described.length > 0 ? sql`, bs as (${intoBatchSpec(sql, described)})` : sql``}
    ${tasks.length > 0 ? sql`, t as (${intoTask(sql, tasks)}), s as (${intoTaskSpec(sql, specs)})` : sql``}
    ${links.length > 0 ? sql`, l as (${intoLink(sql, links)})` : sql``}
    ${deliveries.length > 0 ? sql`, d as (${intoDelivery(sql, deliveries)})` : sql``}
    select now() as created_at`;
  return (found[0] as { created_at: Date }).created_at;
}

const json = (value: unknown): string => JSON.stringify(value);

const intoBatch = (sql: Sql, plans: readonly BatchPlan[]) => sql`
  insert into batch (id, total, unfinished, completed_at)
  select id, n, n, case when n = 0 then now() end
  from json_to_recordset(${json(plans.map(({ id, tasks }) => ({ id, n: tasks.length })))}::text::json) as u (id uuid, n int)`;

const intoBatchSpec = (sql: Sql, plans: readonly BatchPlan[]) => sql`
  insert into batch_spec (id, scope, metadata, on_complete)
  select id, scope, metadata, actions
  from json_to_recordset(${json(plans.map(({ id, scope, metadata, onComplete: actions }) => ({ id, scope, metadata, actions })))}::text::json)
    as u (id uuid, scope text, metadata jsonb, actions jsonb)`;

const intoTask = (sql: Sql, tasks: BatchPlan["tasks"]) => sql`
  insert into task (id, batch_id, pos, status, kind, priority, receiver, wait_finished, wait_success, kids,
    expected_count, timeout, retry, acts, dead_end_barrier, last_updated, run_at, due_at)
  select u.id, u.batch_id, u.pos, u.status, u.kind, u.priority, u.receiver, u.wait_finished, u.wait_success, u.kids,
    u.expected_count, u.timeout, u.retry, u.acts, u.dead_end_barrier, t.created, r.run_at,
    -- the timer of Pending; a Waiting task gets it when it becomes Pending
    case when u.status = 'Pending' and r.run_at > t.created then r.run_at end
  from json_to_recordset(${json(tasks)}::text::json) as u (id uuid, batch_id uuid, pos int, status task_status, kind text,
      priority smallint, receiver text, wait_finished int, wait_success int, kids int, expected_count bigint, timeout int,
      retry jsonb, acts smallint, dead_end_barrier boolean, run_at timestamptz, delay_secs int)
    cross join (select date_trunc('milliseconds', now()) as created) t
    cross join lateral (select coalesce(u.run_at, t.created + u.delay_secs * interval '1 second') as run_at) r`;

const intoTaskSpec = (sql: Sql, specs: BatchPlan["specs"]) => sql`
  insert into task_spec (id, batch_id, local_id, name, metadata, rules, dedupe, start_action, actions)
  select id, batch_id, local_id, name, metadata, rules, dedupe, start_action, actions
  from json_to_recordset(${json(specs)}::text::json) as u (id uuid, batch_id uuid, local_id text, name text, metadata jsonb,
    rules jsonb, dedupe jsonb, start_action jsonb, actions jsonb)`;

const intoLink = (sql: Sql, links: BatchPlan["links"]) => sql`
  insert into link (parent_id, child_id, requires_success, condition)
  select parent_id, child_id, requires_success, condition
  from json_to_recordset(${json(links)}::text::json)
    as u (parent_id uuid, child_id uuid, requires_success boolean, condition text)`;

const intoDelivery = (sql: Sql, deliveries: ReturnType<typeof completionOf>) => sql`
  insert into delivery (id, key, batch_id, trigger, action, facts)
  select u.id, u.key, u.batch_id, 'end', u.action, jsonb_build_object('batch_id', u.batch_id, 'counts', u.counts,
    'completed_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  from json_to_recordset(${json(deliveries)}::text::json) as u (id uuid, key text, batch_id uuid, action jsonb, counts jsonb)`;
