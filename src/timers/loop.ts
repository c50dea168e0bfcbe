// The one loop under all timers: runs `tick`, sleeps as long as it says, or until it is nudged. A tick that throws is
// logged and tried again after a pause; the loop itself never ends before it is stopped.
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { metrics, type SweepName } from "#telemetry/metrics";

export interface Loop {
  /** Ticks now (or again, if it is ticking). */
  nudge(): void;
  /** Ticks in `ms` at the latest. */
  within(ms: number): void;
  stop(): Promise<void>;
}

export function loop(name: SweepName, log: Logger, tick: () => Promise<number>, failurePauseMs = 500): Loop {
  let stopped = false;
  let resume: (() => void) | null = null;
  let resumeAt = 0;
  let timer: NodeJS.Timeout | undefined;
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      resume = resolve;
      resumeAt = Math.min(performance.now() + ms, resumeAt);
      timer = setTimeout(resolve, Math.max(0, resumeAt - performance.now()));
    });
  const within = (ms: number) => {
    const at = performance.now() + ms;
    if (at >= resumeAt) return;
    resumeAt = at;
    clearTimeout(timer);
    if (resume !== null) timer = setTimeout(resume, ms);
  };
  const run = async () => {
    while (!stopped) {
      resumeAt = Number.POSITIVE_INFINITY;
      let ms = failurePauseMs;
      try {
        ms = await tick();
        metrics.sweeps.add(1, name);
      } catch (error) {
        const level = error instanceof Unavailable ? "debug" : "error";
        log[level]({ err: error, loop: name }, "a sweep failed and comes again");
      }
      if (!stopped) await sleep(ms);
      resume = null;
      clearTimeout(timer);
    }
  };
  const running = run();
  return {
    nudge: () => within(0),
    within,
    async stop() {
      stopped = true;
      // Ends the sleep; a tick under way is waited for.
      resume?.();
      await running;
    },
  };
}
