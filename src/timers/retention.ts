// Deletes old batches, portion by portion, and rests as long as each took. Any number of processes may do it: one at a time
// does, and whoever finds another at it leaves it to him. What cannot be deleted now is looked at again the next time.
import type { Config } from "#config";
import type { Db } from "#store/client";
import { deleteOld, firstPlace, type Place } from "#store/retention";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

type Settings = Pick<Config, "retentionDays" | "retentionCleanupIntervalSecs" | "retentionBatchSize">;

/** Another one is at it: he may die, or only be replaying deliveries. */
const busyMs = 10_000;

export function retention(db: Db, config: Settings, log: Logger): Loop {
  const intervalMs = config.retentionCleanupIntervalSecs * 1000;
  const asked = { days: config.retentionDays, tasksMax: config.retentionBatchSize };
  let place: Place = firstPlace;
  return loop("retention", log, async () => {
    const started = performance.now();
    const done = await deleteOld(db, asked, place);
    if (done === "busy") return Math.min(busyMs, intervalMs);
    for (const [what, count] of Object.entries(done.deleted)) metrics.retentionDeleted.add(count, what);
    place = done.next ?? firstPlace;
    return done.next === null ? intervalMs : performance.now() - started;
  });
}
