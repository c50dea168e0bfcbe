// A bulk operation has something to do: a message to all workers, of which one takes it. Lost with the message is only
// promptness; every worker looks for operations now and then.
import type { Bus } from "#bus/client";
import { onNotification } from "#bus/notifications/notifications";
import { subjects } from "#bus/subjects";

export function tellBulk(bus: Bus): void {
  if (bus.up) bus.nc.publish(subjects.bulk);
}

/** Returns how to stop it. */
export const onBulk = (bus: Bus, callback: () => void): (() => void) =>
  onNotification(bus, subjects.bulk, () => callback());
