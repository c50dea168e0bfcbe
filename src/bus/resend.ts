// Sends a message again as it came, where something still takes it: to the stream of commands or counters, or to whoever creates
// batches.
import type { Bus } from "#bus/client";
import { subjects } from "#bus/subjects";
import { limits } from "#config";
import { Unavailable } from "#domain/errors";

export interface Resent {
  readonly subject: string;
  readonly payload: Uint8Array;
}

/** False: nothing takes messages there. Throws `Unavailable` where NATS did not take it. */
export async function resend(bus: Bus, { subject, payload }: Resent): Promise<boolean> {
  const isStored = subject === subjects.apiCommands || subject === subjects.progress || isOfTask(subject);
  if (!isStored && subject !== subjects.createBatch) return false;
  if (!bus.up) throw new Unavailable("NATS cannot be reached");
  try {
    if (isStored) await bus.js.publish(subject, payload, { timeout: limits.publishTimeoutMs });
    else {
      bus.nc.publish(subject, payload);
      await bus.nc.flush();
    }
    return true;
  } catch (cause) {
    throw new Unavailable("NATS did not take the message", [], { cause });
  }
}

/** As a server takes it: no empty part, no wildcard, nothing that is no visible character. */
const isOfTask = (subject: string): boolean => /^baton\.task(\.[^\s.*>\p{Cc}]+)+$/u.test(subject);
