// A timer that was armed by a process that runs none (the HTTP API): a message to all workers, so that it goes off on time.
// Lost with the message is only promptness; sweeps find every timer. Schedules have a subject of their own, so that only who uses
// them pays for it.
import type { Bus } from "#bus/client";
import { onNotification } from "#bus/notifications/notifications";
import { subjects } from "#bus/subjects";

const tell = (bus: Bus, subject: string, ms: number): void => {
  if (bus.up) bus.nc.publish(subject, String(Math.max(0, Math.round(ms))));
};

const hear = (bus: Bus, subject: string, callback: (ms: number) => void): (() => void) =>
  onNotification(bus, subject, (message) => {
    const ms = Number(message.string());
    if (Number.isFinite(ms)) callback(ms);
  });

/** `ms`: until it is due. */
export const tellTimer = (bus: Bus, ms: number): void => tell(bus, subjects.timer, ms);

/** Returns how to stop it. */
export const onTimerArmed = (bus: Bus, callback: (ms: number) => void): (() => void) =>
  hear(bus, subjects.timer, callback);

/** `ms`: until the schedule has to be looked at. */
export const tellSchedule = (bus: Bus, ms: number): void => tell(bus, subjects.schedule, ms);

/** Returns how to stop it. */
export const onSchedule = (bus: Bus, callback: (ms: number) => void): (() => void) =>
  hear(bus, subjects.schedule, callback);
