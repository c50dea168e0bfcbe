// Makes the streams and consumers that are missing, gives those that exist the settings of this version, and makes a consumer
// anew under which nothing moves any more. Making a consumer anew is always safe: what it delivers again is known by its id.
import type { ConsumerInfo, JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { consumers, settingsOf, streams } from "#bus/subjects";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

type Consumer = (typeof consumers)[keyof typeof consumers];
type Stream = (typeof streams)[keyof typeof streams];

/** The first message of a stream, for how long it has been that, and how long that is taken for slowness. */
interface Head {
  readonly seq: number;
  /** When the consumer was made. */
  readonly consumer: string;
  readonly sinceMs: number;
  readonly waitMs: number;
}

const waitMinMs = 15_000;
const waitMaxMs = 300_000;

export class Streams {
  readonly #log: Logger;
  readonly #replicas: number;
  readonly #heads = new Map<string, Head>();
  /**
   * What has its settings already. Each process applies them once: two versions that run side by side for a while would
   * otherwise change them back and forth.
   */
  readonly #settled = new Set<string>();
  /** What the server refused, so that each refusal is logged once. */
  readonly #refused = new Map<string, string>();

  constructor(replicas: number, log: Logger) {
    this.#replicas = replicas;
    this.#log = log;
  }

  /** `nowMs`: a clock that only goes forward. */
  async ensure(manager: JetStreamManager, nowMs: number): Promise<void> {
    const infos = new Map<string, StreamInfo>();
    for (const stream of Object.values(streams)) infos.set(stream.name, await this.#ensureStream(manager, stream));
    for (const consumer of Object.values(consumers))
      await this.#ensureConsumer(manager, consumer, infos.get(consumer.stream) as StreamInfo, nowMs);
  }

  /**
   * A stream that is made a second time must not give out numbers of the first one: a worker that still holds a message of
   * that would ack another one away. So each begins at the time of its making, in µs.
   */
  async #ensureStream(manager: JetStreamManager, stream: Stream): Promise<StreamInfo> {
    const { name } = stream;
    const wanted = settingsOf(stream, this.#replicas);
    const found = await manager.streams.info(name).catch(orMissing);
    if (found === false) {
      const made = await manager.streams.add({ ...wanted, first_seq: Date.now() * 1_000 }).catch(orTaken);
      if (made) this.#settled.add(name);
      return made || (await manager.streams.info(name));
    }
    const update = () => manager.streams.update(name, wanted as StreamConfig);
    await this.#apply(name, wanted, found.config, update);
    return found;
  }

  async #ensureConsumer(manager: JetStreamManager, consumer: Consumer, of: StreamInfo, nowMs: number): Promise<void> {
    const { stream, config } = consumer;
    const { durable_name: name } = config;
    const found = await manager.consumers.info(stream, name).catch(orMissing);
    if (found !== false && !this.#isStuck(of, found, nowMs)) {
      const update = () => manager.consumers.update(stream, name, config);
      return this.#apply(`${stream}.${name}`, config, found.config, update);
    }
    if (found !== false) {
      const seq = of.state.first_seq;
      this.#log.warn(
        { stream, seq },
        "nothing has happened to the first message for too long: its consumer is made anew",
      );
      metrics.sweepRepairs.add(1, "consumer");
      await manager.consumers.delete(stream, name).catch(orMissing);
    }
    await manager.consumers.add(stream, config);
    this.#settled.add(`${stream}.${name}`);
  }

  /** What the server refuses stays as it is: Baton works on with the old settings, and asks again each time it looks. */
  async #apply(name: string, wanted: object, present: object, update: () => Promise<unknown>): Promise<void> {
    if (this.#settled.has(name)) return;
    const changes = changesOf(wanted, present);
    if (changes.length > 0) {
      try {
        await update();
        this.#log.info({ of: name, changes }, "settings of a stream or consumer were changed");
      } catch (error) {
        const why = refusalOf(error);
        if (this.#refused.get(name) !== why)
          this.#log.error(
            { of: name, changes, why },
            "NATS refuses to change settings of a stream or consumer: they stay as they are",
          );
        this.#refused.set(name, why);
        return;
      }
    }
    this.#settled.add(name);
  }

  /**
   * Whether nothing happens to the first message although workers pull: the server believes for ever that it is worked on,
   * or passes it over. An outage of Postgres looks the same, so each time in a row it takes longer to be believed.
   */
  #isStuck(stream: StreamInfo, { created, num_waiting: waiting }: ConsumerInfo, nowMs: number): boolean {
    const { name } = stream.config;
    const { messages, first_seq: seq } = stream.state;
    const before = this.#heads.get(name);
    this.#heads.delete(name);
    // No worker pulls claim notifications while all are full, and that does no harm. Dead letters stay in their stream.
    const isExempt = name === streams.notifications.name || name === streams.dead.name;
    if (messages === 0 || waiting === 0 || isExempt) return false;
    const isSame = before?.seq === seq;
    if (isSame && before.consumer === created) {
      this.#heads.set(name, before);
      return nowMs - before.sinceMs > before.waitMs;
    }
    // The consumer was made anew, by this process or another: the next time comes later.
    const waitMs = isSame ? Math.min(2 * before.waitMs, waitMaxMs) : waitMinMs;
    this.#heads.set(name, { seq, consumer: created, sinceMs: nowMs, waitMs });
    return false;
  }
}

/** Each setting that is not as it should be: "max_bytes: 1 → 2". What the server adds by itself does not count. */
export function changesOf(wanted: object, present: object): string[] {
  return Object.entries(wanted).flatMap(([key, to]) => {
    const from = (present as Record<string, unknown>)[key];
    return JSON.stringify(from) === JSON.stringify(to)
      ? []
      : [`${key}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`];
  });
}

/** The words of the server; any other error (no answer, connection lost) is thrown. */
function refusalOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: string };
  if (typeof code !== "number") throw error;
  return message ?? String(code);
}

/** False where something is not there; any other error is thrown. */
export function orMissing(error: unknown): false {
  const { name, code, api_error: api } = error as { name?: string; code?: unknown; api_error?: { code?: number } };
  const missing =
    name === "StreamNotFoundError" || name === "ConsumerNotFoundError" || code === 404 || api?.code === 404;
  if (!missing) throw error;
  return false;
}

/** False where another process made one of that name just now; any other error is thrown. */
function orTaken(error: unknown): false {
  if ((error as { code?: unknown }).code !== nameInUse) throw error;
  return false;
}
const nameInUse = 10_058;
