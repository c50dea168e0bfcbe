// Keeps the tables of remembered answers from growing for ever. Runs often while there is much to forget.
import { limits } from "#config";
import type { Db } from "#store/client";
import { prune } from "#store/prune";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

const busyMs = 1_000;
const restMs = 600_000;

export function pruning(db: Db, log: Logger): Loop {
  return loop("prune", log, async () => {
    const gone = await prune(db, limits.idempotencyKeepHours, limits.pruneRowsMax);
    return gone >= limits.pruneRowsMax ? busyMs : restMs;
  });
}
