// Takes counter updates that the HTTP door has stored. A message is acked when its last update has been applied.
import type { Bus } from "#bus/client";
import { consume, InHand } from "#bus/consume";
import { park } from "#bus/dead";
import { readPayload } from "#bus/progress-message";
import { consumers } from "#bus/subjects";
import type { Progress } from "#domain/command";
import { type Bundle, single } from "#domain/counts";
import type { Logger } from "#telemetry/log";

/** An update, what makes it count once, and its place there. */
export interface Brought {
  readonly update: Progress;
  readonly bundle: Bundle;
  readonly place: number;
  readonly settle: () => void;
}

export interface ProgressSource {
  stop(): Promise<void>;
  /** Gives back what has not been applied. */
  close(): void;
}

export function takeProgress(
  bus: Bus,
  put: (brought: Brought) => void,
  room: () => Promise<void>,
  log: Logger,
): ProgressSource {
  const inHand = new InHand(bus, log);
  const intake = consume({
    bus,
    inHand,
    source: consumers.progress,
    log,
    ahead: 64,
    take: async (message) => {
      const read = readPayload(message.string());
      if (read === null) park(bus, message, "not a list of counter updates", log);
      const updates = read?.updates ?? [];
      const bundle = { id: read?.id ?? "", size: updates.length, isKey: false };
      let open = updates.length;
      if (open === 0) inHand.ack(message);
      const settle = () => {
        if (--open === 0) inHand.ack(message);
      };
      for (const [n, update] of updates.entries()) {
        const { id } = update;
        put(id === undefined ? { update, bundle, place: n, settle } : { update, bundle: single(id), place: 0, settle });
      }
      await room();
    },
  });
  return { stop: () => intake.stop(), close: () => inHand.close() };
}
