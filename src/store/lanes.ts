// Lanes, keys and wakes for a claim round that looks at tasks with rules. Such rounds take turns over the whole cluster;
// releases do not, so they leave wakes, which are deleted before anything is counted: what happens after the count leaves a
// wake for the next round.
import type { Fragment } from "postgres";
import type { Term, Usage } from "#domain/admit";
import type { TaskRow } from "#domain/row";
import { array, idList } from "#store/arrays";
import type { Sql } from "#store/client";
import { readTimestamp } from "#store/time";

export interface Lane {
  readonly id: number;
  readonly terms: readonly Term[];
  readonly priority: number;
  /** As Postgres writes it: microseconds tell lanes apart. */
  readonly since: string;
  readonly pos: number;
}

/** Whether this task is the one that the rank of its lane stands for, by the millisecond. */
export const isRankOf = (
  { priority, since, pos }: Lane,
  task: Pick<TaskRow, "priority" | "createdAt" | "pos">,
): boolean =>
  task.priority === priority && task.pos === pos && task.createdAt.getTime() === readTimestamp(since).getTime();

/** Advisory locks: one of ruled rounds, and one that a new shape takes against every transaction that may make holders. */
const roundLock = 7_227_868;
export const shapeLock = 7_227_869;

const wakesMax = 1_000;
/** Lanes that are looked at together. */
const lanesMax = 64;
/** Lanes that are looked through for some that do not wait for a receiver alone. */
const shutLanesMax = 256;

/** Whether a round has rules to look at. Part of a statement that is sent anyway. */
export const isAwake = (sql: Sql) => sql`
  exists (select from wake) or exists (select from lane where ready and waiting_on is null)`;

/** Takes the turn, then opens what was woken. `room`: how many tasks may be started. Null: it is another round's turn. */
export async function openLanes(sql: Sql, room: number): Promise<{ readonly more: boolean } | null> {
  const [turn] = await sql<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${roundLock}) as mine`;
  if (turn?.mine !== true) return null;
  const wakes = await sql<Wake[]>`
    delete from wake where id in (select id from wake order by id limit ${wakesMax}) returning key, lane, priority, since::text as since, pos`;
  // A lane that got a task may be behind others in the queue for its keys: where these are open, the others come first.
  const filled = await fill(sql, wakes);
  const keys = new Set([...wakes.flatMap(({ key }) => (key === null ? [] : [key])), ...filled]);
  const isLeft = keys.size > 0 && (await open(sql, keys, room));
  return { more: isLeft || wakes.length === wakesMax };
}

/** Some lanes that may have something to start. */
export interface LanePage {
  /** The best first. */
  readonly lanes: readonly Lane[];
  /** Where the next page begins; null: there are no more. */
  readonly last: Lane | null;
}

/** A page of lanes after this one. `shut`: receivers that no call may be made to; lanes with tasks for these alone are passed over. */
export async function readyLanes(sql: Sql, after: Lane | null, shut: readonly string[]): Promise<LanePage> {
  const beyond =
    after === null
      ? sql``
      : sql`and (-priority, since, pos, id)
          > (${-after.priority}::int, ${after.since}::text::timestamptz, ${after.pos}::int, ${after.id}::int)`;
  const seen = (most: number) => sql`
    select id, terms, priority, since::text as since, pos from lane where ready and waiting_on is null ${beyond}
    order by -priority, since, pos, id limit ${most}`;
  if (shut.length === 0) {
    const lanes: Lane[] = await sql<Lane[]>`${seen(lanesMax)}`;
    return { lanes, last: lanes.length < lanesMax ? null : (lanes.at(-1) as Lane) };
  }
  const rows = await sql<(Lane & { open: boolean })[]>`
    with seen as materialized (${seen(shutLanesMax)}),
    shut as materialized (select ${JSON.stringify(shut)}::text::jsonb as names)
    select l.*, exists (
      with recursive receiver (name) as (
        (select coalesce(t.receiver, '') from task t where t.lane = l.id and t.status = 'Pending' and t.due_at is null
         order by t.lane, coalesce(t.receiver, '') limit 1)
        union all
        select (
          select coalesce(t.receiver, '') from task t where t.lane = l.id and t.status = 'Pending' and t.due_at is null
            and coalesce(t.receiver, '') > r.name order by t.lane, coalesce(t.receiver, '') limit 1)
        from receiver r where r.name is not null)
      select from receiver r where r.name is not null and not (select names from shut) ? r.name) as open
    from seen l order by -l.priority, l.since::timestamptz, l.pos, l.id`;
  const lanes = rows.filter(({ open }) => open).slice(0, lanesMax);
  const isAll = rows.length < shutLanesMax && lanes.length < lanesMax;
  return { lanes, last: isAll ? null : ((lanes.length < lanesMax ? rows : lanes).at(-1) as Lane) };
}

interface Wake {
  readonly key: string | null;
  readonly lane: number | null;
  readonly priority: number;
  readonly since: string;
  readonly pos: number;
}

/** Lanes that got a task are looked at again, also where they wait: the task may be the best one now. Returns their keys. */
async function fill(sql: Sql, wakes: readonly Wake[]): Promise<string[]> {
  const fills = wakes.filter(({ lane }) => lane !== null);
  if (fills.length === 0) return [];
  const of = (field: "lane" | "priority" | "since" | "pos") => array(fills.map((fill) => fill[field]));
  const filled = await sql<Pick<Lane, "terms">[]>`
    with sent as materialized (
      select * from unnest(${of("lane")}::int[], ${of("priority")}::smallint[], ${of("since")}::timestamptz[],
        ${of("pos")}::int[]) as u (lane, priority, since, pos)),
    best as materialized (
      select distinct on (lane) * from (
        select * from sent
        union all
        select id, priority, since, pos from lane where ready and id in (select lane from sent)) u
      order by lane, priority desc, since, pos)
    update lane l set ready = true, waiting_on = null, waiting_type = null, waiting_limit = null,
      priority = b.priority, since = b.since, pos = b.pos
    from best b where l.id = b.lane returning l.terms`;
  return filled.flatMap(({ terms }) => terms.flatMap(({ key }) => key ?? []));
}

/** The best lanes that wait for a key and would find it open; where there may be more of them the wake stays: true. */
async function open(sql: Sql, keys: ReadonlySet<string>, room: number): Promise<boolean> {
  const left = await sql`
    with u as materialized (
      select w.key, ${used(sql, sql`exists (select from lane where waiting_on = w.key and waiting_type = 'Capacity' and ready)`)}
      from unnest(${idList(keys)}::uuid[]) as w (key)),
    found as materialized (
      select l.id, u.key from u cross join lateral (
        select id from lane where waiting_on = u.key and ready
          and waiting_limit > case waiting_type when 'Capacity' then u.load else u.count end
        order by waiting_on, priority desc, since, pos, id limit ${room}) l),
    opened as (
      update lane set waiting_on = null, waiting_type = null, waiting_limit = null where id in (select id from found))
    insert into wake (key) select key from found group by key having count(*) = ${room}`;
  return left.count > 0;
}

/** How many hold `w.key`; and the work they have left, which takes a look at each, only where it is asked for. */
export const used = (sql: Sql, wantsLoad: Fragment) => sql`
  (select count(*) from holder h where h.key = w.key)::int as count,
  case when ${wantsLoad} then (
    select coalesce(sum(greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0)), 0)
    from holder h join task t on t.id = h.task_id where h.key = w.key)::float8 else 0 end as load`;

/** Who holds the keys of these terms now. */
export async function usageOf(sql: Sql, terms: readonly Term[]): Promise<[string, Usage][]> {
  const loads = new Map<string, boolean>();
  for (const { key, type } of terms) if (key !== null) loads.set(key, type === "Capacity" || loads.get(key) === true);
  if (loads.size === 0) return [];
  const found = await sql<(Usage & { key: string })[]>`
    select w.key, ${used(sql, sql`w.loaded`)}
    from unnest(${idList(loads.keys())}::uuid[], ${array([...loads.values()])}::boolean[]) as w (key, loaded)`;
  return found.map(({ key, count, load }) => [key, { count, load }]);
}

/** What a round found out about a lane: the term that it waits for, or none. */
export interface Judged {
  readonly id: number;
  readonly waitsFor: Term | null;
}

const noKey = "00000000-0000-0000-0000-000000000000";

const bestOf = (sql: Sql, lane: Fragment) => sql`
  select t.priority, t.created_at, t.pos from task t
  where t.lane = ${lane} and t.lane <> 0 and t.status = 'Pending' and t.due_at is null
  order by t.lane, t.priority desc, t.created_at, t.pos limit 1`;

/** Whether one of these lanes is not as good as its rank says: its best task left, or became less urgent, since. */
export async function areOverranked(sql: Sql, lanes: readonly number[]): Promise<boolean> {
  const found = await sql`
    select from lane l left join lateral (${bestOf(sql, sql`l.id`)}) best on true
    where l.id = any(${idList(lanes.map(String))}::int[])
      and (best.pos is null or (-best.priority, best.created_at, best.pos) > (-l.priority, l.since, l.pos))
    limit 1`;
  return found.length > 0;
}

/** After the claims are written: who waits for what, whose tasks have all been taken, and how good the best one is. */
export function writeLanes(sql: Sql, judged: readonly Judged[]): Promise<unknown> {
  const of = (value: (term: Term) => string | number) =>
    array(judged.map(({ waitsFor }) => (waitsFor === null ? null : value(waitsFor))));
  return sql`
    update lane l set waiting_on = n.key, waiting_type = n.type, waiting_limit = n.max, ready = n.priority is not null,
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
