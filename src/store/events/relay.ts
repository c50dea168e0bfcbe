// Which process publishes the log of events, and how far it has come: one row. The process holds it for a lease that each write
// prolongs, and no write of one that has lost it takes effect. Nothing stays open in Postgres meanwhile.

import { limits } from "#config";
import type { Tally } from "#domain/tally";
import { type ListedEvent, type Place, placeOf } from "#store/events/log";
import type { Db, Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** How far the log is published. */
export interface Noted {
  /** The last event. */
  readonly upto: number;
  /** Of the last message in the stream then; null: none was published yet. */
  readonly sequence: number | null;
}

/** Takes the row for one lease if no process holds it; null: one does. */
export function takeRelay(db: Db, process: number, leaseMs: number): Promise<Noted | null> {
  return db.use(async (sql) => {
    const [row] = await sql<Noted[]>`
      update event_relay set owner = ${process}, until = now() + ${leaseMs}::float8 * interval '1 ms'
      where until < now() or owner = ${process} returning upto, sequence`;
    return row ?? null;
  });
}

/** What the stream ends with: its newest event, null where that is none, and the sequence of its last message. */
interface StreamEnd {
  readonly event: Pick<ListedEvent, "id" | "task_id" | "at"> | null;
  readonly sequence: number;
}

export interface RelayPlace {
  readonly place: Place;
  /** Events up to this one are in the stream, though they are not noted as published. */
  readonly kept: number;
}

/**
 * Where the log is to be read on: after what is noted as published, or after the newest event that the stream holds, where that is
 * older, since a server that died may have lost what followed. An event that is not in the log tells nothing (the stream belonged to
 * another database, or the log is not kept for so long), nor does an empty stream, but for its sequence: if that is a little below
 * the one that is noted, so many messages are lost.
 */
export function placeOfRelay(db: Db, { upto, sequence }: Noted, end: StreamEnd): Promise<RelayPlace> {
  return db.use(async (sql) => {
    if (end.event !== null && (await isInLog(sql, end.event)))
      return { place: await placeOf(sql, Math.min(end.event.id, upto)), kept: end.event.id };
    const lost = Math.max(0, (sequence ?? 0) - end.sequence);
    const isLost = lost > 0 && lost <= limits.eventsLostMax;
    return { place: await placeOf(sql, isLost ? await beforeLost(sql, upto, lost) : upto), kept: 0 };
  });
}

const isInLog = async (sql: Sql, { id, task_id, at }: NonNullable<StreamEnd["event"]>): Promise<boolean> =>
  (await sql.unsafe("select from event where id = $1 and at = $2 and task_id = $3", [id, at, task_id])).length > 0;

/** The id that the newest so many published events up to `upto` come after; `upto` where there are fewer: the stream is another one. */
async function beforeLost(sql: Sql, upto: number, lost: number): Promise<number> {
  const [found] = await sql<{ n: number; first: number }[]>`
    select count(*)::int as n, min(id) as first from (
      select id from event where id <= ${upto} and "from" <> "to" order by id desc limit ${lost}) e`;
  return found?.n === lost ? found.first - 1 : upto;
}

/**
 * Notes that everything up to that event is published, and prolongs the lease; false: another process has the row. `tallies`: of
 * the events since what was noted last; each counts once, because they are written with the note.
 */
export function advanceRelay(
  db: Db,
  process: number,
  leaseMs: number,
  { upto, sequence }: Noted,
  tallies: readonly Tally[] = [],
): Promise<boolean> {
  return db.use(async (sql) => {
    const of = (read: (tally: Tally) => number | Date) => array(tallies.map(read));
    const [row] = await sql<{ mine: boolean }[]>`
      with noted as (
        update event_relay set upto = greatest(upto, ${upto}), sequence = ${sequence}, until = now() + ${leaseMs}::float8 * interval '1 ms'
        where owner = ${process} returning true),
      tallied as (
        insert into event_tally as t (at, starts, successes, failures)
        select u.* from unnest(${of(({ at }) => at)}::timestamptz[], ${of(({ starts }) => starts)}::int[],
          ${of(({ successes }) => successes)}::int[], ${of(({ failures }) => failures)}::int[]) as u, noted
        on conflict (at) do update set starts = t.starts + excluded.starts, successes = t.successes + excluded.successes,
          failures = t.failures + excluded.failures)
      select exists (select from noted) as mine`;
    return row?.mine === true;
  });
}

/** Gives the row up, so that another process takes it at once. */
export function leaveRelay(db: Db, process: number): Promise<void> {
  return db.use(async (sql) => {
    await sql`update event_relay set owner = null, until = now() where owner = ${process}`;
  });
}
