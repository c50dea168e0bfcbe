// The connection to NATS and the streams on it. Connects when it can and for ever: while NATS is away, `up` is false and
// publishing fails. Streams and consumers are ensured at every (re)connection and every 5 s, and a consumer that can see
// nothing any more, because the stream's tail was lost, is made anew.
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { Streams } from "#bus/streams";
import type { Config } from "#config";
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

const ensureEveryMs = 5_000;
const retryEnsureMs = 500;
const lookAgainMs = 1_500;

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
  /** Runs each time the connection is lost, before there can be another. Gives what ends that. */
  onLost(callback: () => void): () => void;
  close(): Promise<void>;
}

/** Returns at once; connects in the background. */
export const openBus = (config: Pick<Config, "natsUrl">, name: string, log: Logger): Bus =>
  new Connection(config.natsUrl.split(","), name, log);

class Connection implements Bus {
  readonly #log: Logger;
  readonly #ready = new Set<() => void>();
  readonly #lost = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #nc: NatsConnection | null = null;
  #js: JetStreamClient | null = null;
  #manager: Promise<JetStreamManager> | null = null;
  readonly #streams: Streams;
  #ensuring: Promise<void> | null = null;
  #ensured = false;
  #connected = false;
  #closed = false;

  constructor(servers: readonly string[], name: string, log: Logger) {
    this.#log = log;
    this.#streams = new Streams(log);
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

  onLost(callback: () => void): () => void {
    this.#lost.add(callback);
    return () => void this.#lost.delete(callback);
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
          // A stack for each request costs more than the request, and tells only that it was made here.
          noAsyncTraces: true,
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
        for (const callback of [...this.#lost]) callback();
      } else if (status.type === "reconnect") {
        metrics.busReconnects.add(1);
        this.#log.info("NATS is back");
        this.#connected = true;
        void this.ensure();
      }
    }
  }

  ensure(): Promise<void> {
    this.#ensuring ??= this.#ensureOnce().finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  async #ensureOnce(): Promise<void> {
    if (this.#closed || !this.#connected) return;
    try {
      const again = await this.#streams.ensure(await this.manager(), performance.now());
      this.#ensured = true;
      if (again) setTimeout(() => void this.ensure(), lookAgainMs).unref();
    } catch (error) {
      if (this.#closed) return;
      this.#ensured = false;
      this.#log.warn({ err: error }, "the streams could not be ensured");
      setTimeout(() => void this.ensure(), retryEnsureMs).unref();
      return;
    }
    for (const callback of this.#ready) callback();
  }
}
