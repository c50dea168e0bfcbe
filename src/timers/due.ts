// Tells the actors which timers went off. Sleeps until the next one, or for one sweep, whichever is sooner, so nothing
// waits for a sweep but what another process armed without saying so. What is told twice is refused the second time.
import type { LocalCommand } from "#actor/mailbox";
import { limits } from "#config";
import type { Db } from "#store/client";
import { dueTasks } from "#store/due";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

interface Parts {
  readonly db: Db;
  readonly sweepMs: number;
  readonly tell: (command: LocalCommand) => void;
  /** Everything that JetStream stored before this time has been applied; null: not known now. */
  readonly appliedUntil: () => Promise<Date | null>;
  readonly log: Logger;
}

/** Before the same timers are told again, the turns have had this long. */
const settleMs = 100;

export function dueTimers({ db, sweepMs, tell, appliedUntil, log }: Parts): Loop {
  return loop("due", log, async () => {
    const { due, nextMs } = await dueTasks(db, limits.sweepRowsMax);
    const until = due.some((task) => task.ends) ? await appliedUntil() : null;
    let told = 0;
    for (const { id, ends, dueAt } of due) {
      // A time-out waits for the news that would prevent it.
      if (ends && (until === null || until < dueAt)) continue;
      tell({ type: "due", task: id, ends });
      told++;
    }
    if (told > 0) return settleMs;
    return Math.min(sweepMs, nextMs === null ? sweepMs : Math.max(nextMs, 1));
  });
}
