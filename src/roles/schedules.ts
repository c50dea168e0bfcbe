// Wires what makes batches at the times of schedules into a worker.
import type { Mailbox } from "#actor/mailbox";
import { onSchedule } from "#bus/notifications/timers";
import { scheduleActor } from "#domain/actor";
import { makePolicy } from "#domain/calls/guard";
import type { Item } from "#domain/turn/items";
import type { LargeCalls } from "#intake/large/calls";
import type { Basics } from "#roles/scope";
import { scheduleLoops } from "#timers/schedules/schedules";

interface Parts {
  readonly mailbox: Pick<Mailbox, "put">;
  readonly large: LargeCalls;
  /** Tasks that may start were created; the first timer of them goes off in so many ms. */
  readonly created: (firstDelayMs: number | undefined) => void;
}

export function openSchedules({ config, db, bus, log }: Basics, { mailbox, large, created }: Parts) {
  const loops = scheduleLoops({
    ...{ config, db, log, large, created, policy: makePolicy(config), sweepMs: config.workerLoopIntervalMs },
    stop: (batch, schedule) => mailbox.put(stopFor(batch, schedule)),
  });
  const unlisten = onSchedule(bus, (ms) => loops.within(ms));
  return {
    async stop() {
      unlisten();
      await loops.stop();
    },
  };
}

/** Asked again until the batch is complete, under one id: the first one counts. */
const stopFor = (batch: string, schedule: string): Item => ({
  from: "client",
  command: { id: "replaced", verb: "stop_batch", target: batch, actor: scheduleActor(schedule) },
  ...{ storedAt: Date.now(), expires: false, replyTo: null, settle: () => {} },
});
