// Makes the streams and consumers that are missing, and notices a consumer that will not deliver all of its stream: servers
// before 2.14 lose the tail of a stream in a crash, or pass messages over, and say nothing.
import type { JetStreamManager } from "@nats-io/jetstream";
import { consumers, streams } from "#bus/subjects";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

type Consumer = (typeof consumers)[keyof typeof consumers];

export class Streams {
  readonly #log: Logger;
  /** By stream, what was seen the last time: the two answers that tell of it are not of one moment. */
  readonly #suspects = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** True: something looks wrong and should be looked at again soon. */
  async ensure(manager: JetStreamManager): Promise<boolean> {
    for (const config of Object.values(streams)) {
      const there = await manager.streams.info(config.name).then(() => true, orMissing);
      if (!there) await manager.streams.add(config);
    }
    for (const consumer of Object.values(consumers)) await this.#ensureConsumer(manager, consumer);
    return this.#suspects.size > 0;
  }

  async #ensureConsumer(manager: JetStreamManager, { stream, config }: Consumer): Promise<void> {
    const state = await look(manager, stream, config.durable_name).catch((error) => orMissing(error));
    const suspected = this.#suspects.get(stream);
    this.#suspects.delete(stream);
    if (state === null) return;
    if (state !== false) {
      if (!state.sure && suspected !== state.why) {
        this.#suspects.set(stream, state.why);
        return;
      }
      this.#log.warn({ stream, why: state.why }, "a consumer does not see all of its stream and is made anew");
      metrics.sweepRepairs.add(1, "consumer");
      await manager.consumers.delete(stream, config.durable_name);
    }
    await manager.consumers.add(stream, config);
  }
}

/** Why the consumer will not deliver all of its stream; null: it will. */
async function look(
  manager: JetStreamManager,
  stream: string,
  durable: string,
): Promise<{ readonly why: string; readonly sure: boolean } | null> {
  const before = await manager.streams.info(stream);
  const consumer = await manager.consumers.info(stream, durable);
  const { state } = await manager.streams.info(stream);
  // The tail of the stream was lost: it would never see what is stored from now on.
  if (consumer.delivered.stream_seq > state.last_seq) return { why: "it is ahead of its stream", sure: true };
  // Whatever lies in the stream is either handed out or will be; what was stored between the answers does not count.
  const arrived = state.last_seq - before.state.last_seq;
  const unseen = state.messages - arrived - consumer.num_pending - consumer.num_ack_pending;
  return unseen > 0 ? { why: `${state.first_seq} is the first message, and some were passed over`, sure: false } : null;
}

/** False where something is not there; any other error is thrown. */
function orMissing(error: unknown): false {
  const { name, code, api_error: api } = error as { name?: string; code?: unknown; api_error?: { code?: number } };
  const missing =
    name === "StreamNotFoundError" || name === "ConsumerNotFoundError" || code === 404 || api?.code === 404;
  if (!missing) throw error;
  return false;
}
