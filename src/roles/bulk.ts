// Wires bulk operations into a worker: commands go to its own actor, and reruns are made as the API makes them.
import type { ReplayItem } from "#actor/deliveries/replays";
import type { Mailbox } from "#actor/mailbox";
import { onBulk } from "#bus/notifications/bulk";
import type { BulkCommand } from "#domain/bulk";
import { makePolicy } from "#domain/calls/guard";
import type { Answer } from "#domain/command";
import { rerunFor } from "#intake/bulk/rerun";
import type { LargeCalls } from "#intake/large/calls";
import type { Basics } from "#roles/scope";
import { bulkLoop } from "#timers/bulk/bulk";

interface Actors {
  readonly mailbox: Pick<Mailbox, "put">;
  readonly replay: (item: ReplayItem) => void;
  /** Tasks that may start were created; the first timer of them goes off in so many ms. */
  readonly created: (firstDelayMs?: number) => void;
  readonly large: LargeCalls;
}

export function openBulk({ config, db, bus, log }: Basics, actors: Actors): { stop(): Promise<void> } {
  const { created, large } = actors;
  const deps = { config, policy: makePolicy(config), db, commands: { notifyClaims: created }, large, log };
  const work = bulkLoop({
    ...{ db, leaseMs: config.workerClaimTimeoutSecs * 1_000, log },
    ask: (command) => askActor(actors, command),
    rerun: (id, batch) => rerunFor(deps, id, batch),
  });
  const unlisten = onBulk(bus, () => work.nudge());
  return {
    async stop() {
      unlisten();
      await work.stop();
    },
  };
}

/** No caller waits, so no command of a bulk operation is dropped for being late. */
export const askActor = (
  { mailbox, replay }: Pick<Actors, "mailbox" | "replay">,
  command: BulkCommand,
): Promise<Answer | null> =>
  new Promise((settle) => {
    if (command.verb === "replay") replay({ command, storedAt: Number.POSITIVE_INFINITY, settle });
    else mailbox.put({ from: "client", command, storedAt: Date.now(), expires: false, replyTo: null, settle });
  });
