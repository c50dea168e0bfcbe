// The connection to NATS and the streams on it. Connects when it can and for ever: while NATS is away, `up` is false and
// publishing fails. Streams and consumers are ensured at every (re)connection and every 30 s, and a consumer that can see
// nothing any more, because the stream's tail was lost, is made anew.
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { consumers, streams } from "#bus/subjects";
import type { Config } from "#config";
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

const ensureEveryMs = 30_000;
const retryEnsureMs = 500;

export interface Bus {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly manager: () => Promise<JetStreamManager>;
  /** Connected, and the streams are there. */
  readonly up: boolean;
  /** Something was missing: looks now, and makes it anew. */
  ensure(): Promise<void>;
  /** Runs now if the streams are there, and each time they have been ensured again. */
  onReady(callback: () => void): void;
  close(): Promise<void>;
}

/** Returns at once; connects in the background. */
export const openBus = (config: Pick<Config, "natsUrl">, name: string, log: Logger): Bus =>
  new Connection(config.natsUrl.split(","), name, log);

class Connection implements Bus {
  readonly #log: Logger;
  readonly #ready = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #nc: NatsConnection | null = null;
  #js: JetStreamClient | null = null;
  #manager: Promise<JetStreamManager> | null = null;
  #ensured = false;
  #connected = false;
  #closed = false;

  constructor(servers: readonly string[], name: string, log: Logger) {
    this.#log = log;
    this.#timer = setInterval(() => void this.ensure(), ensureEveryMs);
    void this.#connect(servers, name);
  }

  get nc(): NatsConnection {
    if (this.#nc === null) throw new Unavailable("NATS cannot be reached");
    return this.#nc;
  }

  get js(): JetStreamClient {
    if (this.#js === null) throw new Unavailable("NATS cannot be reached");
    return this.#js;
  }

  get up(): boolean {
    return this.#connected && this.#ensured;
  }

  manager = (): Promise<JetStreamManager> => {
    this.#manager ??= jetstreamManager(this.nc, { timeout: 5_000 }).catch((error) => {
      this.#manager = null;
      throw error;
    });
    return this.#manager;
  };

  onReady(callback: () => void): void {
    this.#ready.add(callback);
    if (this.up) callback();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    const nc = this.#nc;
    if (nc === null) return;
    await Promise.race([nc.drain().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
    await nc.close().catch(() => {});
  }

  async #connect(servers: readonly string[], name: string): Promise<void> {
    while (!this.#closed && this.#nc === null) {
      try {
        this.#nc = await connect({
          servers: [...servers],
          name,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 200,
          reconnectJitter: 200,
          pingInterval: 2_000,
          maxPingOut: 2,
          timeout: 2_000,
        });
      } catch (error) {
        this.#log.debug({ err: error }, "NATS cannot be reached yet");
        await new Promise((resolve) => setTimeout(resolve, retryEnsureMs).unref());
      }
    }
    const nc = this.#nc;
    if (nc === null) return;
    if (this.#closed) return void nc.close();
    this.#js = jetstream(nc, { timeout: 5_000 });
    this.#connected = true;
    this.#log.info("connected to NATS");
    void this.#watch(nc);
    await this.ensure();
  }

  async #watch(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") {
        if (!this.#closed) this.#log.warn("the connection to NATS is gone");
        this.#connected = false;
        this.#ensured = false;
      } else if (status.type === "reconnect") {
        metrics.busReconnects.add(1);
        this.#log.info("NATS is back");
        this.#connected = true;
        void this.ensure();
      }
    }
  }

  async ensure(): Promise<void> {
    if (this.#closed || !this.#connected) return;
    try {
      const manager = await this.manager();
      for (const config of Object.values(streams)) await ensureStream(manager, config);
      for (const { stream, config } of Object.values(consumers))
        await ensureConsumer(manager, stream, config, this.#log);
      this.#ensured = true;
      for (const callback of this.#ready) callback();
    } catch (error) {
      if (this.#closed) return;
      this.#ensured = false;
      this.#log.warn({ err: error }, "the streams could not be ensured");
      setTimeout(() => void this.ensure(), retryEnsureMs).unref();
    }
  }
}

async function ensureStream(manager: JetStreamManager, config: (typeof streams)[keyof typeof streams]): Promise<void> {
  try {
    await manager.streams.info(config.name);
  } catch (error) {
    if ((error as { code?: number }).code !== 404 && !isNotFound(error)) throw error;
    await manager.streams.add(config);
  }
}

/** Streams whose consumer seemed to be blind the last time. */
const suspects = new Set<string>();

async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  config: (typeof consumers)[keyof typeof consumers]["config"],
  log: Logger,
): Promise<void> {
  try {
    const consumer = await manager.consumers.info(stream, config.durable_name);
    const { state } = await manager.streams.info(stream);
    // The tail of the stream was lost: the consumer would never see what is stored from now on.
    const ahead = consumer.delivered.stream_seq > state.last_seq;
    // Messages are left that it neither holds nor will deliver (seen twice, as the two answers are not of one moment).
    const blind = state.messages > 0 && consumer.num_pending === 0 && consumer.num_ack_pending === 0;
    const recreate = ahead || (blind && suspects.has(stream));
    if (blind && !recreate) suspects.add(stream);
    else suspects.delete(stream);
    if (!recreate) return;
    log.warn({ stream, ahead }, "a consumer does not see all of its stream and is made anew");
    metrics.sweepRepairs.add(1, "consumer");
    await manager.consumers.delete(stream, config.durable_name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  await manager.consumers.add(stream, config);
}

function isNotFound(error: unknown): boolean {
  const { name, code, api_error: api } = error as { name?: string; code?: unknown; api_error?: { code?: number } };
  return name === "StreamNotFoundError" || name === "ConsumerNotFoundError" || code === 404 || api?.code === 404;
}
