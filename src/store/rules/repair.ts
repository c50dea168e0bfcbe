// The sweep over slots and admission queues, a part of them each time. What it finds is a mistake of other code: it
// repairs it, leaves the signals that are missing, and counts the repairs. It also deletes queues and key templates that no
// unfinished task needs.
// No other transaction waits for it: it skips locked rows until the next time, and each step is a transaction of its own.

import { nilUuid } from "#domain/values/uuid";
import type { Db, Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";
import { deleteUnused, lacking } from "#store/rules/key-templates";
import { used } from "#store/rules/queues";
import { deleteUnusedRates, pruneStarts } from "#store/rules/rate-templates";
import { isHolding } from "#store/rules/slots";

const portion = 5_000;
const queuesKeptHours = 1;

/** How far the sweeps of this process have come: the next one goes on there. */
export interface Progress {
  /** Of the slots. */
  slot: { readonly key: string; readonly task: string };
  /** Of the tasks that hold some. */
  task: { readonly kind: string; readonly id: string };
}

const noId = nilUuid;
export const fromStart = (): Progress => ({ slot: { key: noId, task: noId }, task: { kind: "", id: noId } });

/** How many things were wrong. */
export async function repairRules(db: Db, progress: Progress): Promise<number> {
  const steps: (() => Promise<number>)[] = [
    () => db.use((sql) => dropSlots(sql, progress)),
    () => db.use((sql) => addSlots(sql, progress)),
    ...[signalKeys, signalWindows, signalQueues].map((step) => () => db.use(step)),
    () => db.tx(forgetQueues),
    ...[pruneStarts, deleteUnused, deleteUnusedRates].map((step) => async () => {
      await db.use(step);
      return 0;
    }),
  ];
  let repaired = 0;
  const failures: unknown[] = [];
  // One that fails keeps none of the others from being done.
  for (const step of steps) {
    try {
      repaired += await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0)
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, "the rules were not swept");
  return repaired;
}

/** Slots of a task that uses none, or with other values than the task has now. */
async function dropSlots(sql: Sql, progress: Progress): Promise<number> {
  const { key, task } = progress.slot;
  const [swept] = await sql<{ key: string | null; task: string | null; gone: number }[]>`
    with page as materialized (
      select key, task_id from slot where (key, task_id) > (${key}::uuid, ${task}::uuid) order by key, task_id limit ${portion}),
    wrong as materialized (
      select h.key, h.task_id, t.id from page h left join task t on t.id = h.task_id left join task_spec s on s.id = t.id
      where t.id is null or not ${isHolding(sql)}
        or not exists (select from key_template w where w.kind = t.kind and limit_key_of(w.kind, w.fields, s.metadata) = h.key)),
    free as materialized (
      select w.key, w.task_id from wrong w join task t on t.id = w.id for share of t skip locked),
    gone as (
      delete from slot h
      using (select key, task_id from free union all select key, task_id from wrong where id is null) w
      where h.key = w.key and h.task_id = w.task_id returning h.key),
    signaled as (insert into signal (key) select key from gone)
    select last.key, last.task, (select count(*)::int from gone) as gone
    from (select 1) one left join lateral (
      select key, task_id as task from page where (select count(*) from page) = ${portion} order by key desc, task_id desc limit 1) last on true`;
  progress.slot = swept?.key && swept.task !== null ? { key: swept.key, task: swept.task } : fromStart().slot;
  return swept?.gone ?? 0;
}

async function addSlots(sql: Sql, progress: Progress): Promise<number> {
  const { kind, id } = progress.task;
  const [swept] = await sql<{ kind: string | null; id: string | null; added: number }[]>`
    with page as materialized (
      select t.id, t.kind from task t where ${isHolding(sql)} and (t.kind, t.id) > (${kind}::text, ${id}::uuid)
      order by t.kind, t.id limit ${portion}),
    free as materialized (
      select t.id, l.key from (${lacking(sql, sql`select id, kind from page`, sql`key_template`)}) l join task t on t.id = l.id
      where ${isHolding(sql)} for share of t skip locked),
    added as (insert into slot (key, task_id) select key, id from free on conflict do nothing returning key)
    select last.kind, last.id, (select count(*)::int from added) as added
    from (select 1) one left join lateral (
      select kind, id from page where (select count(*) from page) = ${portion} order by kind desc, id desc limit 1) last on true`;
  progress.task = swept?.id && swept.kind !== null ? { kind: swept.kind, id: swept.id } : fromStart().task;
  return swept?.added ?? 0;
}

/** Queues that wait for a key that is open, without a signal. */
async function signalKeys(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive key (key) as (
      (select waiting_on from admission_queue where waiting_on is not null and ready order by waiting_on limit 1)
      union all
      select (select waiting_on from admission_queue where waiting_on > k.key and ready order by waiting_on limit 1)
      from key k where k.key is not null)
    insert into signal (key)
    select w.key from key w cross join lateral (select ${used(sql, sql`true`)}) u
    where w.key is not null and not exists (select from signal k where k.key = w.key)
      and exists (
        select from admission_queue l where l.waiting_on = w.key and l.ready and l.waiting_type not in ('missing', 'Rate')
          and l.waiting_limit > case l.waiting_type when 'Capacity' then u.load else u.count end)`;
  return count;
}

/** Queues that wait for a window of which nothing says when it opens. */
async function signalWindows(sql: Sql): Promise<number> {
  const { count } = await sql`
    insert into signal (queue)
    select l.id from admission_queue l
    where l.waiting_type = 'Rate' and l.ready and not exists (select from rate_window w where w.id = l.waiting_on)
      and not exists (select from signal w where w.queue = l.id)`;
  return count;
}

/** Queues with a claimable task that are not known to have one. */
async function signalQueues(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive filled (queue) as (
      select 0
      union all
      select (select t.queue from task t where t.queue > f.queue and t.status = 'Pending' and t.ready_at is null
              order by t.queue limit 1) from filled f where f.queue is not null)
    insert into signal (queue)
    select l.id from filled f join admission_queue l on l.id = f.queue
    where not l.ready and not exists (select from signal w where w.queue = l.id)`;
  return count;
}

async function forgetQueues(sql: Sql): Promise<0> {
  // In two steps: a transaction that is about to use a queue holds a lock on it, and the second step sees its tasks.
  const old = await sql<{ id: number }[]>`
    select id from admission_queue l where since < now() - ${queuesKeptHours} * interval '1 hour'
      and not exists (select from task t where t.queue = l.id and t.queue <> 0 and t.ended_at is null)
    order by id limit ${portion} for update skip locked`;
  if (old.length === 0) return 0;
  await sql`
    delete from admission_queue l where id = any(${array(old.map(({ id }) => id))}::int[])
      and not exists (select from task t where t.queue = l.id and t.queue <> 0 and t.ended_at is null)`;
  return 0;
}
