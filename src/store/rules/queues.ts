// Queues, keys and signals for a claim round that looks at tasks with rules. Such rounds take turns over the whole cluster;
// releases do not, so they leave signals, which are deleted before anything is counted: what happens after the count leaves a
// signal for the next round.
import type { Fragment } from "postgres";
import type { TaskRow } from "#domain/row";
import type { Judged, Term, Usage } from "#domain/rules/admit";
import { nilUuid } from "#domain/values/uuid";
import type { Sql } from "#store/pg/pool";
import { readTimestamp } from "#store/pg/time";
import { array, idList } from "#store/pg/unnest";
import { openWindows, startedIn } from "#store/rules/rates";

export interface AdmissionQueue {
  readonly id: number;
  readonly terms: readonly Term[];
  readonly priority: number;
  /** As Postgres writes it: microseconds distinguish queues. */
  readonly since: string;
  readonly pos: number;
  /** When it was found to wait for a rule the last time; null: never. */
  readonly waitedAt: Date | null;
}

/** Whether this task is the one by which its queue has its place among the queues, by the millisecond. */
export const beginsWith = (
  { priority, since, pos }: AdmissionQueue,
  task: Pick<TaskRow, "priority" | "createdAt" | "pos">,
): boolean =>
  task.priority === priority && task.pos === pos && task.createdAt.getTime() === readTimestamp(since).getTime();

/** Advisory locks: one for the round over queues, of which there is one at a time; one that every transaction that may claim shares, so that others can wait for all of them. */
const roundLock = 7_227_868;
export const keyTemplateLock = 7_227_869;

/** So many of the oldest signals, and of the newest: thousands that one batch leaves hold up those of no other. */
const signalsEach = 500;
/** The size of a page of queues. */
const queuesMax = 64;
/** How many queues are searched for those that do not wait for a receiver alone. */
const shutQueuesMax = 256;

/** Whether a round has rules to look at, windows of Rates that have opened aside. Part of a statement that is sent anyway. */
export const hasQueuesToSee = (sql: Sql) => sql`
  exists (select from signal) or exists (select from admission_queue where ready and waiting_on is null)`;

export interface Opened {
  /** There may be more to open. */
  readonly more: boolean;
  /** The windows of Rates that were looked at. */
  readonly windows: readonly string[];
}

/** Takes the turn, then opens what was signaled, and what waited for a time. `slots`: how many tasks may be started. Null: another round has the turn. */
export async function lockAndOpenQueues(sql: Sql, slots: number, now: Date): Promise<Opened | null> {
  const [turn] = await sql<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${roundLock}) as mine`;
  if (turn?.mine !== true) return null;
  const taken = await sql<(Signal & { isWindow: boolean })[]>`
    with ends as materialized (
      (select id from signal order by id limit ${signalsEach}) union (select id from signal order by id desc limit ${signalsEach})),
    gone as (
      delete from signal where id in (select id from ends)
      returning key, queue, priority, since::text as since, pos)
    select *, false as "isWindow" from gone
    union all
    select id, null, 0, '', 0, true from (
      (select id from rate_window where opens_at <= ${now}::timestamptz order by opens_at limit ${2 * signalsEach})
      union select w.id from gone g join rate_window w on w.key = g.key) w`;
  const signals = taken.filter(({ isWindow }) => !isWindow);
  // Other queues may have waited for the same keys before a queue that just got a task: where these keys are open, they come first.
  const filled = await fill(sql, signals);
  const ofType = (isRate: boolean) =>
    filled.flatMap(({ type, key }) => (key !== null && (type === "Rate") === isRate ? key : []));
  const keys = new Set([...signals.flatMap(({ key }) => key ?? []), ...ofType(false)]);
  const isLeft = keys.size > 0 && (await open(sql, keys, slots));
  const windows = new Set([...taken.flatMap(({ key, isWindow }) => (isWindow ? (key ?? []) : [])), ...ofType(true)]);
  if (windows.size > 0) await openWindows(sql, windows, slots, now);
  return { more: isLeft || signals.length === 2 * signalsEach, windows: [...windows] };
}

/** Some queues that may have something to start. */
export interface QueuePage {
  /** The best first. */
  readonly queues: readonly AdmissionQueue[];
  /** Where the next page begins; null: there are no more. */
  readonly last: AdmissionQueue | null;
}

/** A page of queues after this one. `shut`: receivers that no call may be made to; queues with tasks for these alone are passed over. */
export async function readyQueues(sql: Sql, after: AdmissionQueue | null, shut: readonly string[]): Promise<QueuePage> {
  const beyond =
    after === null
      ? sql``
      : sql`and (-priority, since, pos, id)
          > (${-after.priority}::int, ${after.since}::text::timestamptz, ${after.pos}::int, ${after.id}::int)`;
  const seen = (most: number) => sql`
    select id, terms, priority, since::text as since, pos, waited_at as "waitedAt" from admission_queue where ready and waiting_on is null ${beyond}
    order by -priority, since, pos, id limit ${most}`;
  if (shut.length === 0) {
    const queues: AdmissionQueue[] = await sql<AdmissionQueue[]>`${seen(queuesMax)}`;
    return { queues, last: queues.length < queuesMax ? null : (queues.at(-1) as AdmissionQueue) };
  }
  const rows = await sql<(AdmissionQueue & { open: boolean })[]>`
    with seen as materialized (${seen(shutQueuesMax)}),
    shut as materialized (select ${JSON.stringify(shut)}::text::jsonb as names)
    select l.*, exists (
      with recursive receiver (name) as (
        (select coalesce(t.receiver, '') from task t where t.queue = l.id and t.status = 'Pending' and t.ready_at is null
         order by t.queue, coalesce(t.receiver, '') limit 1)
        union all
        select (
          select coalesce(t.receiver, '') from task t where t.queue = l.id and t.status = 'Pending' and t.ready_at is null
            and coalesce(t.receiver, '') > r.name order by t.queue, coalesce(t.receiver, '') limit 1)
        from receiver r where r.name is not null)
      select from receiver r where r.name is not null and not (select names from shut) ? r.name) as open
    from seen l order by -l.priority, l.since::timestamptz, l.pos, l.id`;
  const queues = rows.filter(({ open }) => open).slice(0, queuesMax);
  const isAll = rows.length < shutQueuesMax && queues.length < queuesMax;
  return { queues, last: isAll ? null : ((queues.length < queuesMax ? rows : queues).at(-1) as AdmissionQueue) };
}

interface Signal {
  readonly key: string | null;
  readonly queue: number | null;
  readonly priority: number;
  readonly since: string;
  readonly pos: number;
}

/** Queues that got a task are looked at again, also where they wait: the task may be the best one now. Returns their conditions. */
async function fill(sql: Sql, signals: readonly Signal[]): Promise<Term[]> {
  const fills = signals.filter(({ queue }) => queue !== null);
  if (fills.length === 0) return [];
  const of = (field: "queue" | "priority" | "since" | "pos") => array(fills.map((fill) => fill[field]));
  const filled = await sql<Pick<AdmissionQueue, "terms">[]>`
    with sent as materialized (
      select * from unnest(${of("queue")}::int[], ${of("priority")}::smallint[], ${of("since")}::timestamptz[],
        ${of("pos")}::int[]) as u (queue, priority, since, pos)),
    best as materialized (
      select distinct on (queue) * from (
        select * from sent
        union all
        select id, priority, since, pos from admission_queue where ready and id in (select queue from sent)) u
      order by queue, priority desc, since, pos)
    update admission_queue l set ready = true, waiting_on = null, waiting_type = null, waiting_limit = null,
      priority = b.priority, since = b.since, pos = b.pos
    from best b where l.id = b.queue returning l.terms`;
  return filled.flatMap(({ terms }) => terms);
}

/** The best queues that wait for a key and would find it open; where there may be more of them the signal stays: true. */
async function open(sql: Sql, keys: ReadonlySet<string>, slots: number): Promise<boolean> {
  const left = await sql`
    with u as materialized (
      select w.key, ${used(sql, sql`exists (select from admission_queue where waiting_on = w.key and waiting_type = 'Capacity' and ready)`)}
      from unnest(${idList(keys)}::uuid[]) as w (key)),
    found as materialized (
      select l.id, u.key from u cross join lateral (
        select id from admission_queue where waiting_on = u.key and ready
          and waiting_limit > case waiting_type when 'Capacity' then u.load else u.count end
        order by waiting_on, priority desc, since, pos, id limit ${slots}) l),
    opened as (
      update admission_queue set waiting_on = null, waiting_type = null, waiting_limit = null where id in (select id from found))
    insert into signal (key) select key from found group by key having count(*) = ${slots}`;
  return left.count > 0;
}

/** How many tasks use `w.key`, and only where it is asked for the work they have left, which reads each of them. */
export const used = (sql: Sql, wantsLoad: Fragment) => sql`
  (select count(*) from slot h where h.key = w.key)::int as count,
  case when ${wantsLoad} then (
    select coalesce(sum(greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0)), 0)
    from slot h join task t on t.id = h.task_id where h.key = w.key)::float8 else 0 end as load`;

/** How much of the keys and windows of these terms is used at that time. */
export async function usageOf(sql: Sql, terms: readonly Term[], now: Date): Promise<[string, Usage][]> {
  const started = await startedIn(sql, terms, now);
  const rates = started.map(([window, count]): [string, Usage] => [window, { count, load: 0 }]);
  const loads = new Map<string, boolean>();
  for (const { key, type } of terms)
    if (key !== null && type !== "Rate") loads.set(key, type === "Capacity" || loads.get(key) === true);
  if (loads.size === 0) return rates;
  const found = await sql<(Usage & { key: string })[]>`
    select w.key, ${used(sql, sql`w.loaded`)}
    from unnest(${idList(loads.keys())}::uuid[], ${array([...loads.values()])}::boolean[]) as w (key, loaded)`;
  return [...rates, ...found.map(({ key, count, load }): [string, Usage] => [key, { count, load }])];
}

/** The condition of a queue that can never be met. */
export const noKey = nilUuid;

const bestOf = (sql: Sql, queue: Fragment) => sql`
  select t.priority, t.created_at, t.pos from task t
  where t.queue = ${queue} and t.status = 'Pending' and t.ready_at is null and t.pos >= 0
  order by t.queue, t.priority desc, t.created_at, t.pos limit 1`;

/** Whether one of these queues comes earlier than its best task would: the task that it began with left, or became less urgent, since. */
export async function areTooEarly(sql: Sql, queues: readonly number[]): Promise<boolean> {
  const found = await sql`
    select from admission_queue l left join lateral (${bestOf(sql, sql`l.id`)}) best on true
    where l.id = any(${idList(queues.map(String))}::int[])
      and (best.pos is null or (-best.priority, best.created_at, best.pos) > (-l.priority, l.since, l.pos))
    limit 1`;
  return found.length > 0;
}

/** After the claims are written: what each queue waits for, which queues are empty, and which task each begins with. */
export function writeQueues(sql: Sql, judged: readonly Judged[]): Promise<unknown> {
  const of = (value: (term: Term) => string | number) =>
    array(judged.map(({ waitsFor }) => (waitsFor === null ? null : value(waitsFor))));
  return sql`
    update admission_queue l set waited_at = case when n.key is null then l.waited_at else now() end, waiting_on = n.key, waiting_type = n.type, waiting_limit = n.max, ready = n.priority is not null,
      priority = coalesce(n.priority, l.priority), since = coalesce(n.created_at, l.since), pos = coalesce(n.pos, l.pos)
    from (
      select u.*, best.priority, best.created_at, best.pos
      from unnest(${array(judged.map(({ id }) => id))}::int[], ${of(({ key }) => key ?? noKey)}::uuid[],
        ${of(({ key, type }) => (key === null ? "missing" : type))}::text[],
        ${of(({ limit }) => limit)}::bigint[]) as u (id, key, type, max)
      left join lateral (${bestOf(sql, sql`u.id`)}) best on true) n
    where l.id = n.id
      and (l.waiting_on, l.ready, l.priority, l.since, l.pos) is distinct from (n.key, n.priority is not null,
        coalesce(n.priority, l.priority), coalesce(n.created_at, l.since), coalesce(n.pos, l.pos))`.execute();
}
