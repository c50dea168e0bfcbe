// What people change about a schedule, in the transaction that has its row locked.
import type { Timetable } from "#domain/schedules/times";
import type { CatchUp, Overlap } from "#domain/schedules/words";
import type { Db, Sql } from "#store/pg/pool";

/** A schedule as it is asked for. */
export interface NewSchedule extends Omit<Timetable, "anchor"> {
  readonly name: string;
  readonly overlap: Overlap;
  readonly catch_up: CatchUp;
  readonly until: Date | null;
  readonly batch: unknown;
  readonly bytes: number;
  readonly alone: boolean;
}

/** False: there is one of this name. Its times are not set yet. */
export async function insertSchedule(sql: Sql, id: string, schedule: NewSchedule, paused: boolean): Promise<boolean> {
  const { name, cron, every_secs, timezone, overlap, catch_up, until, batch, bytes, alone } = schedule;
  const { count } = await sql`
    insert into schedule (id, name, cron, every_secs, timezone, overlap, catch_up, paused, until, batch, bytes, alone, anchor)
    values (${id}, ${name}, ${cron}, ${every_secs}, ${timezone}, ${overlap}, ${catch_up}, ${paused}, ${until},
      ${JSON.stringify(batch)}::text::json, ${bytes}, ${alone}, clock_timestamp())
    on conflict (name) do nothing`;
  return count > 0;
}

/** Everything that was asked for, but its times. `anchor`: from where they begin anew; null: they do not. */
export async function updateSchedule(sql: Sql, id: string, schedule: NewSchedule, anchor: Date | null): Promise<void> {
  const { cron, every_secs, timezone, overlap, catch_up, until, batch, bytes, alone } = schedule;
  await sql`
    update schedule set cron = ${cron}, every_secs = ${every_secs}, timezone = ${timezone}, overlap = ${overlap},
      catch_up = ${catch_up}, until = ${until}, batch = ${JSON.stringify(batch)}::text::json, bytes = ${bytes}, alone = ${alone},
      version = version + 1, anchor = coalesce(${anchor}::timestamptz, anchor)
    where id = ${id}`;
}

/** With what is known of its times; its batches go on. */
export async function deleteSchedule(sql: Sql, id: string): Promise<void> {
  await sql`delete from schedule where id = ${id}`;
}

/** The body of POST /task of a schedule that is locked. */
/** Of the body of POST /task that it holds; undefined: there is no such schedule. */
export const bytesOf = (db: Db, name: string): Promise<number | undefined> =>
  db.use(async (sql) => (await sql<{ bytes: number }[]>`select bytes from schedule where name = ${name}`)[0]?.bytes);

export async function bodyOf(sql: Sql, id: string): Promise<{ readonly batch: unknown; readonly bytes: number }> {
  const [row] = await sql<{ batch: unknown; bytes: number }[]>`select batch, bytes from schedule where id = ${id}`;
  return row as { batch: unknown; bytes: number };
}
