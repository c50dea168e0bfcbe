// Takes messages from a durable consumer that all workers share. Keeps going whatever happens to the connection, the
// consumer or the stream: it starts anew once they have been ensured. A message is kept alive while it is worked on.
// An ack names a number in the stream and nothing else, and a server that lost the end of a stream gives its numbers out again:
// what was taken over a connection that is gone is never acked, or another message would vanish. It is asked for again.
import { setTimeout as pause } from "node:timers/promises";
import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "#bus/client";
import { workingEveryMs } from "#bus/subjects";
import type { Logger } from "#telemetry/log";

export interface Source {
  readonly stream: string;
  readonly config: { readonly durable_name: string };
}

export interface Intake {
  /** Takes no further message; those in hand are the taker's to settle. */
  stop(): Promise<void>;
}

interface Options {
  readonly bus: Bus;
  readonly source: Source;
  readonly log: Logger;
  /** Messages that one request asks for. */
  readonly ahead: number;
  /** Resolves when as many may be taken; nothing is asked for sooner. */
  readonly whenFree: () => Promise<void>;
  /** Takes one message, at once. Must `ack` in the end, or the message comes again. */
  readonly take: (message: JsMsg) => void;
  readonly inHand: InHand;
}

const restartMs = 200;
const goneMs = 500;
const request = { expires: 10_000, idle_heartbeat: 2_000 };

/**
 * Asks for messages in requests of a bounded size and takes each as it arrives, so that none waits in the client's buffer past
 * its ack time, unless the server hears that it is being worked on.
 */
export function consume({ bus, source, log, ahead, whenFree, take, inHand }: Options): Intake {
  let stopped = false;
  let close: (() => Promise<unknown>) | null = null;
  const run = async () => {
    while (!stopped) {
      try {
        if (bus.up) await takeWhileThere();
      } catch (error) {
        if (!stopped) log.debug({ err: error, stream: source.stream }, "taking messages is interrupted");
        // The consumer is gone or silent. What was deleted may be in the middle of it: a stream made anew too early is deaf.
        if (!stopped) await pause(goneMs * (1 + Math.random()));
        if (!stopped) await bus.ensure();
      }
      if (!stopped) await pause(restartMs);
    }
  };
  const takeWhileThere = async () => {
    const consumer = await bus.js.consumers.get(source.stream, source.config.durable_name);
    let isLost = false;
    const unwatch = bus.onLost(() => {
      isLost = true;
      void close?.();
    });
    try {
      while (!stopped && !isLost) {
        await whenFree();
        if (stopped || isLost) return;
        const messages = await consumer.fetch({ max_messages: ahead, ...request });
        close = () => messages.close();
        if (stopped || isLost) return void (await messages.close());
        for await (const message of messages) {
          // One that the client had received by then could not be distinguished from a new one.
          if (isLost) inHand.giveBackLater(message);
          else {
            inHand.add(message);
            take(message);
          }
        }
      }
    } finally {
      unwatch();
    }
  };
  const running = run();
  return {
    async stop() {
      stopped = true;
      // What is in hand is finished first, so the end is not waited for here.
      void close?.();
      await Promise.race([running, pause(1_000, undefined, { ref: false })]);
    },
  };
}

/** Messages in hand: tells the server that they are worked on, so that no other worker gets them meanwhile. Never throws. */
export class InHand {
  readonly #messages = new Set<JsMsg>();
  /** Taken over a connection that is gone. To give one back is harmless, whatever has its number now: that comes once more. */
  readonly #lost = new Set<JsMsg>();
  readonly #log: Logger;
  readonly #unwatch: () => void;
  readonly #timer = setInterval(() => {
    for (const message of this.#messages) this.#say(() => message.working());
  }, workingEveryMs);

  constructor(bus: Pick<Bus, "onLost" | "onReady">, log: Logger) {
    this.#log = log;
    this.#unwatch = bus.onLost(() => {
      for (const message of this.#messages) this.#lost.add(message);
      this.#messages.clear();
    });
    bus.onReady(() => this.#giveBack(this.#lost));
  }

  add(message: JsMsg): void {
    this.#messages.add(message);
  }

  ack(message: JsMsg): void {
    if (this.#messages.delete(message)) this.#say(() => message.ack());
  }

  giveBackLater(message: JsMsg): void {
    this.#lost.add(message);
  }

  /** Gives back what is left, to be delivered to another at once. */
  close(): void {
    clearInterval(this.#timer);
    this.#unwatch();
    this.#giveBack(this.#messages);
  }

  #giveBack(messages: Set<JsMsg>): void {
    for (const message of messages) this.#say(() => message.nak());
    messages.clear();
  }

  /** Whatever cannot be said is as good as lost on the way: the message comes again. */
  #say(word: () => void): void {
    try {
      word();
    } catch (error) {
      this.#log.debug({ err: error }, "a message could not be acknowledged");
    }
  }
}
