// Publishes the counter updates of the API: those of a few milliseconds go into one JetStream message, the next when it is stored.
// At most BATCH_CHANNEL_CAPACITY updates are on their way; later ones wait, and nothing is dropped.
import type { Bus } from "#bus/client";
import { payloadOf, textOf } from "#bus/counters/progress-message";
import { subjects } from "#bus/subjects";
import { limits } from "#config";
import type { Progress } from "#domain/command";
import { Unavailable } from "#domain/errors";
import { uuidv7 } from "#domain/values/uuid";
import { inBatches } from "#flow/batcher";

interface Sent {
  readonly text: string;
  readonly unseen: boolean;
}

export class ProgressPublisher {
  readonly #bus: Bus;
  readonly #publish: (sent: Sent) => Promise<void>;

  constructor(bus: Bus, capacity: number) {
    this.#bus = bus;
    this.#publish = inBatches({
      max: Math.min(capacity, limits.progressUpdatesMax),
      run: async (sent: readonly Sent[]) => {
        // Those that waited for others would else each wait for a time-out of their own.
        if (!bus.up) throw new Error("NATS is away");
        const unseen = [...sent.keys()].filter((position) => sent[position]?.unseen);
        const texts = sent.map(({ text }) => text);
        await this.#store(payloadOf(uuidv7(Date.now()), texts, unseen));
        return [];
      },
      remedy: () => "give_up",
    });
  }

  put(update: Progress): Promise<void> {
    if (!this.#bus.up) return Promise.reject(new Unavailable("NATS cannot be reached"));
    return this.#publish({ text: textOf(update), unseen: update.unseen === true }).catch((error: unknown) => {
      throw new Unavailable("NATS did not store the update", [], { cause: error });
    });
  }

  /** A lost connection brings no answer, so an update does not wait for one. */
  async #store(payload: string): Promise<void> {
    const lost = Promise.withResolvers<never>();
    const unwatch = this.#bus.onLost(() => lost.reject(new Error("the connection was lost")));
    try {
      const stored = this.#bus.js.publish(subjects.progress, payload, { timeout: limits.publishTimeoutMs });
      await Promise.race([stored, lost.promise]);
    } finally {
      unwatch();
    }
  }
}
