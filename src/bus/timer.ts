// A timer that was armed by a process that runs none (the HTTP door): told to all workers, so that it goes off on time.
// Lost with the message is only promptness; the sweep finds every timer.
import type { Bus } from "#bus/client";
import { onHint } from "#bus/hint";
import { subjects } from "#bus/subjects";

/** `ms`: until it is due. */
export function tellTimer(bus: Bus, ms: number): void {
  if (bus.up) bus.nc.publish(subjects.timer, String(Math.max(0, Math.round(ms))));
}

/** Returns how to stop it. */
export const onTimerArmed = (bus: Bus, callback: (ms: number) => void): (() => void) =>
  onHint(bus, subjects.timer, (message) => {
    const ms = Number(message.string());
    if (Number.isFinite(ms)) callback(ms);
  });
