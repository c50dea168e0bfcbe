// Lanes, keys and wakes for a claim round that looks at tasks with rules. Rounds take turns over the whole cluster, for the
// length of a transaction that waits for nothing else; releases do not, so they leave wakes, which are deleted before
// anything is counted: what happens after the count leaves a wake for the next round.
import type { Term, Usage, UsageByKey } from "#domain/admit";
import { array, idList } from "#store/arrays";
import type { Sql } from "#store/client";

export interface Lane {
  readonly id: number;
  readonly terms: readonly Term[];
}

export interface Opened {
  /** Lanes that may have something to start, the best first. */
  readonly lanes: readonly Lane[];
  /** Who holds the keys of their terms. */
  readonly usage: UsageByKey;
  /** There may be more of them. */
  readonly more: boolean;
}

/** Advisory locks: one of ruled rounds, and one that a new shape takes against every transaction that may make holders. */
export const roundLock = 7_227_868;
export const shapeLock = 7_227_869;

const wakesMax = 1_000;
const lanesMax = 64;

/** Whether a round has rules to look at. Part of a statement that is sent anyway. */
export const isAwake = (sql: Sql) => sql`
  exists (select from wake) or exists (select from lane where ready and waiting_on is null)`;

/** Takes the turn, then opens what was woken. `room`: how many tasks may be started. */
export async function openLanes(sql: Sql, room: number): Promise<Opened> {
  await sql`select pg_advisory_xact_lock(${roundLock})`;
  const wakes = await sql<Wake[]>`
    delete from wake where id in (select id from wake order by id limit ${wakesMax}) returning key, lane, priority, since`;
  await fill(sql, wakes);
  const keys = new Set(wakes.flatMap(({ key }) => (key === null ? [] : [key])));
  const usage = new Map(await usageOf(sql, keys));
  if (keys.size > 0) await open(sql, keys, usage, room);
  const lanes = await sql<Lane[]>`
    select id, terms from lane where ready and waiting_on is null order by priority desc, since, id limit ${lanesMax}`;
  const others = new Set(lanes.flatMap(({ terms }) => terms.map(({ key }) => key ?? "")).filter((key) => key !== ""));
  for (const [key, used] of await usageOf(sql, others)) usage.set(key, used);
  return { lanes, usage, more: wakes.length === wakesMax || lanes.length === lanesMax };
}

interface Wake {
  readonly key: string | null;
  readonly lane: number | null;
  readonly priority: number;
  readonly since: Date;
}

/** Lanes that got a task are looked at again, also where they wait: the task may be the best one now. */
async function fill(sql: Sql, wakes: readonly Wake[]): Promise<void> {
  const best = new Map<number, { priority: number; since: Date }>();
  for (const { lane, priority, since } of wakes) {
    if (lane === null) continue;
    const known = best.get(lane);
    if (!known) best.set(lane, { priority, since });
    else
      best.set(lane, {
        priority: Math.max(known.priority, priority),
        since: known.since < since ? known.since : since,
      });
  }
  if (best.size === 0) return;
  const of = [...best.values()];
  await sql`
    update lane l set ready = true, waiting_on = null, waiting_type = null, waiting_limit = null,
      priority = case when l.ready then greatest(l.priority, u.priority) else u.priority end,
      since = case when l.ready then least(l.since, u.since) else u.since end
    from unnest(${array([...best.keys()])}::int[], ${array(of.map(({ priority }) => priority))}::smallint[],
      ${array(of.map(({ since }) => since))}::timestamptz[]) as u (id, priority, since)
    where l.id = u.id`;
}

/** The best lanes that wait for a key and would find it open; where there may be more of them the wake stays. */
async function open(sql: Sql, keys: ReadonlySet<string>, usage: UsageByKey, room: number): Promise<void> {
  const used = [...keys].map((key) => usage.get(key) ?? { count: 0, load: 0 });
  await sql`
    with u as materialized (
      select * from unnest(${idList(keys)}::uuid[], ${array(used.map(({ count }) => count))}::bigint[],
        ${array(used.map(({ load }) => load))}::float8[]) as u (key, count, load)),
    found as materialized (
      select l.id, u.key from u cross join lateral (
        select id from lane where waiting_on = u.key
          and waiting_limit > case waiting_type when 'Capacity' then u.load else u.count end
        order by waiting_on, priority desc, since, id limit ${room}) l),
    opened as (
      update lane set waiting_on = null, waiting_type = null, waiting_limit = null where id in (select id from found))
    insert into wake (key) select key from found group by key having count(*) = ${room}`;
}

/** Who holds these keys now. */
export async function usageOf(sql: Sql, keys: ReadonlySet<string>): Promise<[string, Usage][]> {
  if (keys.size === 0) return [];
  const found = await sql<(Usage & { key: string })[]>`
    select h.key, count(*)::int as count,
      sum(greatest(coalesce(t.expected_count, 0) - t.success - t.failures, 0))::float8 as load
    from holder h join task t on t.id = h.task_id where h.key = any(${idList(keys)}::uuid[]) group by h.key`;
  return found.map(({ key, count, load }) => [key, { count, load }]);
}

/** What a round found out about a lane: the term that it waits for, or none. */
export interface Judged {
  readonly id: number;
  readonly waitsFor: Term | null;
}

const noKey = "00000000-0000-0000-0000-000000000000";

/** After the claims are written: who waits for what, and whose tasks have all been taken. */
export function writeLanes(sql: Sql, judged: readonly Judged[]): Promise<unknown> {
  const of = (value: (term: Term) => string | number) =>
    array(judged.map(({ waitsFor }) => (waitsFor === null ? null : value(waitsFor))));
  return sql`
    update lane l set waiting_on = u.key, waiting_type = u.type, waiting_limit = u.max,
      ready = exists (select from task t where t.lane = l.id and t.status = 'Pending' and t.due_at is null)
    from unnest(${array(judged.map(({ id }) => id))}::int[], ${of(({ key }) => key ?? noKey)}::uuid[],
      ${of(({ key, type }) => (key === null ? "missing" : type))}::text[],
      ${of(({ limit }) => limit)}::bigint[]) as u (id, key, type, max)
    where l.id = u.id`.execute();
}
