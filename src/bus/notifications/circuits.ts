// A circuit changed: a message to all workers, so that they read at once what they may call. Lost with the message is only
// promptness; every worker reads the circuits about once a second anyway.
import type { Bus } from "#bus/client";
import { onNotification } from "#bus/notifications/notifications";
import { subjects } from "#bus/subjects";

export function tellCircuits(bus: Bus): void {
  if (bus.up) bus.nc.publish(subjects.circuit);
}

/** Returns how to stop it. */
export const onCircuits = (bus: Bus, callback: () => void): (() => void) =>
  onNotification(bus, subjects.circuit, () => callback());
