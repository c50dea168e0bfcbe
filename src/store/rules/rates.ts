// The starts that Rate rules count, and the windows that queues wait for. A start is written by the transaction that claims, and
// deleted where no call followed. A window is counted by its rows, exactly; its own row says when the next start fits in, so
// that nothing is looked at before.

import type { Term } from "#domain/rules/admit";
import { callWithinMs, type RateKey } from "#domain/rules/rate";
import type { Sql } from "#store/pg/pool";
import type { SendWrite } from "#store/pg/transaction";
import { array, idList } from "#store/pg/unnest";

/** A condition of type Rate whose fields are all there. */
interface Window {
  readonly id: string;
  readonly key: string;
  readonly limit: number;
  readonly per: number;
}

/** A claim that counts. */
export interface Start extends Pick<RateKey, "template" | "key"> {
  readonly claimId: number;
}

/** When the first of the windows that queues wait for opens, or did; null: there is none. Part of a statement that is sent anyway. */
export const opensFirst = (sql: Sql) => sql`(select min(opens_at) from rate_window)`;

/** How many starts have their place in a window `w` (key, max, per) at that time; no more are counted than it has places. */
const held = (sql: Sql, now: Date) => sql`
  (select count(*) from (
    select from rate_start s where s.key = w.key and s.at > ${now}::timestamptz - rate_hold(w.per) limit w.max) s)`;

/** The same now, for people, who may see that there are more than places. */
export const startedNow = (sql: Sql) => sql`
  (select count(*) from (
    select from rate_start s where s.key = w.key and s.at > now() - rate_hold(w.per) limit greatest(w.max, ${shownMax})) s)`;
const shownMax = 10_000;

/** When the next start fits into a window `w`, if it is full: when all but one of its newest places are free again. */
export const opens = (sql: Sql) => sql`
  (select s.at + rate_hold(w.per) from rate_start s where s.key = w.key order by s.at desc offset w.max - 1 limit 1)`;

const windowsOf = (terms: readonly Term[]): Window[] => [
  ...new Map(
    terms.flatMap(({ type, key: id, limit, of: key, per }): [string, Window][] =>
      type === "Rate" && id !== null && key != null && per !== undefined ? [[id, { id, key, limit, per }]] : [],
    ),
  ).values(),
];

const unnested = (sql: Sql, windows: readonly Window[]) => {
  const of = (field: keyof Window) => array(windows.map((one) => one[field]));
  return sql`
    unnest(${of("id")}::uuid[], ${of("key")}::uuid[], ${of("limit")}::bigint[], ${of("per")}::int[]) as w (id, key, max, per)`;
};

/** How many starts count for the windows in these terms, by window. */
export async function startedIn(sql: Sql, terms: readonly Term[], now: Date): Promise<[string, number][]> {
  const windows = windowsOf(terms);
  if (windows.length === 0) return [];
  const found = await sql<{ id: string; count: number }[]>`
    select w.id, ${held(sql, now)}::float8 as count from ${unnested(sql, windows)}`;
  return found.map(({ id, count }) => [id, count]);
}

/** The best queues that wait for one of these windows, as many as it has places for, wait no more. */
export const openWindows = (sql: Sql, ids: Iterable<string>, slots: number, now: Date): Promise<unknown> => sql`
  update admission_queue set waiting_on = null, waiting_type = null, waiting_limit = null where id in (
    select l.id from (
        select w.id, w.max - ${held(sql, now)} as free
        from (select id, key, "limit" as max, per from rate_window where id = any(${idList(ids)}::uuid[])) w) w
      cross join lateral (
        select id from admission_queue where waiting_on = w.id and ready
        order by waiting_on, priority desc, since, pos, id limit least(w.free, ${slots})) l
    where w.free > 0)`;

export interface RateChanges {
  readonly starts: readonly Start[];
  /** Claims of which no call was made. */
  readonly givenBack: readonly number[];
  /** What queues were found to wait for. */
  readonly waitedFor: readonly Term[];
  /** The windows that were looked at because they may have opened. */
  readonly opened: readonly string[];
}

/** Issues the writes, after those of the queues. `opensAt` hears when the first of the windows in hand opens. */
export function writeRateChanges(
  sql: Sql,
  { starts, givenBack, waitedFor, opened }: RateChanges,
  now: Date,
  send: SendWrite,
  signals: (write: Promise<{ readonly count: number }>) => void,
  opensAt: (at: Date) => void,
): void {
  if (starts.length > 0) send(insertStarts(sql, starts, now));
  if (givenBack.length > 0) signals(giveBack(sql, givenBack));
  const windows = windowsOf(waitedFor);
  if (windows.length + opened.length === 0) return;
  const written = writeWindows(sql, windows, opened, now);
  send(written.then(([first]) => first?.at && opensAt(first.at)));
}

const insertStarts = (sql: Sql, starts: readonly Start[], now: Date) => {
  const of = (field: keyof Start) => array(starts.map((one) => one[field]));
  return sql`
    insert into rate_start (claim_id, template, key, at)
    select *, ${now}::timestamptz from unnest(${of("claimId")}::bigint[], ${of("template")}::int[], ${of("key")}::uuid[])`.execute();
};

/**
 * Moves these starts to now, and gives by when their calls may begin. Who counted one where it was counted as much as where it is
 * now, as long as it is moved before its place there is over; so only what is younger than half a window is moved, and only
 * an answer that comes as soon counts.
 */
export async function renewStarts(sql: Sql, claims: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const askedMs = performance.now();
  const moved = await sql<{ claim: number; shortest: number }[]>`
    with old as materialized (
      select s.claim_id, s.template, t.shortest, s.at < now() - t.shortest * interval '0.5 seconds' as over
      from rate_start s join rate_template t on t.id = s.template where s.claim_id = any(${array(claims)}::bigint[])),
    moved as (
      update rate_start s set at = date_trunc('milliseconds', now()) from old o
      where s.claim_id = o.claim_id and s.template = o.template
        and not exists (select from old p where p.claim_id = o.claim_id and p.over)
      returning s.claim_id, o.shortest)
    select claim_id as claim, min(shortest) as shortest from moved group by claim_id`;
  const tookMs = performance.now() - askedMs;
  return new Map(
    moved.flatMap(({ claim, shortest }): [number, number][] =>
      tookMs < shortest * 400 ? [[claim, askedMs + callWithinMs(shortest)]] : [],
    ),
  );
}

/** The signal names the key of the starts: whoever waits for a window over it may start sooner. */
const giveBack = (sql: Sql, claims: readonly number[]) =>
  sql`
    with gone as (delete from rate_start where claim_id = any(${array(claims)}::bigint[]) returning key)
    insert into signal (key) select distinct key from gone`.execute();

/** Windows for which queues wait get the time at which the next start fits in; the others go. */
const writeWindows = (sql: Sql, windows: readonly Window[], opened: readonly string[], now: Date) =>
  sql<{ at: Date | null }[]>`
    with given as (
      select id, key, max, per from ${unnested(sql, windows)}
      union select id, key, "limit", per from rate_window where id = any(${idList(opened)}::uuid[])),
    w as materialized (
      select * from given g where exists (select from admission_queue where waiting_on = g.id and ready)),
    gone as (
      delete from rate_window r where id = any(${idList(opened)}::uuid[]) and not exists (select from w where w.id = r.id)),
    written as (
      insert into rate_window (id, key, "limit", per, opens_at)
      select id, key, max, per, greatest(${now}::timestamptz, ${opens(sql)}) from w
      on conflict (id) do update set opens_at = excluded.opens_at returning opens_at)
    select min(opens_at) as at from written`.execute();
