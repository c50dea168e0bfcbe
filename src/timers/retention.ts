// Deletes old batches, portion by portion, and rests as long as each took. Any number of processes may run it; one at a time
// deletes, and a process that finds another one deleting looks again later. What cannot be deleted now is looked at again the next time.
import type { Config } from "#config";
import { deleteOld, firstPlace, type Place } from "#store/maintenance/retention";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

type Settings = Pick<Config, "retentionDays" | "retentionCleanupIntervalSecs" | "retentionBatchSize">;

/** Another process deletes or replays deliveries. It may end soon, or die. */
const againMs = 10_000;

export function retention(db: Db, config: Settings, log: Logger): Loop {
  const intervalMs = config.retentionCleanupIntervalSecs * 1000;
  const asked = { days: config.retentionDays, tasksMax: config.retentionBatchSize };
  let place: Place = firstPlace;
  return loop("retention", log, async () => {
    const started = performance.now();
    const done = await deleteOld(db, asked, place);
    if (done === "elsewhere") return Math.min(againMs, intervalMs);
    for (const what of ["batches", "tasks", "deliveries", "events"] as const)
      metrics.retentionDeleted.add(done.deleted[what], what);
    place = done.next ?? firstPlace;
    return done.next === null ? intervalMs : performance.now() - started;
  });
}
