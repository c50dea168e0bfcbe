// Keeps the tables of remembered answers from growing for ever. Runs often while there is much to forget.
import { limits } from "#config";
import { prune } from "#store/maintenance/prune";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

const againMs = 200;
const restMs = 600_000;

/** `appliedUntil`: everything that JetStream stored before has been applied; null: not known now. */
export function pruning(db: Db, appliedUntil: () => Promise<Date | null>, log: Logger): Loop {
  return loop("prune", log, async () => {
    const applied = await appliedUntil();
    if (applied === null) return restMs;
    const gone = await prune(db, limits.idempotencyKeepHours, applied, limits.pruneRowsMax);
    return gone >= limits.pruneRowsMax ? againMs : restMs;
  });
}
