// Takes counter updates that the HTTP door has stored. A message is acked when its last update has been applied.

import type { Bus } from "#bus/client";
import { consume, InHand } from "#bus/consume";
import { consumers } from "#bus/subjects";
import type { Progress } from "#domain/command";
import type { Logger } from "#telemetry/log";

export interface ProgressSource {
  stop(): Promise<void>;
  /** Gives back what has not been applied. */
  close(): void;
}

export function takeProgress(
  bus: Bus,
  put: (update: Progress, settled: () => void) => void,
  room: () => Promise<void>,
  log: Logger,
): ProgressSource {
  const inHand = new InHand();
  const intake = consume({
    bus,
    source: consumers.progress,
    log,
    ahead: 64,
    take: async (message) => {
      inHand.add(message);
      const updates = message.json<Progress[]>();
      let open = updates.length;
      const settled = () => {
        if (--open === 0) inHand.ack(message);
      };
      for (const update of updates) put(update, settled);
      if (updates.length === 0) inHand.ack(message);
      await room();
    },
  });
  return { stop: () => intake.stop(), close: () => inHand.close() };
}
