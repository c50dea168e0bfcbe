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
  readonly #capacity: number;
  /** Beyond the capacity: accepted only when an update before it is stored. */
  readonly #outside: PendingUpdate[] = [];
  #gathered: PendingUpdate[] = [];
  #accepted = 0;
  #publishing = false;

  constructor(bus: Bus, capacity: number) {
    this.#bus = bus;
    this.#capacity = capacity;
  }

  put(update: Progress): Promise<void> {
    if (!this.#bus.up) return Promise.reject(new Unavailable("NATS cannot be reached"));
    return new Promise((resolve, reject) => {
      this.#outside.push({ text: textOf(update), resolve, reject });
      this.#admit();
    });
  }

  #admit(): void {
    while (this.#accepted < this.#capacity && this.#outside.length > 0) {
      this.#gathered.push(this.#outside.shift() as PendingUpdate);
      this.#accepted++;
    }
    if (this.#publishing || this.#gathered.length === 0) return;
    this.#publishing = true;
    setImmediate(() => void this.#publish());
  }

  async #publish(): Promise<void> {
    while (this.#gathered.length > 0) {
      const batch = this.#gathered.splice(0, limits.progressUpdatesMax);
      try {
        // Those that waited for others would else each wait for a time-out of their own.
        if (!this.#bus.up) throw new Error("NATS is away");
        const texts = batch.map(({ text }) => text);
        await this.#store(payloadOf(uuidv7(Date.now()), texts));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(new Unavailable("NATS did not store the update", [], { cause: error }));
      }
      this.#accepted -= batch.length;
      this.#admit();
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
