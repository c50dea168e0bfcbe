// The connection to NATS and the streams on it. Connects when it can and for ever: while NATS is away, `up` is false and
// publishing fails. Streams and consumers are ensured at every (re)connection and every 5 s. A server that is too old counts
// as one that is away, until it is replaced; it and what the server refuses for want of a right are logged.
import { setTimeout as pause } from "node:timers/promises";
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type ConnectionOptions, connect, createInbox, type NatsConnection } from "@nats-io/transport-node";
import { Streams } from "#bus/streams";
import { inboxPrefixOf } from "#bus/subjects";
import { isNewEnough, oldestServer } from "#bus/version";
import type { Config } from "#config";
import { Unavailable } from "#domain/errors";
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";

const ensureEveryMs = 5_000;
const retryEnsureMs = 500;

export interface Bus {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly manager: () => Promise<JetStreamManager>;
  /** Connected, and the streams are there. */
  readonly up: boolean;
  /** Since when, by the monotonic clock; infinite while it is not. */
  readonly upSinceMs: number;
  /** Something was missing: looks now, and makes it anew. */
  ensure(): Promise<void>;
  /** An address that no other process uses, and that no other role may read. */
  newInbox(): string;
  /** Runs now if the streams are there, and each time they have been ensured again. */
  onReady(callback: () => void): void;
  /** Runs each time the connection is lost, before there can be another. Gives what ends that. */
  onLost(callback: () => void): () => void;
  close(): Promise<void>;
}

/** Returns at once; connects in the background. */
export const openBus = (config: Pick<Config, "natsUrl" | "natsReplicas" | "roles">, name: string, log: Logger): Bus =>
  new Connection(
    { ...serversOf(config.natsUrl), name, inboxPrefix: inboxPrefixOf(config.roles) },
    new Streams(config.natsReplicas, log),
    log,
  );

type Identity = Pick<ConnectionOptions, "servers" | "user" | "pass" | "token" | "tls" | "inboxPrefix" | "name">;

/** NATS_URL in the words of the client, which does not look for names in URLs. One cluster has the same users everywhere. */
export function serversOf(natsUrl: string): Identity {
  const urls = natsUrl.split(",").map((url) => new URL(url));
  const [user = "", pass = ""] = [urls[0]?.username, urls[0]?.password].map((text) => decodeURIComponent(text ?? ""));
  const who = user === "" ? {} : pass === "" ? { token: user } : { user, pass };
  const tls = urls.every(({ protocol }) => protocol === "tls:") ? { tls: {} } : {};
  return { servers: urls.map(({ host }) => host), ...who, ...tls };
}

class Connection implements Bus {
  readonly #log: Logger;
  readonly #inboxPrefix: string;
  readonly #ready = new Set<() => void>();
  readonly #lost = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #nc: NatsConnection | null = null;
  #js: JetStreamClient | null = null;
  #manager: Promise<JetStreamManager> | null = null;
  readonly #streams: Streams;
  #ensuring: Promise<void> | null = null;
  /** Since when the streams are known to be there; infinite while they are not. */
  #ensuredSinceMs = Number.POSITIVE_INFINITY;
  #connected = false;
  #closed = false;
  /** The version of a server that was refused, so that it is logged once. */
  #tooOld: string | null = null;

  constructor(identity: Identity, streams: Streams, log: Logger) {
    this.#log = log;
    this.#inboxPrefix = identity.inboxPrefix as string;
    this.#streams = streams;
    this.#timer = setInterval(() => void this.ensure(), ensureEveryMs);
    void this.#connect(identity);
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
    return Number.isFinite(this.upSinceMs);
  }

  get upSinceMs(): number {
    return this.#connected ? this.#ensuredSinceMs : Number.POSITIVE_INFINITY;
  }

  manager = (): Promise<JetStreamManager> => {
    this.#manager ??= jetstreamManager(this.nc, { timeout: 5_000 }).catch((error) => {
      this.#manager = null;
      throw error;
    });
    return this.#manager;
  };

  newInbox = (): string => createInbox(this.#inboxPrefix);

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
    await Promise.race([nc.drain().catch(() => {}), pause(1_000, undefined, { ref: false })]);
    await nc.close().catch(() => {});
  }

  async #connect(identity: Identity): Promise<void> {
    for (let tries = 0; !this.#closed && this.#nc === null; tries++) {
      try {
        this.#nc = await connect({
          ...identity,
          // A password that was changed is one more reason to try again, not to give up.
          ignoreAuthErrorAbort: true,
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
        this.#log[tries === 0 ? "warn" : "debug"]({ err: error }, "NATS cannot be reached yet");
        await pause(retryEnsureMs, undefined, { ref: false });
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
        this.#ensuredSinceMs = Number.POSITIVE_INFINITY;
        for (const callback of [...this.#lost]) callback();
      } else if (status.type === "reconnect") {
        metrics.busReconnects.add(1);
        this.#log.info("NATS is back");
        this.#connected = true;
        void this.ensure();
      } else if (status.type === "error") this.#log.warn({ err: status.error }, "NATS refused something");
    }
  }

  ensure(): Promise<void> {
    this.#ensuring ??= this.#ensureOnce().finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  async #ensureOnce(): Promise<void> {
    if (this.#closed || !this.#connected || this.#isTooOld()) return;
    try {
      await this.#streams.ensure(await this.manager(), performance.now());
      this.#ensuredSinceMs = Math.min(this.#ensuredSinceMs, performance.now());
    } catch (error) {
      if (this.#closed) return;
      this.#ensuredSinceMs = Number.POSITIVE_INFINITY;
      this.#log.warn({ err: error }, "the streams could not be ensured");
      setTimeout(() => void this.ensure(), retryEnsureMs).unref();
      return;
    }
    for (const callback of this.#ready) callback();
  }

  /** Looked at each time, because a reconnection may lead to another server of the cluster, or to one that was upgraded. */
  #isTooOld(): boolean {
    const { version = "", server_name: server } = this.nc.info ?? {};
    const isOld = !isNewEnough(version);
    if (isOld && this.#tooOld !== version) {
      const words = `the NATS server is ${version}, and Baton needs ${oldestServer} or newer: upgrade it; until then this process is not ready`;
      this.#log.error({ server }, words);
    }
    this.#tooOld = isOld ? version : null;
    if (isOld) this.#ensuredSinceMs = Number.POSITIVE_INFINITY;
    return isOld;
  }
}
