// Which process publishes the log of events, and how far it has come: one row. The process holds it for a lease that each write
// prolongs, and no write of one that has lost it takes effect. Nothing stays open in Postgres meanwhile.

import type { Tally } from "#domain/tally";
import { type ListedEvent, type Place, placeOf } from "#store/events/log";
import type { Db, Sql } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** Takes the row for one lease if no process holds it; up to which event the log is published, or null. */
export function takeRelay(db: Db, process: number, leaseMs: number): Promise<number | null> {
  return db.use(async (sql) => {
    const [row] = await sql<{ upto: number }[]>`
      update event_relay set owner = ${process}, until = now() + ${leaseMs}::float8 * interval '1 ms'
      where until < now() or owner = ${process} returning upto`;
    return row?.upto ?? null;
  });
}

export interface RelayPlace {
  readonly place: Place;
  /** Events up to this one are in the stream, though they are not noted as published. */
  readonly kept: number;
}

/**
 * Where the log is to be read on: after what is noted as published, or after the newest event that the stream holds, where that is
 * older, since a server that died may have lost what followed. An event that is not in the log tells nothing: the stream belonged to
 * another database, or the log is not kept for so long.
 */
export function placeOfRelay(
  db: Db,
  upto: number,
  newest: Pick<ListedEvent, "id" | "task_id" | "at"> | null,
): Promise<RelayPlace> {
  return db.use(async (sql) => {
    const isOurs = newest !== null && (await isInLog(sql, newest));
    const kept = isOurs ? newest.id : 0;
    return { place: await placeOf(sql, isOurs ? Math.min(kept, upto) : upto), kept };
  });
}

const isInLog = async (sql: Sql, { id, task_id, at }: Pick<ListedEvent, "id" | "task_id" | "at">): Promise<boolean> =>
  (await sql.unsafe("select from event where id = $1 and at = $2 and task_id = $3", [id, at, task_id])).length > 0;

/**
 * Notes that everything up to that event is published, and prolongs the lease; false: another process has the row. `tallies`: of
 * the events since what was noted last; each counts once, because they are written with the note.
 */
export function advanceRelay(
  db: Db,
  process: number,
  leaseMs: number,
  upto: number,
  tallies: readonly Tally[] = [],
): Promise<boolean> {
  return db.use(async (sql) => {
    const of = (read: (tally: Tally) => number | Date) => array(tallies.map(read));
    const [row] = await sql<{ mine: boolean }[]>`
      with noted as (
        update event_relay set upto = greatest(upto, ${upto}), until = now() + ${leaseMs}::float8 * interval '1 ms'
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
