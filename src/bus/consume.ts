// Takes messages from a durable consumer that all workers share. Keeps going whatever happens to the connection, the
// consumer or the stream: it starts anew once they have been ensured. A message is kept alive while it is worked on.
// An ack names a number in the stream and nothing else, and a server that lost the end of a stream gives its numbers out again:
// what was taken over a connection that is gone is never acked, or another message would vanish. It is asked for again.
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
  /** Messages that the server may push ahead of `take`. */
  readonly ahead: number;
  /** Takes one message; the next comes when it resolves. Must `ack` in the end, or the message comes again. */
  readonly take: (message: JsMsg) => Promise<void> | void;
  readonly inHand: InHand;
}

const restartMs = 200;
const goneMs = 500;
const missedHeartbeatsMax = 2;

export function consume({ bus, source, log, ahead, take, inHand }: Options): Intake {
  let stopped = false;
  let close: (() => Promise<unknown>) | null = null;
  const run = async () => {
    while (!stopped) {
      try {
        if (bus.up) await takeWhileThere();
      } catch (error) {
        if (!stopped) log.debug({ err: error, stream: source.stream }, "taking messages is interrupted");
      }
      if (!stopped) await new Promise((resolve) => setTimeout(resolve, restartMs));
    }
  };
  const takeWhileThere = async () => {
    const consumer = await bus.js.consumers.get(source.stream, source.config.durable_name);
    const messages = await consumer.consume({ max_messages: ahead, expires: 10_000, idle_heartbeat: 2_000 });
    let isLost = false;
    close = () => messages.close();
    const unwatch = bus.onLost(() => {
      isLost = true;
      void messages.close();
    });
    if (stopped) return void (await messages.close());
    void (async () => {
      for await (const status of messages.status()) {
        const gone = status.type === "consumer_deleted" || status.type === "consumer_not_found";
        const silent = status.type === "heartbeats_missed" && status.count >= missedHeartbeatsMax;
        if (!gone && !silent && status.type !== "stream_not_found") continue;
        await messages.close();
        // What was deleted may be in the middle of it: a stream made anew too early is deaf.
        await new Promise((resolve) => setTimeout(resolve, goneMs * (1 + Math.random())));
        await bus.ensure();
      }
    })();
    try {
      for await (const message of messages) {
        // One that the client had received by then could not be told from a new one.
        if (isLost) inHand.giveBackLater(message);
        else {
          inHand.add(message);
          await take(message);
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
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
    },
  };
}

/** Messages in hand: tells the server that they are worked on, so that nobody else gets them meanwhile. Never throws. */
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
      this.#log.debug({ err: error }, "the server could not be told of a message");
    }
  }
}
