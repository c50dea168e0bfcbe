// Takes counter updates that the HTTP API has stored. A message is acked when its last update has been applied.
import type { Bus } from "#bus/client";
import { consume, InHand } from "#bus/consume";
import { readPayload } from "#bus/counters/progress-message";
import { setAside } from "#bus/dead";
import { consumers, subjects } from "#bus/subjects";
import type { Progress } from "#domain/command";
import { type Bundle, single } from "#domain/counters/counts";
import type { Logger } from "#telemetry/log";

/** An update, what makes it count once, and its place there. */
export interface Brought {
  readonly update: Progress;
  readonly bundle: Bundle;
  readonly place: number;
  readonly settle: () => void;
}

/** With when JetStream stored it, in ms of the clock of NATS. */
export interface Stored extends Brought {
  readonly storedMs: number;
}

/** Sets an update aside that could not be applied, in the words of a client. */
export function setAsideProgress(
  bus: Bus,
  { update, bundle, place }: Omit<Brought, "settle">,
  reason: string,
  log: Logger,
): void {
  const { task, success: new_success, failures: new_failures, attempt } = update;
  const data = JSON.stringify({ new_success, new_failures, attempt });
  setAside(bus, { subject: subjects.taskOf(task, "progress"), data, key: `${bundle.id}.${place}` }, reason, log);
}

export interface ProgressSource {
  stop(): Promise<void>;
  /** Gives back what has not been applied. */
  close(): void;
}

export function takeProgress(
  bus: Bus,
  put: (stored: Stored) => void,
  whenFree: () => Promise<void>,
  log: Logger,
): ProgressSource {
  const inHand = new InHand(bus, log);
  const intake = consume({
    bus,
    inHand,
    source: consumers.progress,
    log,
    ahead: 16,
    whenFree,
    take: (message) => {
      const read = readPayload(message.string());
      if (read === null) setAside(bus, message, "not a list of counter updates", log);
      const updates = read?.updates ?? [];
      const storedMs = Number(message.timestampNanos) / 1e6;
      const bundle = { id: read?.id ?? "", size: updates.length, isKey: false };
      let open = updates.length;
      if (open === 0) inHand.ack(message);
      const settle = () => {
        if (--open === 0) inHand.ack(message);
      };
      for (const [n, update] of updates.entries()) {
        const { id } = update;
        const of = id === undefined ? { bundle, place: n } : { bundle: single(id), place: 0 };
        put({ update, ...of, settle, storedMs });
      }
    },
  });
  return { stop: () => intake.stop(), close: () => inHand.close() };
}
