// Takes counter updates that the HTTP door has stored. A message is acked when its last update has been applied.

import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "#bus/client";
import { consume, InHand } from "#bus/consume";
import { park } from "#bus/dead";
import { consumers } from "#bus/subjects";
import type { Progress } from "#domain/command";
import { isUuid } from "#domain/schema/text";
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
  const inHand = new InHand(bus, log);
  const intake = consume({
    bus,
    inHand,
    source: consumers.progress,
    log,
    ahead: 64,
    take: async (message) => {
      const updates = readUpdates(message);
      if (updates === null) park(bus, message, "not a list of counter updates", log);
      let open = updates?.length ?? 0;
      if (open === 0) inHand.ack(message);
      const settled = () => {
        if (--open === 0) inHand.ack(message);
      };
      for (const update of updates ?? []) put(update, settled);
      await room();
    },
  });
  return { stop: () => intake.stop(), close: () => inHand.close() };
}

/** What only our own door should have sent; null: somebody else did. */
function readUpdates(message: JsMsg): Progress[] | null {
  try {
    const updates = message.json<Progress[]>();
    return Array.isArray(updates) && updates.every(isUpdate) ? updates : null;
  } catch {
    return null;
  }
}

const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
const isUpdate = (update: Progress): boolean =>
  typeof update?.id === "string" && isUuid(update.task) && isCount(update.success) && isCount(update.failures);
