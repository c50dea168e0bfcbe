// Makes one HTTP call and says how it went. Never throws, never repeats, never follows a redirect: what went wrong is in
// the result, and once the status has arrived the status decides, whatever becomes of the rest of the body.
// Connections are kept alive per receiver and dropped after a while, so memory follows the receivers in use.
import { type Dispatcher, Pool } from "undici";
import { limits } from "#config";
import type { HttpRequest } from "#domain/webhook";
import { metrics } from "#telemetry/metrics";
import { Blocked } from "#webhook/guard";

export interface SendResult {
  /** 2xx. */
  readonly ok: boolean;
  /** Null where no answer arrived. */
  readonly status: number | null;
  readonly retryAfter: string | null;
  /** The body's first 64 KB as text; null where there is none, or where the end of it did not arrive. */
  readonly body: string | null;
  /** What arrived of a body, to 64 KB, where the end of it did not; else null. */
  readonly part: string | null;
  /** A short stable text; null when ok. */
  readonly error: string | null;
  /** False: not a byte of the request left, so the receiver cannot have acted on it. */
  readonly sent: boolean;
  readonly ms: number;
}

/**
 * `totalMs`: the longest the call may take in all. `maySend` is asked last of all, with the connection open. `isProbe`: it
 * tries whether a receiver is there again.
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

export interface SenderOptions {
  readonly webhookHostConcurrency: number;
  /** How the socket is opened (undici's connector options, or a connector): where an address can be refused. */
  readonly connect?: Pool.Options["connect"];
  /** A receiver that nobody called for so long is forgotten. */
  readonly poolIdleMs?: number;
}

const checkEveryMs = 100;
const idleMs = 60_000;
// A receiver that closes idle connections without saying when would else meet a request on its way out, and a start call
// is not repeated. With a `Keep-Alive: timeout` of the receiver its word counts.
const keepAliveMs = 1_000;
const keepAliveMaxMs = 60_000;
/** So much of an answer is still read to save the connection; a longer one costs it. */
const discardBytesMax = 1_048_576;

interface Receiver {
  readonly pool: Pool;
  open: number;
  usedAt: number;
}

export function makeSender(options: SenderOptions): Sender {
  const receivers = new Map<string, Receiver>();
  const calls = new Set<Call>();
  const { poolIdleMs = idleMs } = options;
  let checkedPoolsAt = performance.now();

  const clock = setInterval(() => {
    const now = performance.now();
    for (const call of calls) call.check(now);
    if (now - checkedPoolsAt < poolIdleMs / 4) return;
    checkedPoolsAt = now;
    for (const [origin, receiver] of receivers) {
      if (receiver.open > 0 || now - receiver.usedAt < poolIdleMs) continue;
      receivers.delete(origin);
      receiver.pool.close().catch(() => {});
    }
  }, checkEveryMs);
  clock.unref();

  const receiverFor = (origin: string): Receiver => {
    const known = receivers.get(origin);
    if (known !== undefined) return known;
    const made = { pool: makePool(origin, options), open: 0, usedAt: 0 };
    receivers.set(origin, made);
    return made;
  };

  const send: Send = (request, totalMs = limits.webhookTotalMs, maySend = always) =>
    new Promise((resolve) => {
      let receiver: Receiver;
      try {
        receiver = receiverFor(request.origin);
      } catch (error) {
        return resolve(failure(describe(error), 0, false));
      }
      receiver.open += 1;
      const call = new Call(totalMs, maySend, (result) => {
        calls.delete(call);
        receiver.open -= 1;
        receiver.usedAt = call.startedAt + result.ms;
        resolve(result);
      });
      calls.add(call);
      try {
        receiver.pool.dispatch(request as unknown as Dispatcher.DispatchOptions, call);
      } catch (error) {
        call.fail(describe(error));
      }
    });

  return {
    send,
    receivers: () => receivers.size,
    async close() {
      clearInterval(clock);
      for (const call of calls) call.fail("shut down");
      const pools = [...receivers.values()];
      receivers.clear();
      await Promise.all(pools.map(({ pool }) => pool.destroy()));
    },
  };
}

/** One call, as undici tells of it. Settles exactly once; what comes later is ignored. */
class Call implements Dispatcher.DispatchHandler {
  readonly startedAt = performance.now();
  readonly #totalMs: number;
  readonly #maySend: () => boolean;
  readonly #settle: (result: SendResult) => void;
  #settled = false;
  #sent = false;
  #controller: Dispatcher.DispatchController | null = null;
  #status: number | null = null;
  #retryAfter: string | null = null;
  #chunks: Buffer[] | null = null;
  #bytes = 0;

  constructor(totalMs: number, maySend: () => boolean, settle: (result: SendResult) => void) {
    this.#totalMs = totalMs;
    this.#maySend = maySend;
    this.#settle = settle;
  }

  /** The clock of all calls: one timer for every call would cost more than the look at each. */
  check(now: number): void {
    const ms = now - this.startedAt;
    if (ms >= this.#totalMs) this.fail(`timed out after ${seconds(this.#totalMs)} s`);
    else if (this.#controller === null && ms >= limits.webhookConnectMs)
      this.fail(`connect timed out after ${seconds(limits.webhookConnectMs)} s`);
  }

  fail(error: string): void {
    if (this.#settled) return;
    if (this.#status === null) this.#end(failure(error, performance.now() - this.startedAt, this.#sent));
    else this.#answer(false);
    this.#controller?.abort(new Error(error));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // A process that was stopped meanwhile finds the connection open before the clock above has looked.
    if (!this.#settled && performance.now() - this.startedAt < this.#totalMs && this.#maySend()) this.#sent = true;
    else {
      this.fail("not sent in time");
      controller.abort(new Error("not sent in time"));
    }
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    const after = status === 429 || status === 503 ? headers["retry-after"] : undefined;
    this.#retryAfter = (Array.isArray(after) ? after[0] : after) ?? null;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = limits.webhookBodyBytesMax - this.#bytes;
    this.#bytes += chunk.length;
    if (room > 0) {
      this.#chunks ??= [];
      this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    }
    if (this.#bytes <= discardBytesMax) return;
    this.#answer(false);
    controller.abort(new Error("answer too long"));
  }

  onResponseEnd(): void {
    this.#answer(true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof Blocked && !this.#settled) metrics.webhookBlocked.add(1, error.rule);
    this.fail(describe(error));
  }

  #answer(complete: boolean): void {
    const status = this.#status as number;
    const ok = status >= 200 && status < 300;
    this.#end({
      ok,
      status,
      retryAfter: this.#retryAfter,
      body: complete ? this.#text() : null,
      part: complete ? null : this.#text(),
      error: ok ? null : `HTTP ${status}`,
      sent: true,
      ms: performance.now() - this.startedAt,
    });
  }

  #text(): string | null {
    const [first] = this.#chunks ?? [];
    if (first === undefined || this.#chunks === null) return null;
    return (this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)).toString("utf8");
  }

  #end(result: SendResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks = null;
    this.#settle(result);
  }
}

function makePool(origin: string, options: SenderOptions): Pool {
  const own = options.connect;
  return new Pool(origin, {
    connections: options.webhookHostConcurrency,
    pipelining: 1,
    allowH2: false,
    // The clock above is the limit; undici's own would only cost a timer a call.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMaxMs,
    connect: typeof own === "function" ? own : { timeout: limits.webhookConnectMs, allowH2: false, ...own },
  });
}

const always = () => true;
const failure = (error: string, ms: number, sent: boolean): SendResult => ({
  ok: false,
  status: null,
  retryAfter: null,
  body: null,
  part: null,
  error,
  sent,
  ms,
});
const seconds = (ms: number) => String(Math.round(ms / 100) / 10);

const texts: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  UND_ERR_SOCKET: "connection closed by the receiver",
  UND_ERR_CONNECT_TIMEOUT: `connect timed out after ${seconds(limits.webhookConnectMs)} s`,
  ETIMEDOUT: "connect timed out",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "host name could not be looked up",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  UND_ERR_HEADERS_OVERFLOW: "answer's headers too large",
};

/** Says what went wrong without the address or anything of the request. */
function describe(error: unknown): string {
  if (error instanceof Blocked) return `blocked: ${error.message}`;
  const { code, name, errors } = error as { code?: string; name?: string; errors?: unknown[] };
  const first = code === undefined && Array.isArray(errors) ? (errors[0] as { code?: string }).code : undefined;
  const known = texts[code ?? first ?? ""];
  if (known !== undefined) return known;
  if (code?.startsWith("HPE_") || name === "HTTPParserError") return "not an HTTP answer";
  if (code === "UND_ERR_INVALID_ARG" || code === "ERR_INVALID_URL") return "request not valid";
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code ?? "")) return `TLS: ${code}`;
  return code ?? name ?? "call failed";
}
