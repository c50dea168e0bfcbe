// "There are tasks to claim": a queue group over all workers, pulled only while this one has a free call slot, so that pulling is the
// count of free slots. A notification only makes the look prompt. One that is lost costs a sweep, nothing else.
import { setTimeout as pause } from "node:timers/promises";
import type { Bus } from "#bus/client";
import { consumers, subjects } from "#bus/subjects";
import { limits } from "#config";
import { Batcher } from "#flow/batcher";
import type { Logger } from "#telemetry/log";

/** Notifies once however often it is asked while the last notification is on its way. */
export class ClaimNotifier {
  readonly #bus: Bus;
  readonly #batches: Batcher<null>;

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#batches = new Batcher<null>({
      max: Number.POSITIVE_INFINITY,
      run: async () => {
        if (bus.up) await bus.js.publish(subjects.notifications, "", { timeout: limits.publishTimeoutMs });
        return [];
      },
      remedy: () => "give_up",
      giveUp() {},
    });
  }

  notify(): void {
    if (this.#bus.up) this.#batches.put(null);
  }
}

interface Parts {
  readonly bus: Bus;
  readonly hasCapacity: () => boolean;
  readonly look: () => void;
  readonly log: Logger;
}

const pullMs = 5_000;
const pauseMs = 100;

export function listenForClaims({ bus, hasCapacity, look, log }: Parts): { stop(): void } {
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      try {
        if (!bus.up || !hasCapacity()) {
          await pause(pauseMs);
          continue;
        }
        const { stream, config } = consumers.notifications;
        const consumer = await bus.js.consumers.get(stream, config.durable_name);
        while (!stopped && bus.up && hasCapacity()) {
          const notification = await consumer.next({ expires: pullMs });
          if (notification === null) continue;
          notification.ack();
          look();
        }
      } catch (error) {
        if (!stopped) log.debug({ err: error }, "listening for claims is interrupted");
        await pause(pauseMs);
      }
    }
  };
  void run();
  return {
    stop() {
      stopped = true;
    },
  };
}
