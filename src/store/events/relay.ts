// Which process publishes the log of events, and how far it has come: one row. The process holds it for a lease that each write
// prolongs, and no write of one that has lost it takes effect. Nothing stays open in Postgres meanwhile.

import type { Tally } from "#domain/tally";
import { type Place, placeOf } from "#store/events/log";
import type { Db } from "#store/pg/pool";
import { array } from "#store/pg/unnest";

/** Takes the row for one lease if no process holds it; where the log is to be read on, or null. */
export function takeRelay(db: Db, process: number, leaseMs: number): Promise<Place | null> {
  return db.use(async (sql) => {
    const [row] = await sql<{ upto: number }[]>`
      update event_relay set owner = ${process}, until = now() + ${leaseMs}::float8 * interval '1 ms'
      where until < now() or owner = ${process} returning upto`;
    return row === undefined ? null : placeOf(sql, row.upto);
  });
}

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
