// Parks what cannot be worked on in `baton.dead`, with the reason, for somebody to look at. Never throws.
import { headers as newHeaders } from "@nats-io/transport-node";
import type { Bus } from "#bus/client";
import { headers, subjects } from "#bus/subjects";
import type { Logger } from "#telemetry/log";

const subjectCharsMax = 1_000;

interface Parked {
  readonly subject: string;
  readonly data: Uint8Array | string;
}

export function park(bus: Bus, { subject, data }: Parked, reason: string, log: Logger): void {
  const failed = (error: unknown) => log.error({ err: error, subject, reason }, "a message could not be parked");
  try {
    const h = newHeaders();
    h.set(headers.reason, reason.replace(/[^\x20-\x7e]+/g, " ").slice(0, 500));
    // Longer subjects the server does not take: it hangs up.
    const dead = subjects.deadOf(subject).slice(0, subjectCharsMax).replace(/\.+$/, "");
    bus.js.publish(dead, data, { headers: h }).catch(failed);
  } catch (error) {
    failed(error);
  }
}
