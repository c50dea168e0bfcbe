// Takes messages from a durable consumer that all workers share. Keeps going whatever happens to the connection, the
// consumer or the stream: it starts anew once they have been ensured. A message is kept alive while it is worked on.
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
}

const restartMs = 200;
const goneMs = 500;
const missedHeartbeatsMax = 2;

export function consume({ bus, source, log, ahead, take }: Options): Intake {
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
    close = () => messages.close();
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
    for await (const message of messages) await take(message);
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

/** Messages in hand: tells the server that they are worked on, so that nobody else gets them meanwhile. */
export class InHand {
  readonly #messages = new Set<JsMsg>();
  readonly #timer = setInterval(() => {
    for (const message of this.#messages) message.working();
  }, workingEveryMs);

  add(message: JsMsg): void {
    this.#messages.add(message);
  }

  ack(message: JsMsg): void {
    this.#messages.delete(message);
    message.ack();
  }

  /** Gives back what is left, to be delivered to another at once. */
  close(): void {
    clearInterval(this.#timer);
    for (const message of this.#messages) message.nak();
    this.#messages.clear();
  }
}
