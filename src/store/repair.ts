// The sweep over holders and lanes, a part of them each time. Whatever it finds is a mistake made elsewhere: it sets it right,
// leaves the wakes that are missing, and tells how much it was. Also forgets lanes that no unfinished task is in.
// It keeps nobody waiting: rows that are locked are looked at the next time, and each step is a transaction of its own.
import { array } from "#store/arrays";
import type { Db, Sql } from "#store/client";
import { used } from "#store/lanes";
import { lacking } from "#store/shapes";

const portion = 5_000;
const lanesKeptHours = 1;

/** How far the sweeps of this process have come: the next one goes on there. */
export interface Progress {
  holder: string;
  due: string;
}

export const fromStart = (): Progress => ({ holder: "00000000-0000-0000-0000-000000000000", due: "-infinity" });

/** How many things were wrong. */
export async function repairRules(db: Db, progress: Progress): Promise<number> {
  const counts = [
    await db.use((sql) => dropHolders(sql, progress)),
    await db.use((sql) => addHolders(sql, progress)),
    await db.use(wakeKeys),
    await db.use(wakeLanes),
  ];
  await db.tx(forgetLanes);
  return counts.reduce((sum, n) => sum + n, 0);
}

/** Held by a task that is not active, or with other values than the task has now. */
async function dropHolders(sql: Sql, progress: Progress): Promise<number> {
  const [swept] = await sql<{ last: string | null; gone: number }[]>`
    with page as materialized (
      select key, task_id from holder where key >= ${progress.holder}::uuid order by key, task_id limit ${portion}),
    wrong as materialized (
      select h.key, h.task_id, t.id from page h left join task t on t.id = h.task_id left join task_spec s on s.id = t.id
      where t.id is null or t.status not in ('Claimed', 'Running')
        or not exists (select from shape w where w.kind = t.kind and rule_key(w.kind, w.fields, s.metadata) = h.key)),
    free as materialized (
      select w.key, w.task_id from wrong w join task t on t.id = w.id for share of t skip locked),
    gone as (
      delete from holder h
      using (select key, task_id from free union all select key, task_id from wrong where id is null) w
      where h.key = w.key and h.task_id = w.task_id returning h.key),
    told as (insert into wake (key) select key from gone)
    select case when (select count(*) from page) = ${portion} then (select key from page order by key desc limit 1) end as last,
      (select count(*)::int from gone) as gone`;
  progress.holder = swept?.last ?? fromStart().holder;
  return swept?.gone ?? 0;
}

async function addHolders(sql: Sql, progress: Progress): Promise<number> {
  const active = sql`select id, kind from page union all (select id, kind from task where owner is not null limit ${portion})`;
  const [swept] = await sql<{ last: string | null; added: number }[]>`
    with page as materialized (
      select id, kind, due_at from task where due_at is not null and due_at >= ${progress.due}::text::timestamptz
        and status = 'Running' order by due_at limit ${portion}),
    free as materialized (
      select t.id, l.key from (${lacking(sql, active, sql`shape`)}) l join task t on t.id = l.id
      where t.status in ('Claimed', 'Running') for share of t skip locked),
    added as (insert into holder (key, task_id) select key, id from free on conflict do nothing returning key)
    select case when (select count(*) from page) = ${portion} then (select max(due_at) from page)::text end as last,
      (select count(*)::int from added) as added`;
  progress.due = swept?.last ?? fromStart().due;
  return swept?.added ?? 0;
}

/** Lanes that wait for a key which they would find open, and which nobody told so. */
async function wakeKeys(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive key (key) as (
      (select waiting_on from lane where waiting_on is not null and ready order by waiting_on limit 1)
      union all
      select (select waiting_on from lane where waiting_on > k.key and ready order by waiting_on limit 1)
      from key k where k.key is not null)
    insert into wake (key)
    select w.key from key w cross join lateral (select ${used(sql, sql`true`)}) u
    where w.key is not null and not exists (select from wake k where k.key = w.key)
      and exists (
        select from lane l where l.waiting_on = w.key and l.ready and l.waiting_type <> 'missing'
          and l.waiting_limit > case l.waiting_type when 'Capacity' then u.load else u.count end)`;
  return count;
}

/** Lanes with a claimable task that are not known to have one. */
async function wakeLanes(sql: Sql): Promise<number> {
  const { count } = await sql`
    with recursive filled (lane) as (
      select 0
      union all
      select (select t.lane from task t where t.lane > f.lane and t.status = 'Pending' and t.due_at is null
              order by t.lane limit 1) from filled f where f.lane is not null)
    insert into wake (lane)
    select l.id from filled f join lane l on l.id = f.lane
    where not l.ready and not exists (select from wake w where w.lane = l.id)`;
  return count;
}

async function forgetLanes(sql: Sql): Promise<void> {
  // In two steps: whoever is about to use a lane holds a lock on it, and its tasks are seen by the second.
  const old = await sql<{ id: number }[]>`
    select id from lane l where since < now() - ${lanesKeptHours} * interval '1 hour'
      and not exists (select from task t where t.lane = l.id and t.lane <> 0 and t.ended_at is null)
    order by id limit ${portion} for update skip locked`;
  if (old.length === 0) return;
  await sql`
    delete from lane l where id = any(${array(old.map(({ id }) => id))}::int[])
      and not exists (select from task t where t.lane = l.id and t.lane <> 0 and t.ended_at is null)`;
}
