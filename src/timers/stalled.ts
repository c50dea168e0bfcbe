// Ends sessions of processes that were stopped in the middle of a statement, before what they have locked keeps others waiting
// for as long as they stand still. Where the process goes on after all, it finds its connection broken and its turn undone.
import { limits } from "#config";
import { endStalled } from "#store/maintenance/stalled";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

/** What was found is looked at again after this time, so that it is not mistaken for one that stands still. */
const againMs = 1_000;

export function stalledSweep(db: Db, log: Logger): Loop {
  let before: readonly string[] = [];
  return loop("stalled", log, async () => {
    const { ended, waiting } = await endStalled(db, limits.idleInTransactionMs, before);
    before = waiting;
    metrics.sweepRepairs.add(ended, "stalled");
    if (ended > 0) log.warn({ sessions: ended }, "database sessions were ended whose process stood still");
    return waiting.length > 0 ? againMs : limits.idleInTransactionMs * (0.5 + Math.random() / 2);
  });
}
