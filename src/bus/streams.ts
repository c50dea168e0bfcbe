// Makes the streams and consumers that are missing, and notices a consumer that will not deliver all of its stream: servers
// before 2.14 lose the tail of a stream in a crash, or pass messages over, and say nothing. Making a consumer anew is always
// safe: whatever it delivers a second time is known by its id.
import type { JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { nuid } from "@nats-io/transport-node";
import { consumers, streams, subjects } from "#bus/subjects";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

type Consumer = (typeof consumers)[keyof typeof consumers];
type Wanted = (typeof streams)[keyof typeof streams];

/** The first message of a stream, for how long it has been that, and how long that is taken for slowness. */
interface Head {
  readonly seq: number;
  readonly consumer: string;
  readonly sinceMs: number;
  readonly patienceMs: number;
}

const patienceMinMs = 15_000;
const patienceMaxMs = 300_000;

export class Streams {
  readonly #log: Logger;
  /** By stream, what was seen the last time: the two answers that tell of it are not of one moment. */
  readonly #suspects = new Map<string, string>();
  readonly #heads = new Map<string, Head>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** True: something looks wrong and should be looked at again soon. `nowMs`: a clock that only goes forward. */
  async ensure(manager: JetStreamManager, nowMs: number): Promise<boolean> {
    for (const config of Object.values(streams)) await ensureStream(manager, config);
    for (const consumer of Object.values(consumers)) await this.#ensureConsumer(manager, consumer, nowMs);
    return this.#suspects.size > 0;
  }

  async #ensureConsumer(manager: JetStreamManager, { stream, config }: Consumer, nowMs: number): Promise<void> {
    const seen = await look(manager, stream, config.durable_name).catch(orMissing);
    if (seen !== false) {
      const why = this.#faultOf(stream, seen, nowMs);
      if (why === null) return;
      this.#log.warn({ stream, why }, "a consumer does not deliver all of its stream and is made anew");
      metrics.sweepRepairs.add(1, "consumer");
      await manager.consumers.delete(stream, config.durable_name).catch(orMissing);
    }
    await manager.consumers.add(stream, config);
  }

  #faultOf(stream: string, seen: Seen, nowMs: number): string | null {
    const suspected = this.#suspects.get(stream);
    this.#suspects.delete(stream);
    const isStuck = this.#isStuck(stream, seen, nowMs);
    if (seen.why === null) return isStuck ? `${seen.seq} has been its first message for too long` : null;
    if (seen.sure || suspected === seen.why || isStuck) return seen.why;
    this.#suspects.set(stream, seen.why);
    return null;
  }

  /**
   * Whether nothing happens to the first message. The server may believe for ever that somebody works on one, and count
   * ones that are gone as handed out. An outage of Postgres looks the same, so it is taken for that ever more rarely.
   */
  #isStuck(stream: string, { seq, created, isPulled }: Seen, nowMs: number): boolean {
    const before = this.#heads.get(stream);
    this.#heads.delete(stream);
    // Nobody pulls bells while every worker is busy, and none matters.
    if (seq === null || !isPulled || stream === streams.bell.name) return false;
    const isSame = before?.seq === seq;
    if (isSame && before.consumer === created) {
      this.#heads.set(stream, before);
      return nowMs - before.sinceMs > before.patienceMs;
    }
    // Whoever made the consumer anew: the next time comes later.
    const patienceMs = isSame ? Math.min(2 * before.patienceMs, patienceMaxMs) : patienceMinMs;
    this.#heads.set(stream, { seq, consumer: created, sinceMs: nowMs, patienceMs });
    return false;
  }
}

/**
 * A stream that is made a second time must not give out numbers of the first one: a worker that still holds a message of that
 * would ack another one away. So each begins at the time of its making, in µs, and has its subjects only when it does. One
 * process makes it, whose name its subject bears meanwhile: a purge by another, of a stream that is at work already, can
 * bring a server of 2.9 to a stand.
 */
async function ensureStream(manager: JetStreamManager, wanted: Wanted): Promise<void> {
  const { name } = wanted;
  const mine = subjects.makingOf(name, nuid.next());
  let info: StreamInfo | false = await manager.streams.info(name).catch(orMissing);
  if (info === false) {
    const added = await manager.streams.add({ ...wanted, subjects: [mine] }).catch(orTaken);
    info = added || (await manager.streams.info(name));
  }
  if (isBegun(info) && info.config.subjects[0] !== mine) info = await othersMaking(manager, name);
  if (isBegun(info)) await manager.streams.purge(name, { seq: Date.parse(info.created) * 1_000 });
  else if (info.config.duplicate_window === wanted.duplicate_window) return;
  await manager.streams.update(name, wanted as StreamConfig);
}

const isBegun = ({ config }: StreamInfo): boolean =>
  config.subjects[0]?.startsWith(subjects.makingOf(config.name)) === true;
const makingMs = 2_000;
const lookMs = 50;

/** What another process has made of a stream; still unfinished where that one seems to have died. */
async function othersMaking(manager: JetStreamManager, name: string): Promise<StreamInfo> {
  for (let ms = 0; ; ms += lookMs) {
    const info = await manager.streams.info(name);
    if (!isBegun(info) || ms >= makingMs) return info;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

interface Seen {
  /** Why the consumer will not deliver all of its stream; null: it looks as if it will. */
  readonly why: string | null;
  readonly sure: boolean;
  /** The first message; null: there is none. */
  readonly seq: number | null;
  /** When the consumer was made. */
  readonly created: string;
  /** Somebody waits for messages. */
  readonly isPulled: boolean;
}

async function look(manager: JetStreamManager, stream: string, durable: string): Promise<Seen> {
  const before = await manager.streams.info(stream);
  const consumer = await manager.consumers.info(stream, durable);
  const { state } = await manager.streams.info(stream);
  const seen = {
    created: consumer.created,
    seq: state.messages > 0 ? state.first_seq : null,
    isPulled: consumer.num_waiting > 0,
  };
  // The tail of the stream was lost: it would never see what is stored from now on.
  if (consumer.delivered.stream_seq > state.last_seq) return { ...seen, why: "it is ahead of its stream", sure: true };
  // Whatever lies in the stream is either handed out or will be; what was stored between the answers does not count.
  const arrived = state.last_seq - before.state.last_seq;
  const unseen = state.messages - arrived - consumer.num_pending - consumer.num_ack_pending;
  const why = unseen > 0 ? `${state.first_seq} is the first message, and some were passed over` : null;
  return { ...seen, why, sure: false };
}

/** False where something is not there; any other error is thrown. */
function orMissing(error: unknown): false {
  const { name, code, api_error: api } = error as { name?: string; code?: unknown; api_error?: { code?: number } };
  const missing =
    name === "StreamNotFoundError" || name === "ConsumerNotFoundError" || code === 404 || api?.code === 404;
  if (!missing) throw error;
  return false;
}

/** False where there is one of that name, with another configuration; any other error is thrown. */
function orTaken(error: unknown): false {
  if ((error as { code?: unknown }).code !== nameInUse) throw error;
  return false;
}
const nameInUse = 10_058;
