// What people ask of a schedule: to be there, to pause, to resume, to go. Each is one transaction under the lock of its row, in
// which what had come before counts first.
import { Busy, NotFound } from "#domain/errors";
import { dueAt, restored, stepped } from "#domain/schedules/settle";
import { canonicalJson } from "#domain/values/json";
import { uuidv7 } from "#domain/values/uuid";
import { type InHand, outcomeOf, takeInHand, timesOfRow } from "#intake/schedules/turn";
import type { ScheduleEvent } from "#machines/schedule";
import type { Sql } from "#store/pg/pool";
import { bodyOf, deleteSchedule, insertSchedule, type NewSchedule, updateSchedule } from "#store/schedules/change";
import { readSchedule, type WholeSchedule } from "#store/schedules/read";
import { lockOne, type ScheduleRow, writeSchedules } from "#store/schedules/rows";

/** A schedule as it is sent; `paused` undefined: as it is. */
export interface AskedSchedule extends NewSchedule {
  readonly paused: boolean | undefined;
}

export interface Changed {
  readonly schedule: WholeSchedule;
  readonly isNew: boolean;
  /** Until it has to be looked at; null: never. */
  readonly dueMs: number | null;
}

/** Makes or changes it. The same again changes nothing. */
export async function putSchedule(sql: Sql, asked: AskedSchedule): Promise<Changed> {
  const { paused, ...schedule } = asked;
  const { row, isNew } = await insertOrLock(sql, schedule, paused ?? false);
  if (isNew) return write(sql, asked.name, begun(row), true);
  const one = await inHand(sql, row);
  const isSame = await isAsItWas(sql, row, schedule);
  if (!isSame) await change(sql, one, schedule);
  if (paused !== undefined) turn(one, paused);
  return write(sql, asked.name, one, false);
}

/** Again where it is deleted between the two statements. */
async function insertOrLock(
  sql: Sql,
  schedule: NewSchedule,
  paused: boolean,
): Promise<{ readonly row: ScheduleRow; readonly isNew: boolean }> {
  for (let n = 0; n < insertsMax; n++) {
    const isNew = await insertSchedule(sql, uuidv7(Date.now()), schedule, paused);
    const row = await lockOne(sql, schedule.name);
    if (row !== undefined) return { row, isNew };
  }
  throw new Busy("The schedule is deleted all the time");
}

const insertsMax = 3;

/** Throws `NotFound`. */
export async function pauseSchedule(sql: Sql, name: string, paused: boolean): Promise<Changed> {
  const one = await inHand(sql, await locked(sql, name));
  turn(one, paused);
  return write(sql, name, one, false);
}

/** The same; answers with the schedule as it was. */
export async function dropSchedule(sql: Sql, name: string): Promise<WholeSchedule> {
  const row = await locked(sql, name);
  const schedule = (await readSchedule(sql, name)) as WholeSchedule;
  if (!restored({ ...machineOf(row), waiting: [], unfinished: 0 }).can({ type: "delete" }))
    throw new Error(`the schedule ${name} cannot be deleted`);
  await deleteSchedule(sql, row.id);
  return schedule;
}

async function locked(sql: Sql, name: string): Promise<ScheduleRow> {
  const row = await lockOne(sql, name);
  if (row === undefined) throw new NotFound("schedule");
  return row;
}

/** A time that came a moment ago, and that no worker has seen yet, is not missed because a person is faster. */
const inHand = async (sql: Sql, row: ScheduleRow): Promise<InHand> =>
  (await takeInHand(sql, [row], [{ since: row.now.getTime(), upto: row.now.getTime() }]))[0] as InHand;

const machineOf = (row: ScheduleRow) => ({ overlap: row.overlap, catchUp: row.catch_up, paused: row.paused });

/** One that has just been made. */
function begun(row: ScheduleRow): InHand {
  const around = { waiting: [], done: new Set<number>(), unfinished: [] };
  const now = row.now.getTime();
  const times = timesOfRow(row);
  const snapshot = restored({ ...machineOf(row), waiting: [], unfinished: 0 });
  return { row, around, times, now, made: new Map(), snapshot, nextAt: times.next(row.anchor.getTime()) };
}

async function isAsItWas(sql: Sql, row: ScheduleRow, asked: NewSchedule): Promise<boolean> {
  const { batch } = await bodyOf(sql, row.id);
  return (
    !isOtherTimetable(row, asked) &&
    row.overlap === asked.overlap &&
    row.catch_up === asked.catch_up &&
    row.until?.getTime() === asked.until?.getTime() &&
    canonicalJson(batch) === canonicalJson(asked.batch)
  );
}

const isOtherTimetable = (row: ScheduleRow, asked: NewSchedule): boolean =>
  row.cron !== asked.cron || row.every_secs !== asked.every_secs || row.timezone !== asked.timezone;

async function change(sql: Sql, one: InHand, asked: NewSchedule): Promise<void> {
  const { row, now } = one;
  const isOther = isOtherTimetable(row, asked);
  const anchor = isOther ? row.now : row.anchor;
  await updateSchedule(sql, row.id, asked, isOther ? row.now : null);
  step(one, { type: "change", overlap: asked.overlap, catchUp: asked.catch_up });
  const isLeft = one.nextAt !== null && one.nextAt <= now && one.snapshot.value === "active";
  one.times = timesOfRow({ ...asked, anchor });
  if (isOther || !isLeft) one.nextAt = one.times.next(now);
}

/** Times begin after a pause with the first that comes then. */
function turn(one: InHand, paused: boolean): void {
  const before = one.snapshot.value;
  step(one, { type: paused ? "pause" : "resume" });
  if (before === "paused" && one.snapshot.value === "active") one.nextAt = one.times.next(one.now);
}

function step(one: InHand, event: ScheduleEvent): void {
  one.snapshot = stepped(one.snapshot, event);
}

async function write(sql: Sql, name: string, one: InHand, isNew: boolean): Promise<Changed> {
  const { after, times } = outcomeOf(one);
  await Promise.all(writeSchedules(sql, [after], times));
  const due = dueAt(one, one.now);
  return {
    schedule: (await readSchedule(sql, name)) as WholeSchedule,
    isNew,
    dueMs: due === null ? null : due - one.now,
  };
}
