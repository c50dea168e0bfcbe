// Looks now and then whether slots are what the states of tasks say, and whether a queue that waits for a key waits for a full
// one. It should never find anything: what it does find is counted and logged. It also counts the tasks that no rule admits.
import { limits } from "#config";
import type { Db } from "#store/pg/pool";
import { countInadmissible } from "#store/rules/inadmissible";
import { fromStart, repairRules } from "#store/rules/repair";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

/** `look`: what was set right may let tasks start. */
export function ruleSweep(db: Db, look: () => void, log: Logger): Loop {
  const progress = fromStart();
  let first = true;
  return loop("rules", log, async () => {
    // Processes that start together need not sweep together.
    if (!first) await sweep();
    first = false;
    return limits.ruleSweepMs * (0.5 + Math.random());
  });

  async function sweep(): Promise<void> {
    const repaired = await repairRules(db, progress);
    metrics.inadmissible.set(await countInadmissible(db));
    if (repaired === 0) return;
    metrics.sweepRepairs.add(repaired, "rules");
    log.warn({ repaired }, "slots or admission queues were not as they should be, and were set right");
    look();
  }
}
