// The slots of a limit key: taken in the transaction that claims a task, and freed in the one after which no call of it can be
// open. Whatever may open a key or fill an admission queue leaves a signal in the same transaction.
import type { Fragment } from "postgres";
import type { SlotChanges } from "#domain/turn/slot-changes";
import type { Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { array, idList } from "#store/pg/unnest";
import { writeQueues } from "#store/rules/queues";

/** A task `t` that holds slots: as `holdsSlots` says, and by the index `task_holding`. */
export const isHolding = (sql: Sql): Fragment =>
  sql`(t.status in ('Claimed', 'Running') or (t.in_doubt and t.ended_at is null))`;

/** Issues the writes, after those of the rows themselves; each that is passed to `signals` tells how many signals it left. */
export function writeSlotChanges(
  sql: Sql,
  changes: SlotChanges,
  send: SendWrite,
  signals: (write: Promise<{ readonly count: number }>) => void,
): void {
  const { enters, leaves, moved, recharged, requeued, fills, judged } = changes;
  if (leaves.length > 0 || recharged.length > 0) signals(release(sql, [...leaves, ...recharged]));
  if (recharged.length > 0) send(recharge(sql, recharged));
  if (enters.length > 0) send(enter(sql, enters));
  if (moved.length > 0) signals(signalKeysOf(sql, moved));
  if (requeued.length > 0) signals(requeue(sql, requeued));
  if (fills.length > 0) signals(fill(sql, fills));
  if (judged.length > 0) send(writeQueues(sql, judged));
}

const enter = (sql: Sql, enters: SlotChanges["enters"]) =>
  sql`
    insert into slot (key, task_id)
    select * from unnest(${idList(enters.map(({ key }) => key))}::uuid[], ${idList(enters.map(({ task }) => task))}::uuid[])
    on conflict do nothing`.execute();

const release = (sql: Sql, tasks: readonly string[]) =>
  sql`
    with gone as (delete from slot where task_id = any(${idList(tasks)}::uuid[]) returning key)
    insert into signal (key) select distinct key from gone`.execute();

const recharge = (sql: Sql, tasks: readonly string[]) =>
  sql`
    insert into slot (key, task_id)
    select distinct k, t.id from task t join task_spec s on s.id = t.id
      cross join key_template h cross join limit_key_of(h.kind, h.fields, s.metadata) k
    where t.id = any(${idList(tasks)}::uuid[]) and h.kind = t.kind and k is not null
    on conflict do nothing`.execute();

/** Signals the limit keys of these tasks: they have less work left, so a Capacity rule may admit more. */
export const signalKeysOf = (sql: Sql, tasks: readonly string[]) =>
  sql`
    insert into signal (key) select distinct key from slot
    where task_id = any(${idList(tasks)}::uuid[]) and exists (select from key_template)`.execute();

/** A task in doubt does not wait for a slot that it holds itself: nothing else could free it. */
const requeue = (sql: Sql, tasks: readonly string[]) =>
  sql`
    with now_in as materialized (
      select id, queue_for(terms, rules, metadata) as queue from (
        select t.id, rule_terms(s.rules, s.metadata, t.expected_count is not null,
          case when t.in_doubt then array(select key from slot h where h.task_id = t.id) else '{}' end) as terms, s.rules, s.metadata
        from task t join task_spec s on s.id = t.id where t.id = any(${idList(tasks)}::uuid[]) order by 2, 1) x),
    moved as (
      update task t set queue = n.queue from now_in n where t.id = n.id and t.queue <> n.queue
      returning t.queue, t.priority, t.created_at, t.pos, t.status, t.ready_at)
    insert into signal (queue, priority, since, pos)
    select distinct on (queue) queue, priority, created_at, pos from moved
    where queue <> 0 and status = 'Pending' and ready_at is null order by queue, priority desc, created_at, pos`.execute();

const fill = (sql: Sql, fills: SlotChanges["fills"]) => {
  const of = (field: keyof SlotChanges["fills"][number]) => array(fills.map((one) => one[field]));
  return sql`
    insert into signal (queue, priority, since, pos)
    select distinct on (queue) queue, priority, since, pos
    from unnest(${of("queue")}::int[], ${of("priority")}::smallint[], ${of("since")}::timestamptz[], ${of("pos")}::int[])
      as u (queue, priority, since, pos)
    order by queue, priority desc, since, pos`.execute();
};
