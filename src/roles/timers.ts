// Wires the timers of a worker: what is due, and the sweeps for what was left behind. Wiring only; nothing is decided here.
import type { Mailbox } from "#actor/mailbox";
import type { Bus } from "#bus/client";
import { appliedUntil } from "#bus/counters/applied";
import { onTimerArmed } from "#bus/notifications/timers";
import { unsettled } from "#bus/unsettled";
import type { Basics } from "#roles/scope";
import { DueTimers } from "#timers/due/due";
import { loop } from "#timers/loop";
import { eventPartitions } from "#timers/partitions";
import { pruning } from "#timers/prune";
import { retention } from "#timers/retention";
import { ruleSweep } from "#timers/rules";
import type { ClockSkew } from "#timers/skew";
import { stalledSweep } from "#timers/stalled";

interface Timing {
  readonly mailbox: Mailbox;
  readonly skew: ClockSkew;
  readonly look: () => void;
}

export function openTimers({ config, db, bus, log }: Basics, { mailbox, skew, look }: Timing) {
  const applied = async () => {
    const until = skew.isKnown ? await appliedUntil(bus) : null;
    return until && new Date(skew.toPostgresMs(until.getTime()));
  };
  const due = new DueTimers({
    ...{ db, log },
    sweepMs: config.workerLoopIntervalMs,
    tell: (command) => mailbox.tell(command),
    isWaiting: (task) => mailbox.isWaiting(task),
    unsettled: () => unsettledBy(bus, skew),
    // Until then services could not report: what was silent meanwhile is not to blame.
    upSinceMs: () => Math.max(db.upSinceMs, bus.upSinceMs),
  });
  const sweep = loop("dispatch", log, async () => {
    look();
    return config.workerLoopIntervalMs;
  });
  const rules = ruleSweep(db, look, log);
  const stalled = stalledSweep(db, log);
  const forget = pruning(db, applied, log);
  const old = config.retentionEnabled ? retention(db, config, log) : null;
  const days = eventPartitions(db, config, log);
  const unlisten = onTimerArmed(bus, (ms) => due.within(ms));
  return {
    armed: (at: Date) => due.armed(at),
    async stop() {
      unlisten();
      await Promise.all([due, sweep, rules, stalled, forget, old, days].map((timer) => timer?.stop()));
    },
  };
}

/** What the streams hold, by the clock of Postgres. */
async function unsettledBy(bus: Bus, skew: ClockSkew) {
  const found = skew.isKnown ? await unsettled(bus) : null;
  if (found === null) return null;
  const newest = (id: string) => {
    const at = found.newest.get(id);
    return at === undefined ? null : skew.toPostgresMs(at);
  };
  return { newest, isPartial: found.isPartial };
}
