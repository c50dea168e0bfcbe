// The rows of schedules: read under the lock of the schedule's own row, which everything that changes its life takes first, and
// written back by value. What decides is in the domain.

import { limits } from "#config";
import type { Span } from "#domain/schedules/settle";
import type { CatchUp, Overlap, SkipReason, WaitingTime } from "#domain/schedules/words";
import type { Sql } from "#store/pg/pool";
import { array, idList, own, unnest } from "#store/pg/unnest";

/** A schedule, locked. */
export interface ScheduleRow {
  readonly id: string;
  readonly name: string;
  readonly cron: string | null;
  readonly every_secs: number | null;
  readonly timezone: string;
  readonly overlap: Overlap;
  readonly catch_up: CatchUp;
  readonly paused: boolean;
  readonly until: Date | null;
  readonly alone: boolean;
  readonly version: number;
  readonly anchor: Date;
  readonly next_at: Date | null;
  /** By the clock of Postgres, once the lock was got. */
  readonly now: Date;
}

/** What its machine decides by, beside the row. */
export interface Around {
  readonly waiting: readonly WaitingTime[];
  /** Times that are settled: they come no second time. */
  readonly done: ReadonlySet<number>;
  /** Its batches that are not complete, some of very many. */
  readonly unfinished: readonly string[];
}

/** What became of a time. */
export interface TimeRow {
  readonly schedule_id: string;
  readonly at: Date;
  readonly state: "waiting" | "refused" | "made" | SkippedState;
  readonly batch_id: string | null;
}
type SkippedState = (typeof skippedStates)[SkipReason];
/** `refused` in the table is one that is still tried. */
export const skippedStates = { overlap: "overlap", missed: "missed", refused: "given_up" } as const satisfies Record<
  SkipReason,
  string
>;

const columns = (sql: Sql) => sql`
  id, name, cron, every_secs, timezone, overlap, catch_up, paused, until, alone, version, anchor, next_at, clock_timestamp() as now`;

/** Those of these that are due and not locked, up to `most`. */
export const lockDue = (sql: Sql, ids: readonly string[], most: number): Promise<ScheduleRow[]> =>
  sql<ScheduleRow[]>`
  select ${columns(sql)} from schedule where id = any(${idList(ids)}::uuid[]) and due_at <= clock_timestamp()
  order by due_at, id limit ${most} for no key update skip locked`.execute();

/** Waits for the lock. */
export async function lockOne(sql: Sql, name: string): Promise<ScheduleRow | undefined> {
  const [found] = await sql`select id from schedule where name = ${name} for no key update`;
  if (found === undefined) return undefined;
  // A statement of its own: the time is that after the wait.
  const [row] = await sql<ScheduleRow[]>`select ${columns(sql)} from schedule where id = ${found.id as string}`;
  return row;
}

/** By the id of the schedule. */
export async function loadAround(
  sql: Sql,
  rows: readonly Pick<ScheduleRow, "id" | "name">[],
): Promise<ReadonlyMap<string, Around>> {
  const ids = idList(rows.map(({ id }) => id));
  const [times, open] = await Promise.all([
    sql<{ id: string; at: Date; state: TimeRow["state"] }[]>`
      select schedule_id as id, at, state from schedule_time where schedule_id = any(${ids}::uuid[]) order by at`.execute(),
    sql<{ name: string; batch: string }[]>`
      select u.name, b.id as batch from unnest(${array(rows.map(({ name }) => name))}::text[]) u (name) cross join lateral (
        select id from batch where schedule collate "C" = u.name and completed_at is null limit ${limits.scheduleUnfinishedMax}) b`.execute(),
  ]);
  const timesOf = Map.groupBy(times, ({ id }) => id);
  const openOf = Map.groupBy(open, ({ name }) => name);
  const isWaiting = ({ state }: { readonly state: TimeRow["state"] }) => state === "waiting" || state === "refused";
  return new Map(
    rows.map(({ id, name }) => {
      const own = timesOf.get(id) ?? [];
      const waiting = own
        .filter(isWaiting)
        .map(({ at, state }) => ({ at: at.getTime(), refused: state === "refused" }));
      const done = new Set(own.filter((time) => !isWaiting(time)).map(({ at }) => at.getTime()));
      return [id, { waiting, done, unfinished: (openOf.get(name) ?? []).map(({ batch }) => batch) }];
    }),
  );
}

/** When some worker was alive, from the first of these times on. */
export async function loadAlive(sql: Sql, from: Date): Promise<Span[]> {
  const spans = await sql<{ since: Date; upto: Date }[]>`
    select since, upto from schedule_alive where upto >= ${from}`.execute();
  return spans.map(({ since, upto }) => ({ since: since.getTime(), upto: upto.getTime() }));
}

/** The row of a schedule after a turn. */
export interface ScheduleAfter {
  readonly id: string;
  readonly paused: boolean;
  readonly next_at: Date | null;
  readonly due_at: Date | null;
}

const afterColumns = [
  own("id", "uuid"),
  own("paused", "boolean"),
  own("next_at", "timestamptz"),
  own("due_at", "timestamptz"),
] as const;
const timeColumns = [
  own("schedule_id", "uuid"),
  own("at", "timestamptz"),
  own("state", "text"),
  own("batch_id", "uuid"),
] as const;

/** Sent at once, so that they may go out with the commit. */
export function writeSchedules(
  sql: Sql,
  after: readonly ScheduleAfter[],
  times: readonly TimeRow[],
): Promise<unknown>[] {
  const writes: Promise<unknown>[] = [];
  if (after.length > 0) {
    const params: (string | null)[] = [];
    const from = unnest(params, afterColumns, after);
    const set = "paused = u.paused, next_at = u.next_at, due_at = u.due_at";
    writes.push(
      sql.unsafe(`update schedule s set ${set} from ${from} where s.id = u.id`, params, { prepare: true }).execute(),
    );
  }
  if (times.length > 0) writes.push(writeTimes(sql, times), forgetTimes(sql, times));
  return writes;
}

/** Fails where a time has its batch already: then all of the transaction does. */
async function writeTimes(sql: Sql, times: readonly TimeRow[]): Promise<void> {
  const params: (string | null)[] = [];
  const statement = `
    insert into schedule_time as t (schedule_id, at, state, batch_id) select schedule_id, at, state, batch_id
    from ${unnest(params, timeColumns, times)}
    on conflict (schedule_id, at) do update set state = excluded.state, batch_id = excluded.batch_id
    where t.state in ('waiting', 'refused')`;
  const { count } = await sql.unsafe(statement, params, { prepare: true });
  if (count !== times.length) throw new Error("a time of a schedule was settled before");
}

const finalStates: ReadonlySet<string> = new Set(["made", ...Object.values(skippedStates)]);

/** Of each state the newest are kept, and all that wait. */
async function forgetTimes(sql: Sql, times: readonly TimeRow[]): Promise<void> {
  const done = times.filter(({ state }) => finalStates.has(state));
  const keys = [...new Map(done.map((time) => [`${time.schedule_id} ${time.state}`, time])).values()];
  if (keys.length === 0) return;
  await sql`
    delete from schedule_time t
    using unnest(${idList(keys.map((time) => time.schedule_id))}::uuid[], ${array(keys.map(({ state }) => state))}::text[]) u (id, state)
      cross join lateral (
        select at from schedule_time k where k.schedule_id = u.id and k.state = u.state
        order by k.schedule_id desc, k.state desc, k.at desc offset ${limits.scheduleShownMax - 1} limit 1) k
    where t.schedule_id = u.id and t.state = u.state and t.at < k.at`;
}
