// Listens to the bell: a queue group over all workers, pulled only while this one has a free slot, so that pulling is the
// count of free slots. A bell only says that there is work. One that is lost costs a sweep, nothing else.
import type { Bus } from "#bus/client";
import { consumers } from "#bus/subjects";
import type { Logger } from "#telemetry/log";

interface Parts {
  readonly bus: Bus;
  readonly hasRoom: () => boolean;
  readonly look: () => void;
  readonly log: Logger;
}

const pullMs = 5_000;
const pauseMs = 100;

export function listenToBell({ bus, hasRoom, look, log }: Parts): { stop(): void } {
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      try {
        if (!bus.up || !hasRoom()) {
          await pause(pauseMs);
          continue;
        }
        const { stream, config } = consumers.bell;
        const consumer = await bus.js.consumers.get(stream, config.durable_name);
        while (!stopped && bus.up && hasRoom()) {
          const rung = await consumer.next({ expires: pullMs });
          if (rung === null) continue;
          rung.ack();
          look();
        }
      } catch (error) {
        if (!stopped) log.debug({ err: error }, "listening to the bell is interrupted");
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

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
