// Makes the partitions of the log of events ahead of time, first thing when a worker starts, and drops those that retention
// gives up. Neither is urgent: what has no partition of its own lands in the default one, what is in the way is asked again.
import { type Config, limits } from "#config";
import { clearDefault, dropOldest, makeDays } from "#store/events/partitions";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

type Settings = Pick<Config, "retentionEnabled" | "retentionDays" | "retentionCleanupIntervalSecs">;

const soonMs = 5_000;
const restMs = 3_600_000;

export function eventPartitions(db: Db, config: Settings, log: Logger): Loop {
  const keepDays = config.retentionDays;
  return loop("partitions", log, async () => {
    const made = await makeDays(db, limits.eventDaysAhead);
    if (!config.retentionEnabled) return made ? restMs : soonMs;
    const dropped = await dropOldest(db, keepDays);
    if (dropped) log.info({ partition: dropped }, "events that are past retention were dropped");
    const cleared = await clearDefault(db, keepDays, limits.pruneRowsMax);
    const more = !made || dropped !== null || cleared !== 0;
    return more
      ? Math.min(soonMs, config.retentionCleanupIntervalSecs * 1000)
      : Math.min(restMs, config.retentionCleanupIntervalSecs * 1000);
  });
}
