// A schedule as it is answered.

import { limits } from "#config";
import { maskedBatch } from "#domain/schedules/masked";
import { nextOf } from "#domain/schedules/times";
import { timesOfRow } from "#intake/schedules/turn";
import type { ListedSchedule, WholeSchedule } from "#store/schedules/read";

export function listedView(row: ListedSchedule) {
  const { name, cron, every_secs, timezone, overlap, catch_up, paused, until, batches, skipped } = row;
  const next = nextOf(timesOfRow(row), limits.scheduleNextShown, fromOf(row)).map((ms) => new Date(ms));
  return { name, cron, every_secs, timezone, overlap, catch_up, paused, until, next, batches, skipped };
}

/** `seesHeaders`: of the actions of its batch. */
export function wholeView(row: WholeSchedule, seesHeaders: boolean) {
  const { batches, skipped, ...rest } = listedView(row);
  return { ...rest, batch: seesHeaders ? row.batch : maskedBatch(row.batch), batches, skipped };
}

const justMs = 1_000;

/** A time that has come this moment and was not looked at yet is still one of the next. */
function fromOf({ paused, next_at, now }: ListedSchedule): number {
  const ms = now.getTime();
  const next = next_at?.getTime() ?? ms;
  return !paused && next <= ms && next > ms - justMs ? next - 1 : ms;
}
