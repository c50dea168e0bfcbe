// Tells the actors which timers went off. Sleeps until the next one, or for one sweep, whichever is sooner, so nothing
// waits for a sweep but what another process armed without saying so. What is told twice is refused the second time, and
// not told again while the turns are behind.
import type { LocalCommand } from "#actor/mailbox";
import { limits } from "#config";
import type { Db } from "#store/client";
import { lookDue, type Timer, timedOut } from "#store/due";
import type { Logger } from "#telemetry/log";
import { type Loop, loop } from "#timers/loop";

interface Parts {
  readonly db: Db;
  readonly sweepMs: number;
  readonly tell: (command: LocalCommand) => void;
  /** Everything that JetStream stored before this time has been applied; null: not known now. */
  readonly appliedUntil: () => Promise<Date | null>;
  /** Commands that wait for a turn in this process. */
  readonly backlog: () => number;
  readonly log: Logger;
}

/** Before the same timer is told again, the turns have had this long. */
const settleMs = 100;
const againMs = 2_000;
const lookAgainMs = 200;

const keyOf = ({ task, at }: Timer): string => `${task} ${at}`;

export function dueTimers({ db, sweepMs, tell, appliedUntil, backlog, log }: Parts): Loop {
  const told = new Map<string, number>();
  const tellAll = (timers: readonly Timer[], ends: boolean): number => {
    const now = performance.now();
    const fresh = timers.filter((timer) => now - (told.get(keyOf(timer)) ?? Number.NEGATIVE_INFINITY) > againMs);
    for (const timer of fresh) {
      told.set(keyOf(timer), now);
      tell({ type: "due", task: timer.task, ends });
    }
    return fresh.length;
  };
  return loop("due", log, async () => {
    for (const [key, at] of told) if (performance.now() - at > againMs) told.delete(key);
    if (backlog() > limits.sweepRowsMax) return settleMs;
    const { due, timeouts, nextMs } = await lookDue(db, limits.sweepRowsMax);
    let fresh = tellAll(due, false);
    // A time-out waits for the news that would prevent it.
    const until = timeouts ? await appliedUntil() : null;
    if (until !== null) fresh += tellAll(await timedOut(db, until, limits.sweepRowsMax), true);
    if (fresh > 0 || timeouts) return settleMs;
    // Told a moment ago, and not decided yet.
    if (due.length > 0) return Math.min(sweepMs, lookAgainMs);
    return Math.min(sweepMs, nextMs === null ? sweepMs : Math.max(nextMs, 1));
  });
}
