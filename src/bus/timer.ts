// A timer that was armed by a process that runs none (the HTTP door): told to all workers, so that it goes off on time.
// Lost with the message is only promptness; the sweep finds every timer.
import type { Bus } from "#bus/client";
import { subjects } from "#bus/subjects";

/** `ms`: until it is due. */
export function tellTimer(bus: Bus, ms: number): void {
  if (bus.up) bus.nc.publish(subjects.timer, String(Math.max(0, Math.round(ms))));
}

export function onTimerArmed(bus: Bus, callback: (ms: number) => void): () => void {
  let stopped = false;
  let of: unknown = null;
  bus.onReady(() => {
    // The subscription lives as long as the connection, which the client brings back by itself.
    if (stopped || of === bus.nc) return;
    of = bus.nc;
    bus.nc.subscribe(subjects.timer, {
      callback: (error, message) => {
        const ms = Number(message?.string());
        if (!error && !stopped && Number.isFinite(ms)) callback(ms);
      },
    });
  });
  return () => {
    stopped = true;
  };
}
