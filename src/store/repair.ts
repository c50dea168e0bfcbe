// The sweep over holders and lanes. Whatever it finds is a mistake made elsewhere: it sets it right, leaves the wakes that
// are missing, and tells how much it was. Also forgets lanes that no unfinished task is in.
import type { Db, Sql } from "#store/client";
import { roundLock } from "#store/lanes";

const rowsMax = 1_000;
const lanesKeptHours = 1;

/** How many things were wrong; null: somebody else is at it. Claim rounds with rules wait meanwhile. */
export function repairRules(db: Db): Promise<number | null> {
  return db.tx(async (sql) => {
    const [lock] = await sql<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${roundLock}) as mine`;
    if (lock?.mine !== true) return null;
    const counts = [await dropHolders(sql), await addHolders(sql), await wakeKeys(sql), await wakeLanes(sql)];
    await forgetLanes(sql);
    return counts.reduce((sum, n) => sum + n, 0);
  });
}

/** Held by a task that is not active, or with other values than the task has now. */
async function dropHolders(sql: Sql): Promise<number> {
  const { count } = await sql`
    with wrong as materialized (
      select h.key, h.task_id from holder h left join task t on t.id = h.task_id left join task_spec s on s.id = t.id
      where t.id is null or t.status not in ('Claimed', 'Running')
        or not exists (select from shape w where w.kind = t.kind and rule_key(w.kind, w.fields, s.metadata) = h.key)
      limit ${rowsMax}),
    -- One that is locked may be about to change: it is looked at the next time.
    free as materialized (
      select id from task where id in (select task_id from wrong) for share skip locked),
    gone as (
      delete from holder h using wrong w
      where h.key = w.key and h.task_id = w.task_id
        and (w.task_id in (select id from free) or not exists (select from task t where t.id = w.task_id))
      returning h.key)
    insert into wake (key) select key from gone`;
  return count;
}

async function addHolders(sql: Sql): Promise<number> {
  const { count } = await sql`
    with lacking as materialized (
      select a.id, a.key from (
        select t.id, rule_key(w.kind, w.fields, s.metadata) as key
        from (select id, kind from task where owner is not null
              union all select id, kind from task where due_at is not null and status = 'Running') t
          join shape w on w.kind = t.kind
          join task_spec s on s.id = t.id) a
      where a.key is not null and not exists (select from holder h where h.key = a.key and h.task_id = a.id)
      limit ${rowsMax}),
    free as materialized (
      select id from task where id in (select id from lacking) and status in ('Claimed', 'Running') for share skip locked)
    insert into holder (key, task_id) select l.key, l.id from lacking l where l.id in (select id from free)
    on conflict do nothing`;
  return count;
}

/** Lanes that wait for a key which they would find open, and which nobody told so. */
async function wakeKeys(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive key (key) as (
      (select waiting_on from lane where waiting_on is not null order by waiting_on limit 1)
      union all
      select (select waiting_on from lane where waiting_on > k.key order by waiting_on limit 1) from key k where k.key is not null)
    insert into wake (key)
    select k.key from key k cross join lateral (
      select count(*) as count, coalesce(sum(greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0)), 0) as load
      from holder h join task t on t.id = h.task_id where h.key = k.key) u
    where k.key is not null and not exists (select from wake w where w.key = k.key)
      and exists (
        select from lane l where l.waiting_on = k.key and l.waiting_type <> 'missing'
          and l.waiting_limit > case l.waiting_type when 'Capacity' then u.load else u.count end)`;
  return count;
}

/** Lanes with a claimable task that neither wait nor are looked at. */
async function wakeLanes(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive filled (lane) as (
      select 0
      union all
      select (select t.lane from task t where t.lane > f.lane and t.status = 'Pending' and t.due_at is null
              order by t.lane limit 1) from filled f where f.lane is not null)
    insert into wake (lane)
    select l.id from filled f join lane l on l.id = f.lane
    where not l.ready and l.waiting_on is null and not exists (select from wake w where w.lane = l.id)`;
  return count;
}

async function forgetLanes(sql: Sql): Promise<void> {
  // In two steps: whoever is about to use a lane holds a lock on it, and its tasks are seen by the second.
  const old = await sql<{ id: number }[]>`
    select id from lane l where since < now() - ${lanesKeptHours} * interval '1 hour'
      and not exists (select from task t where t.lane = l.id and t.lane <> 0 and t.ended_at is null)
    order by id limit ${rowsMax} for update skip locked`;
  if (old.length === 0) return;
  await sql`
    delete from lane l where id = any(${`{${old.map(({ id }) => id).join(",")}}`}::int[])
      and not exists (select from task t where t.lane = l.id and t.lane <> 0 and t.ended_at is null)`;
}
