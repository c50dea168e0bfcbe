// The log of events: one task's, and all of them in the order of their ids, from any place on. Ids are drawn in transactions
// that commit in another order, so a reader that goes on from an id must know that nothing below it will appear any more: `drawn` and
// `stillOpen` tell. Partitions are found by time, so every reader brings a time; texts with values are planned each time they
// are asked, because a plan made for any value locks every partition there is.
import { setTimeout as pause } from "node:timers/promises";
import { limits } from "#config";
import type { Db, Sql } from "#store/pg/pool";

export interface ListedEvent {
  readonly id: number;
  readonly task_id: string;
  readonly batch_id: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly at: Date;
  readonly attempt: number;
  readonly reason: string | null;
  readonly actor: string;
}

/** A place in the log: no event with a larger id is older than `since`. */
export interface Place {
  readonly id: number;
  readonly since: Date;
}

/** Ids up to `upTo` have been drawn; these transactions may have drawn some of them, and have not ended. */
export interface Drawn {
  readonly upTo: number;
  readonly open: ReadonlySet<string>;
}

const columns = `e.id, e.task_id, e.batch_id, e."from", e."to", e.event, e.at, e.attempt, e.reason, e.actor`;
const lastId = "select case when is_called then last_value else 0 end as id from event_id_seq";

/** An event is written some time after its `at`, two minutes at most; clocks may be set back meanwhile. */
const marginMs = 86_400_000;
const before = (at: Date): Date => new Date(at.getTime() - marginMs);

/** Oldest first; undefined when there is no such task. */
export async function listEvents(db: Db, task: string): Promise<ListedEvent[] | undefined> {
  return db.use(async (sql) => {
    const [found] = await sql<{ since: Date; until: Date | null }[]>`
      select created_at as since, case when rejected = 0 then ended_at + interval '2 days' end as until from task where id = ${task}`;
    if (found === undefined) return undefined;
    // What has ended goes on only by reports that are refused, and by the late answer of a call, which may last a day.
    return sql.unsafe<ListedEvent[]>(
      `select ${columns} from event e where e.task_id = $1 and e.at >= $2 and e.at <= $3 order by e.id`,
      [task, ...eventSpan(found.since, found.until)],
    );
  });
}
const farFuture = new Date("9999-01-01T00:00:00Z");

/** In which times the events lie of what was created then; `until`: those that come later are not its own, null where there is no such time. */
export const eventSpan = (created: Date, until: Date | null): [since: Date, until: Date] => [
  before(created),
  until ?? farFuture,
];

/** Whether there is such a batch. */
export const hasBatch = (db: Db, id: string): Promise<boolean> =>
  db.use(async (sql) => (await sql`select from batch where id = ${id}`).length > 0);

/** The end of the log as it is now; what was drawn before it may be uncommitted, and appear later. */
export function endOfLog(db: Db): Promise<Place> {
  return db.use(async (sql) => {
    const [row] = await sql.unsafe<{ id: number; now: Date }[]>(`select id, now() as now from (${lastId}) s`);
    const { id, now } = row as { id: number; now: Date };
    return { id, since: before(now) };
  });
}

export interface Resumed {
  readonly place: Place;
  /** No event has a larger id yet. */
  readonly last: number;
  /** Retention has dropped events after the place, up to this id; null: none that were asked for. */
  readonly dropped: number | null;
  /** There is no such batch, and nothing says that there was one. */
  readonly isUnknown: boolean;
}

/** The place after event `id`, for all events or those of one batch. */
export function resumeAfter(db: Db, id: number, batch?: string): Promise<Resumed> {
  return db.use(async (sql) => {
    const [row] = await sql.unsafe<{ last: number; upto: number; created: Date | null }[]>(
      `select (${lastId}) as last, upto, (select created_at from batch where id = $1::uuid) as created from event_dropped`,
      [batch ?? null],
    );
    const { last, upto, created } = row as { last: number; upto: number; created: Date | null };
    // Events are kept as long as their batch is.
    const dropped = id < upto && created === null ? upto : null;
    if (created !== null) return { place: { id, since: before(created) }, last, dropped, isUnknown: false };
    const isUnknown = batch !== undefined && dropped === null;
    return { place: await placeOf(sql, id), last, dropped, isUnknown };
  });
}

/** The place after event `id`, which need not exist any more. */
export async function placeOf(sql: Sql, id: number): Promise<Place> {
  const days = await sql<{ day: Date; next: Date }[]>`
    select day::timestamp at time zone 'UTC' as day, (day + 1)::timestamp at time zone 'UTC' as next
    from (select to_date(right(c.relname, 8), 'YYYYMMDD') as day from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'event'::regclass and c.relname ~ '^event_[0-9]{8}$') d
    where day <= (now() at time zone 'UTC')::date order by day desc`;
  for (const { day, next } of days) {
    // Whatever has a larger id was drawn after this one was.
    const found = await sql.unsafe("select from event where at >= $1 and at < $2 and id <= $3 limit 1", [
      day,
      next,
      id,
    ]);
    if (found.length > 0) return { id, since: before(day) };
  }
  return { id, since: new Date(0) };
}

/** The place after the last of these; or after `upTo`, where they are all there is up to that. */
export function placeAfter(place: Place, events: readonly ListedEvent[], upTo: number): Place {
  const at = events.at(-1)?.at ?? place.since;
  return { id: Math.max(place.id, upTo), since: before(at) > place.since ? before(at) : place.since };
}

/** The next events, in the order of their ids; what was drawn and not committed yet is missing. */
export function eventsAfter(db: Db, { id, since }: Place, limit: number): Promise<ListedEvent[]> {
  return db.use((sql) =>
    sql.unsafe<ListedEvent[]>(`select ${columns} from event e where e.id > $1 and e.at >= $2 order by e.id limit $3`, [
      id,
      since,
      limit,
    ]),
  );
}

/** Some of the events that were asked for, in the order of their ids; there may be none though there are more beyond. */
export interface Stretch {
  readonly events: ListedEvent[];
  /** All of them up to here are in it. */
  readonly upTo: number;
}

/** The next events up to an id, of one batch or of all. */
export function eventsUpTo(db: Db, place: Place, upTo: number, limit: number, batch?: string): Promise<Stretch> {
  return db.use(async (sql) => {
    if (batch === undefined) return stretch(sql, place, upTo, limit);
    const [found] = await sql<{ total: number }[]>`select total from batch where id = ${batch}`;
    if ((found?.total ?? 0) > fewTasks) return sift(sql, place, upTo, limit, "e.batch_id = $5", batch);
    // By its tasks, each by itself: the range may hold the events of a million others.
    const from = `task_spec s cross join lateral (select * from event e where e.task_id = s.id and ${range} offset 0) e`;
    return stretch(sql, place, upTo, limit, from, "s.batch_id = $5", batch);
  });
}
/** So many tasks can be looked up in each partition for every page that is read. */
const fewTasks = 500;

/** Those that a condition holds for, among so many ids at most: there is no index for it, and there may be many others. */
function sift(sql: Sql, place: Place, upTo: number, limit: number, filter: string, value: string): Promise<Stretch> {
  return stretch(sql, place, Math.min(upTo, place.id + idsAtOnce), limit, "event e", `${range} and ${filter}`, value);
}
const idsAtOnce = 50_000;

const range = "e.id > $1 and e.id <= $2 and e.at >= $3";
async function stretch(
  sql: Sql,
  { id, since }: Place,
  upTo: number,
  limit: number,
  from = "event e",
  where = range,
  ...values: string[]
): Promise<Stretch> {
  const events = await sql.unsafe<ListedEvent[]>(
    `select ${columns} from ${from} where ${where} order by e.id limit $4`,
    [id, upTo, since, limit, ...values],
  );
  return { events, upTo: events.length < limit ? upTo : (events.at(-1)?.id ?? upTo) };
}

/** How far ids have been drawn, and by whom some of them may not be committed yet. */
export function drawn(db: Db): Promise<Drawn> {
  return db.use(async (sql) => {
    // One after the other: a transaction that drew an id that is seen here had its lock on the table before.
    const [row] = await sql.unsafe<{ id: number }[]>(lastId);
    return { upTo: row?.id ?? 0, open: await writers(sql) };
  });
}

/** Those of these transactions that still have not ended. When there is none, all that was drawn is committed or will never be. */
export function stillOpen(db: Db, { upTo, open }: Drawn): Promise<Drawn> {
  return db.use(async (sql) => ({ upTo, open: open.intersection(await writers(sql)) }));
}

/**
 * How far ids had been drawn when this was called, as soon as all of that is committed or will never be: mostly at once, at the
 * latest when the longest transaction ends that was at it. Null: it is not `wanted` any more.
 */
export async function settled(db: Db, wanted: () => boolean): Promise<number | null> {
  let seen = await drawn(db);
  while (wanted() && seen.open.size > 0) {
    await pause(limits.eventPollMs);
    if (wanted()) seen = await stillOpen(db, seen);
  }
  return wanted() ? seen.upTo : null;
}

/**
 * A writer of events locks the table before it draws an id, and is seen to hold the lock until its rows are seen. Ids of
 * transactions do not tell that: a snapshot's xmax is not above all that run, and any long transaction would hold up xmin.
 */
async function writers(sql: Sql): Promise<Set<string>> {
  const rows = await sql<{ tx: string }[]>`
    select virtualtransaction as tx from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
      and relation = 'event'::regclass and database = (select oid from pg_database where datname = current_database())`;
  return new Set(rows.map(({ tx }) => tx));
}
