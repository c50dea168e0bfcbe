// Schedules as clients may see them. Each has the newest few of its batches and of what it skipped, which an index gives.

import { limits } from "#config";
import type { SkipReason } from "#domain/schedules/words";
import { nilUuid } from "#domain/values/uuid";
import type { Db, Sql } from "#store/pg/pool";
import { type BatchState, stateOf } from "#store/read/batches";
import { slice } from "#store/read/operators/slice";
import { type Listed, type Page, reading } from "#store/read/walk";
import { type ScheduleRow, skippedStates } from "#store/schedules/rows";

/** What a listing shows of a schedule. */
export interface ListedSchedule extends Omit<ScheduleRow, "id" | "alone" | "version"> {
  readonly batches: readonly { readonly batch_id: string; readonly at: Date; readonly status: BatchState }[];
  readonly skipped: readonly { readonly at: Date; readonly reason: SkipReason }[];
}

export interface WholeSchedule extends ListedSchedule {
  /** The body of POST /task. */
  readonly batch: unknown;
}

type Read<T extends ListedSchedule> = Omit<T, "batches" | "skipped"> & {
  readonly batches: readonly { readonly batch_id: string; readonly at: number; readonly status: BatchState }[];
  readonly skipped: readonly { readonly at: number; readonly state: string }[];
};

const shown = limits.scheduleShownMax;
const ms = (sql: Sql, column: string) => sql`(extract(epoch from ${sql(column)}) * 1000)::float8`;

/** Of the schedule `s`; newest first. */
const columns = (sql: Sql) => sql`
  s.name, s.cron, s.every_secs, s.timezone, s.overlap, s.catch_up, s.paused, s.until, s.anchor, s.next_at, clock_timestamp() as now,
  coalesce((
    select json_agg(json_build_object('batch_id', b.id, 'at', ${ms(sql, "schedule_at")}, 'status', ${stateOf(sql)})) from (
      select * from batch where schedule collate "C" = s.name order by schedule collate "C" desc, schedule_at desc, id desc limit ${shown}) b), '[]') as batches,
  coalesce((
    select json_agg(json_build_object('at', ${ms(sql, "at")}, 'state', state)) from (
      select x.at, x.state from (values ('overlap'), ('missed'), ('given_up')) r (reason) cross join lateral (
        select at, state from schedule_time t where t.schedule_id = s.id and t.state = r.reason
        order by t.schedule_id desc, t.state desc, t.at desc limit ${shown}) x
      order by x.at desc limit ${shown}) t), '[]') as skipped`;

function shownOf<T extends ListedSchedule>(row: Read<T>): T {
  const { batches, skipped, ...schedule } = row;
  return {
    ...schedule,
    batches: batches.map((batch) => ({ ...batch, at: new Date(batch.at) })),
    skipped: skipped.map(({ at, state }) => ({ at: new Date(at), reason: reasonOf(state) })),
  } as unknown as T;
}

const reasonOf = (state: string): SkipReason =>
  (Object.keys(skippedStates) as SkipReason[]).find((reason) => skippedStates[reason] === state) as SkipReason;

/** In the transaction that changed it, or by itself. */
export async function readSchedule(sql: Sql, name: string): Promise<WholeSchedule | undefined> {
  const [row] = await sql<
    Read<WholeSchedule>[]
  >`select ${columns(sql)}, s.batch from schedule s where s.name = ${name}`;
  return row && shownOf(row);
}

export const findSchedule = (db: Db, name: string): Promise<WholeSchedule | undefined> =>
  reading(db, (sql) => readSchedule(sql, name));

/** By name. */
export const listSchedules = (db: Db, page: Page): Promise<Listed<ListedSchedule>> =>
  reading(db, (sql) =>
    slice<ListedSchedule>(
      page,
      async ({ after, skip, take }) => {
        const rows = await sql<Read<ListedSchedule>[]>`
          select ${columns(sql)} from (
            select * from schedule where name > ${after?.at ?? ""} order by name limit ${take} offset ${skip}) s order by s.name`;
        return rows.map(shownOf);
      },
      ({ name }) => ({ at: name, id: nilUuid }),
    ),
  );

export interface NextSchedule {
  readonly name: string;
  readonly next: Date | null;
}

/** Those that are next first, and then those without a next time. */
export const nextSchedules = (db: Db, most: number): Promise<NextSchedule[]> =>
  reading(db, async (sql) => {
    const next = await sql<NextSchedule[]>`
      select name, next_at as next from (
        (select name, next_at from schedule where due_at is not null and alone = false order by alone, due_at, id limit ${most})
        union all
        (select name, next_at from schedule where due_at is not null and alone = true order by alone, due_at, id limit ${most})) s
      order by next_at nulls last, name limit ${most}`;
    if (next.length === most) return next;
    const rest = await sql<NextSchedule[]>`
      select name, null as next from schedule where due_at is null order by name limit ${most - next.length}`;
    return [...next, ...rest];
  });
