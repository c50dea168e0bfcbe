// Ends tasks in the transaction that creates them: a parent that runs no second time has ended so that they can never start.
// What is written is what a turn writes for a waiting task that is lost, so readers cannot tell the difference.
import { receiverOf } from "#domain/action";
import { endKey } from "#domain/calls/webhook";
import type { BatchPlan } from "#domain/create/batch";
import { uuidv7 } from "#domain/values/uuid";
import { processName } from "#store/maintenance/process";
import type { Sql } from "#store/pg/pool";
import { array, idList } from "#store/pg/unnest";

/** Some tasks of the plan are lost; all of it is written. `now`: wall clock in ms, for the ids of deliveries. */
export async function endLost(sql: Sql, plan: BatchPlan, now: number): Promise<void> {
  const lost = plan.tasks.flatMap(({ id, lost: how }) => (how === undefined ? [] : [{ id, ...how }]));
  const ids = idList(lost.map(({ id }) => id));
  await sql`
    with u as (
      select * from unnest(${ids}::uuid[], ${array(lost.map(({ as }) => as))}::task_status[],
        ${array(lost.map(({ reason }) => reason))}::text[]) as u (id, status, reason)
    ), t as (
      update task t set status = u.status, failure_reason = u.reason, ended_at = t.last_updated from u where t.id = u.id
      returning t.id, t.status, t.failure_reason, t.expected_count, t.ended_at
    ), e as (
      insert into event (task_id, batch_id, "from", "to", event, at, attempt, reason, actor)
      select id, ${plan.id}::uuid, 'Waiting', status, 'parent_lost', ended_at, 0, failure_reason,
        'worker:' || coalesce((select max(id) from process where name = ${processName}), 0)
      from t order by id
    )
    update batch b set unfinished = unfinished - n, failed = failed + failures, followed = followed + failures,
      skipped = skipped + n - failures, ended_expected = ended_expected + expected,
      ended_unexpected = ended_unexpected + unexpected, last_ended = greatest(last_ended, at)
    from (
      select count(*)::int as n, (count(*) filter (where status = 'Failure'))::int as failures,
        coalesce(sum(expected_count), 0)::float8 as expected, (count(*) filter (where expected_count is null))::int as unexpected,
        max(ended_at) as at from t) s
    where b.id = ${plan.id}`;
  // None of them makes a dead end: only the end of the last unfinished child does, and these never were unfinished children.
  await sql`
    update task t set open_children = open_children - l.n
    from (select parent_id, count(*)::int as n from link where child_id = any(${ids}::uuid[]) group by parent_id) l
    where t.id = l.parent_id and t.ended_at is null`;
  await deliver(sql, plan, now);
}

/** `on_failure`; nothing follows from being skipped. */
async function deliver(sql: Sql, plan: BatchPlan, now: number): Promise<void> {
  const deliveries = plan.tasks.flatMap(({ id, lost }, i) => {
    if (lost?.as !== "Failure") return [];
    const actions = (plan.specs[i]?.actions ?? []).filter((one) => one.trigger === "End" && one.on === "failure");
    return actions.map(({ kind, params }, n) => ({
      ...{ id: uuidv7(now), key: endKey(id, "failure", n + 1), task_id: id, action: { kind, params } },
      receiver: receiverOf({ kind, params } as Parameters<typeof receiverOf>[0]),
    }));
  });
  if (deliveries.length === 0) return;
  await sql`
    insert into delivery (id, key, task_id, batch_id, trigger, action, receiver, facts)
    select u.id, u.key, u.task_id, ${plan.id}::uuid, 'end', u.action, u.receiver, jsonb_build_object('task_id', t.id,
      'status', t.status, 'ended_at', to_char(t.ended_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'trigger', 'end',
      'attempt', 0, 'failure_reason', t.failure_reason)
    from json_to_recordset(${JSON.stringify(deliveries)}::text::json) as u (id uuid, key text, task_id uuid, action jsonb, receiver text)
      cross join lateral (select * from task where id = u.task_id offset 0) t`;
}
