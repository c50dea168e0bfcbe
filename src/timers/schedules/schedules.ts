// Makes the batches of schedules at their times. The loop sleeps until the next time of any schedule; where there is none it looks
// now and then, and a process that changes a schedule says so. Every worker looks: the first to lock a schedule makes its batch.
import { limits } from "#config";
import { type MakerDeps, ScheduleMaker } from "#intake/schedules/maker";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";
import { Alive } from "#timers/schedules/alive";

interface Parts extends Omit<MakerDeps, "aliveMs" | "count"> {
  readonly sweepMs: number;
}

export function scheduleLoops({ sweepMs, ...parts }: Parts): Pick<Loop, "within" | "stop"> {
  const alive = new Alive(parts.db);
  const maker = new ScheduleMaker({
    ...parts,
    aliveMs: () => alive.ms,
    count: (outcome, n) => metrics.scheduleTimes.add(n, outcome),
  });
  const look = (alone: boolean) => async () => {
    const ms = await maker.look(alone);
    return ms === null ? Math.max(limits.scheduleIdleMs, sweepMs) : Math.min(ms, sweepMs);
  };
  // One large batch holds up no other schedule.
  const loops = [loop("schedules", parts.log, look(false)), loop("schedules", parts.log, look(true))];
  return {
    within: (ms) => {
      for (const one of loops) one.within(ms);
    },
    async stop() {
      alive.stop();
      await Promise.all(loops.map((one) => one.stop()));
    },
  };
}
