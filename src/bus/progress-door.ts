// The way in for counter updates by HTTP: those of a few milliseconds go into one JetStream message, the next when it is stored.
// At most BATCH_CHANNEL_CAPACITY updates are on their way; whoever comes then waits outside, and nothing is dropped.
import type { Bus } from "#bus/client";
import { payloadOf, textOf } from "#bus/progress-message";
import { subjects } from "#bus/subjects";
import { limits } from "#config";
import type { Progress } from "#domain/command";
import { Unavailable } from "#domain/errors";
import { uuidv7 } from "#domain/uuid";

interface PendingUpdate {
  /** As it is sent. */
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ProgressDoor {
  readonly #bus: Bus;
  /** In one message. The next is sent when it is stored, so that no more are on their way. */
  readonly #most: number;
  #waiting: PendingUpdate[] = [];
  #publishing = false;

  constructor(bus: Bus, capacity: number) {
    this.#bus = bus;
    this.#most = Math.min(capacity, limits.progressUpdatesMax);
  }

  put(update: Progress): Promise<void> {
    if (!this.#bus.up) return Promise.reject(new Unavailable("NATS cannot be reached"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text: textOf(update), resolve, reject });
      if (this.#publishing) return;
      this.#publishing = true;
      setImmediate(() => void this.#publish());
    });
  }

  async #publish(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#most);
      try {
        // Those that waited for others would else each wait for a time-out of their own.
        if (!this.#bus.up) throw new Error("NATS is away");
        const texts = batch.map(({ text }) => text);
        await this.#store(payloadOf(uuidv7(Date.now()), texts));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(new Unavailable("NATS did not store the update", [], { cause: error }));
      }
    }
    this.#publishing = false;
  }

  /** A connection that is lost brings no answer any more: nobody waits for it in vain. */
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
