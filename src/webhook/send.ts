// Makes HTTP calls and says how each went. Never throws and never follows a redirect: what went wrong is in the result.
// Connections are kept alive per receiver and dropped after a while, so memory follows the receivers in use.
import { buildConnector, Client, type Dispatcher, Pool } from "undici";
import type { Config } from "#config";
import { faultOf, shutDown } from "#domain/calls/call-fault";
import type { HttpRequest } from "#domain/calls/webhook";
import { AnswerTap } from "#webhook/answer-tap";
import { Call, type SendResult } from "#webhook/call";

export type { SendResult } from "#webhook/call";

/**
 * `totalMs`: the longest the call may take in all; left out, WEBHOOK_TIMEOUT_SECS. `maySend` is asked at the last moment, when the
 * connection is open. `isProbe`: it tries whether a receiver is there again.
 */
export type Send = (
  request: HttpRequest,
  totalMs?: number,
  maySend?: () => boolean,
  isProbe?: boolean,
) => Promise<SendResult>;

export interface Sender {
  readonly send: Send;
  /** Receivers for which connections are kept. */
  receivers(): number;
  /** Ends what is open as failed, and closes every connection. */
  close(): Promise<void>;
}

export interface SenderOptions
  extends Pick<Config, "webhookHostConcurrency" | "webhookConnectTimeoutSecs" | "webhookTimeoutSecs"> {
  /** How the socket is opened (undici's connector options, or a connector): where an address can be refused. */
  readonly connect?: Pool.Options["connect"];
  /** Connections of a receiver that was not called for this time are closed. */
  readonly poolIdleMs?: number;
}

const checkEveryMs = 100;
const idleMs = 60_000;
// Most receivers that close idle connections without saying when keep them longer than this; a call that meets one that
// closes is made once more. Where the receiver sends `Keep-Alive: timeout`, that counts.
const keepAliveMs = 1_000;
const keepAliveMaxMs = 60_000;
/** An answer with longer headers is none: so much is kept in memory for each call. */
const headerBytesMax = 1_048_576;

interface Receiver {
  readonly pool: Pool;
  open: number;
  usedAt: number;
}

export function makeSender(options: SenderOptions): Sender {
  const receivers = new Map<string, Receiver>();
  const calls = new Set<Call>();
  /** Connections that were opened for one call. */
  const single = new Set<Client>();
  const { poolIdleMs = idleMs } = options;
  const connectMs = options.webhookConnectTimeoutSecs * 1000;
  let checkedPoolsAt = performance.now();

  const clock = setInterval(() => {
    const now = performance.now();
    for (const call of calls) call.check(now);
    if (now - checkedPoolsAt < poolIdleMs / 4) return;
    checkedPoolsAt = now;
    closeUnused(receivers, now - poolIdleMs);
  }, checkEveryMs);
  clock.unref();

  const receiverFor = (origin: string): Receiver => {
    const known = receivers.get(origin);
    if (known !== undefined) return known;
    const made = { pool: makePool(origin, options), open: 0, usedAt: 0 };
    receivers.set(origin, made);
    return made;
  };

  /** Hands a call to a client; one that takes it for no request of HTTP throws. */
  const dispatch = (request: HttpRequest, call: Call, by: () => Dispatcher): void => {
    try {
      by().dispatch(request as unknown as Dispatcher.DispatchOptions, call);
    } catch (error) {
      call.fail(faultOf(error, false, connectMs));
    }
  };

  const send: Send = (request, totalMs = options.webhookTimeoutSecs * 1000, maySend = always) =>
    new Promise((resolve) => {
      let receiver: Receiver | null = null;
      let own: Client | null = null;
      const again = (call: Call) =>
        dispatch(request, call, () => {
          own = makeConnection(new URL(request.origin), clientOptions(options));
          single.add(own);
          return own;
        });
      const settle = (result: SendResult) => {
        calls.delete(call);
        if (receiver !== null) {
          receiver.open -= 1;
          receiver.usedAt = call.startedAt + result.ms;
        }
        resolve(result);
        if (own === null) return;
        single.delete(own);
        own.destroy().catch(() => {});
      };
      const call: Call = new Call({ totalMs, connectMs, maySend, again, settle });
      calls.add(call);
      dispatch(request, call, () => {
        receiver = receiverFor(request.origin);
        receiver.open += 1;
        return receiver.pool;
      });
    });

  return {
    send,
    receivers: () => receivers.size,
    async close() {
      clearInterval(clock);
      for (const call of calls) call.fail(shutDown);
      const pools = [...receivers.values()].map(({ pool }) => pool);
      receivers.clear();
      await Promise.all([...pools, ...single].map((one) => one.destroy()));
    },
  };
}

/** Closes the connections of receivers that were not called since then. */
function closeUnused(receivers: Map<string, Receiver>, since: number): void {
  for (const [origin, { pool, open, usedAt }] of receivers) {
    if (open > 0 || usedAt > since) continue;
    receivers.delete(origin);
    pool.close().catch(() => {});
  }
}

function makePool(origin: string, options: SenderOptions): Pool {
  return new Pool(origin, {
    ...clientOptions(options),
    connections: options.webhookHostConcurrency,
    factory: (of, own) => makeConnection(of, own as Client.Options),
  });
}

const clientOptions = ({ connect, webhookConnectTimeoutSecs }: SenderOptions) =>
  ({
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: headerBytesMax,
    // The clock above is the limit; the client's own would only cost a timer a call.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMaxMs,
    connect:
      typeof connect === "function"
        ? connect
        : buildConnector({ timeout: webhookConnectTimeoutSecs * 1000, allowH2: false, ...connect }),
  }) satisfies Client.Options;

/** A client of one connection at a time, whose calls know what is known of it. */
function makeConnection(origin: URL, options: Client.Options): Client {
  const route: { tap: AnswerTap | null } = { tap: null };
  const open = options.connect as buildConnector.connector;
  const client = new Client(origin, {
    ...options,
    connect: (to, callback) => {
      route.tap = null;
      open(to, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        route.tap = new AnswerTap(socket);
        callback(null, socket);
      });
    },
  });
  const dispatch = client.dispatch.bind(client);
  client.dispatch = (request, call) => {
    (call as Call).via(route);
    return dispatch(request, call);
  };
  return client;
}

const always = () => true;
