// Which tasks a claim round looks at: the best claimable ones of some admission queues, found without locks. What it reads does
// not grow with the number of receivers: while a queue has few, it looks at the best tasks of each; a queue with many is read
// in the order of its tasks, for a bounded stretch, and where receivers without a free call slot fill that, the search goes on
// among the receivers, some of them each round.
import type { Fragment } from "postgres";
import { byUrgency } from "#domain/row";
import type { Capacity } from "#flow/receiver-capacity";
import type { Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** A task that could be claimed when it was seen. */
export interface Found {
  readonly id: string;
  readonly queue: number;
  /** Null: no call is made. */
  readonly receiver: string | null;
  readonly priority: number;
  readonly createdAt: Date;
  readonly pos: number;
  /** The work it has left. */
  readonly load: number;
  /** It holds its slots already. */
  readonly inDoubt: boolean;
  readonly attempt: number;
}

/** Of each admission queue at most so many. */
export interface QueueSlack {
  readonly queue: number;
  readonly slack: number;
}

export interface Look {
  /** At most so many tasks. */
  readonly limit: number;
  /** Of a gated receiver, a task that was tried before is taken only where there is no other. */
  readonly capacity: Capacity;
  /** Passes over what an outstanding stop, pause or rules change has not reached. */
  readonly hasBatchWork: boolean;
  /** Locks what it finds, and passes over what others have locked: for when that is in the way. */
  readonly locks?: boolean;
}

/** So many receivers of a queue are looked at one by one, besides those that are full. A queue with more is crowded. */
const receiversMax = 32;
/** The same of each queue, where several are looked at. */
const receiversOfManyQueues = 8;
/** So many tasks of a crowded queue are read beyond twice its slack: the best ones may be of receivers that are full. */
const spare = 32;

const claimable = (sql: Sql, hasBatchWork: boolean): Fragment => sql`
  t.status = 'Pending' and t.ready_at is null ${hasBatchWork ? sql`and not ${isHeldBack(sql)}` : sql``}`;

/** A stop, pause or rules change of its kind is outstanding and has not reached the task `t`. */
const isHeldBack = (sql: Sql): Fragment => sql`
  exists (
    select from batch_work w
    where w.batch_id = t.batch_id and w.done_at is null and t.rank > w.reached and t.rank <= w.upto and t.swept < w.seq
      and (w.kind in ('stop', 'pause') or (w.kind = 'rules' and w.args ->> 'kind' = t.kind))
    -- by its index for each task, however a plan was made on an empty table
    offset 0)`;

const ofFound = (sql: Sql): Fragment => sql`
  t.id, t.receiver, t.priority, t.created_at, t.pos,
  greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0)::float8 as load, t.in_doubt, t.attempt`;
const names = (sql: Sql): Fragment => sql`id, queue, receiver, priority, created_at, pos, load, in_doubt, attempt`;
const urgency = (sql: Sql): Fragment => sql`t.priority desc, t.created_at, t.pos`;
const locking = (sql: Sql, locks = false): Fragment => (locks ? sql`for no key update skip locked` : sql``);

const capacityOf = (sql: Sql, { receivers }: Capacity): Fragment => sql`
  (select ${JSON.stringify(Object.fromEntries(receivers.map(({ receiver, free }) => [receiver, free])))}::text::jsonb as free,
    ${JSON.stringify(receivers.filter(({ gated }) => gated).map(({ receiver }) => receiver))}::text::jsonb as gated)`;

/** The tasks of receiver `r.name` in queue `r.queue`, best first, as many as both have free slots for. */
const bestOf = (sql: Sql, { capacity, hasBatchWork, locks }: Look): Fragment => sql`
  select ${ofFound(sql)} from task t
  where t.queue = r.queue and coalesce(t.receiver, '') = r.name and ${claimable(sql, hasBatchWork)}
    and (not c.gated ? r.name or t.attempt = 0 or not exists (
      select from task u where u.queue = r.queue and u.status = 'Pending' and u.ready_at is null
        and coalesce(u.receiver, '') = r.name and u.attempt = 0))
  order by ${urgency(sql)}
  limit least(r.slack, case when r.name = '' then r.slack else coalesce((c.free ->> r.name)::int, ${capacity.freeMax}::int) end)
  ${locking(sql, locks)}`;

/** The next receiver after `r.name` with a task in queue `r.queue`: one look into the index, however many tasks each has. */
const nextOf = (sql: Sql, before: Fragment = sql``): Fragment => sql`
  (select coalesce(t.receiver, '') from task t where t.queue = r.queue and t.status = 'Pending' and t.ready_at is null
    and coalesce(t.receiver, '') > r.name ${before} order by t.queue, coalesce(t.receiver, '') limit 1)`;

export interface Seen {
  /** Best first. */
  readonly found: Found[];
  /** Queues with too many receivers to look at each. */
  readonly crowded: number[];
}

/**
 * Claimable tasks of these queues, best first: priority, then creation, then position; of each receiver at most as many as it
 * has free slots for. `known`: receivers that are likely to have some.
 */
export async function find(
  sql: Sql,
  look: Look,
  queues: readonly QueueSlack[],
  known: readonly string[] = [],
): Promise<Seen> {
  const full = look.capacity.receivers.filter(({ free }) => free <= 0).length;
  const most = (queues.length === 1 ? receiversMax : receiversOfManyQueues) + full;
  const rows = await sql`
    with recursive receiver (queue, slack, name, n) as (
      select u.queue, u.slack, '', 0 from ${unnested(sql, queues)}
      union all
      -- One that is known is taken unseen: what was claimed lately is in the index until the next vacuum, and would be passed
      -- here and once more below.
      select r.queue, r.slack,
        coalesce(case when k.name is null then ${nextOf(sql)}
          else ${nextOf(sql, sql`and coalesce(t.receiver, '') < k.name`)} end, k.name),
        r.n + 1
      from receiver r
        cross join lateral (select min(n) as name from unnest(${array(known)}::text[]) n where n > r.name) k
      where r.name is not null and r.n <= ${most}::int),
    crowded as materialized (select r.queue from receiver r where r.n > ${most}::int and r.name is not null),
    found as (
      select r.queue, t.* from receiver r cross join ${capacityOf(sql, look.capacity)} c cross join lateral (${bestOf(sql, look)}) t
      where r.name is not null and not exists (select from crowded w where w.queue = r.queue))
    (select ${names(sql)} from found t order by ${urgency(sql)} limit ${look.limit}::int)
    union all
    select null, queue, null, null, null, null, null, null, null from crowded`.values();
  const { found, others } = read(rows);
  return { found, crowded: others.map(({ queue }) => queue) };
}

/**
 * The same of crowded queues. Reads a stretch of each in the order of its tasks; where that is not enough, also the best tasks
 * of some receivers that come after this one. `reached`: where to go on; empty: there are no more.
 */
export async function findAmongMany(
  sql: Sql,
  look: Look,
  queues: readonly QueueSlack[],
  after: string,
): Promise<{ readonly found: Found[]; readonly reached: string }> {
  const full = look.capacity.receivers.filter(({ free }) => free <= 0).length;
  const most = receiversMax + full;
  const rows = await sql`
    with recursive capacity as materialized (select * from ${capacityOf(sql, look.capacity)} c),
    seen as materialized (
      select u.queue, t.* from ${unnested(sql, queues)} cross join lateral (
        select ${ofFound(sql)} from task t
        where t.queue = u.queue and t.pos >= 0 and ${claimable(sql, look.hasBatchWork)} order by t.queue, ${urgency(sql)}
        limit 2 * u.slack + ${spare}::int ${locking(sql, look.locks)}) t),
    open as materialized (
      select t.* from (
        select t.*, row_number() over (partition by t.queue, t.receiver order by ${urgency(sql)}) as n from seen t) t
        cross join capacity c
      where t.receiver is null or t.n <= coalesce((c.free ->> t.receiver)::int, ${look.capacity.freeMax}::int)),
    receiver (queue, slack, name, n) as (
      select u.queue, u.slack, ${after}::text, 0 from ${unnested(sql, queues)}
      where (select count(*) from open o where o.queue = u.queue) < u.slack
      union all
      select r.queue, r.slack, ${nextOf(sql)}, r.n + 1 from receiver r where r.name is not null and r.n < ${most}::int),
    found as (
      select ${names(sql)} from open
      union
      select t.id, r.queue, t.receiver, t.priority, t.created_at, t.pos, t.load, t.in_doubt, t.attempt
      from receiver r cross join capacity c cross join lateral (${bestOf(sql, look)}) t
      where r.name is not null)
    (select ${names(sql)} from found t order by ${urgency(sql)} limit ${look.limit}::int)
    union all
    (select null, 0, min(r.name), null, null, null, null, null, null from receiver r where r.n = ${most}::int having min(r.name) is not null)`.values();
  const { found, others } = read(rows);
  return { found, reached: others[0]?.receiver ?? "" };
}

const unnested = (sql: Sql, queues: readonly QueueSlack[]): Fragment => sql`
  unnest(${array(queues.map(({ queue }) => queue))}::int[], ${array(queues.map(({ slack }) => slack))}::int[]) as u (queue, slack)`;

/** Rows without an id describe a queue. */
function read(rows: readonly (readonly unknown[])[]): { found: Found[]; others: Found[] } {
  const all = rows.map(([id, queue, receiver, priority, createdAt, pos, load, inDoubt, attempt]) => {
    return { id, queue, receiver, priority, createdAt, pos, load, inDoubt, attempt } as Found;
  });
  return { found: all.filter(({ id }) => id !== null), others: all.filter(({ id }) => id === null) };
}

/** Two lists, each best first, as one. */
export const merged = (a: readonly Found[], b: readonly Found[]): readonly Found[] =>
  b.length === 0 ? a : a.length === 0 ? b : [...a, ...b].sort(byUrgency);
