// Ends sessions of processes that were stopped in the middle of a statement, before what they have locked keeps others waiting
// for as long as they stand still. Where the process goes on after all, it finds its connection broken and its turn undone.
import { limits } from "#config";
import type { Db } from "#store/client";
import { endStalled } from "#store/due";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

export function stalledSweep(db: Db, log: Logger): Loop {
  return loop("stalled", log, async () => {
    const ended = await endStalled(db, limits.idleInTransactionMs);
    metrics.sweepRepairs.add(ended, "stalled");
    if (ended > 0) log.warn({ sessions: ended }, "database sessions were ended whose process stood still");
    return limits.idleInTransactionMs * (0.5 + Math.random() / 2);
  });
}
