// The one loop under all timers: runs `tick`, sleeps as long as it says, or until it is nudged. A tick that throws is
// logged and tried again after a pause; the loop itself never ends before it is stopped.
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

export interface Loop {
  /** Ticks now (or again, if it is ticking). */
  nudge(): void;
  /** Ticks in `ms` at the latest. */
  within(ms: number): void;
  stop(): Promise<void>;
}

export function loop(name: string, log: Logger, tick: () => Promise<number>, failurePauseMs = 500): Loop {
  let stopped = false;
  let wake: (() => void) | null = null;
  let wakeAt = 0;
  let timer: NodeJS.Timeout | undefined;
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      wakeAt = Math.min(performance.now() + ms, wakeAt);
      timer = setTimeout(resolve, Math.max(0, wakeAt - performance.now()));
    });
  const within = (ms: number) => {
    const at = performance.now() + ms;
    if (at >= wakeAt) return;
    wakeAt = at;
    clearTimeout(timer);
    if (wake !== null) timer = setTimeout(wake, ms);
  };
  const run = async () => {
    while (!stopped) {
      wakeAt = Number.POSITIVE_INFINITY;
      let ms = failurePauseMs;
      try {
        ms = await tick();
        metrics.sweeps.add(1, name);
      } catch (error) {
        const level = error instanceof Unavailable ? "debug" : "error";
        log[level]({ err: error, loop: name }, "a sweep failed and comes again");
      }
      if (!stopped) await sleep(ms);
      wake = null;
      clearTimeout(timer);
    }
  };
  const running = run();
  return {
    nudge: () => within(0),
    within,
    async stop() {
      stopped = true;
      within(0);
      wakeAt = Number.POSITIVE_INFINITY;
      within(0);
      await running;
    },
  };
}
