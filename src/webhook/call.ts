// One HTTP call, as the client reports on it: settles exactly once, what comes later is ignored. Once the status has
// arrived it decides, whatever becomes of the rest. Where a kept connection is closed before a byte of the answer came, the
// receiver may have closed it without seeing the call: it is made once more at once, on a new connection, under its key.
import type { Dispatcher } from "undici";
import { limits } from "#config";
import {
  type CallFault,
  connectTimedOut,
  type FaultKind,
  faultOf,
  isUnsent,
  noAnswer,
  notSentInTime,
} from "#domain/calls/call-fault";
import { metrics } from "#telemetry/metrics";
import type { AnswerTap } from "#webhook/answer-tap";
import { Blocked } from "#webhook/guard";

/**
 * - `answered`: a status arrived.
 * - `unsent`: not a byte of the request left, and another try may fare better.
 * - `failed`: no answer came, or no call can be made (the policy, TLS, an invalid request).
 * - `doubtful`: sent on a kept connection that was closed without an answer, and no new connection could be made; or sent, and this
 *   process ended before the answer came.
 */
export type CallEnd = "answered" | "unsent" | "failed" | "doubtful";

export interface SendResult {
  readonly end: CallEnd;
  /** 2xx. */
  readonly ok: boolean;
  /** Null where no answer arrived. */
  readonly status: number | null;
  readonly retryAfter: string | null;
  /** The body's first 64 KB as text; null where there is none, or where the end of it did not arrive. */
  readonly body: string | null;
  /** What arrived of a body, to 64 KB, where the end of it did not; else null. */
  readonly part: string | null;
  /** The body went on after its first 64 KB. */
  readonly isCut: boolean;
  /** A short stable text; null when ok. */
  readonly error: string | null;
  /** Why no answer arrived; null where one did. */
  readonly fault: FaultKind | null;
  /** False: not a byte of the request left, so the receiver cannot have acted on it. */
  readonly sent: boolean;
  readonly ms: number;
  /** How much of that until the connection was open, 0 on a kept one; null: none was. */
  readonly connectMs: number | null;
}

/** What is known of the connection of a call; null: it is not open yet. */
export interface Route {
  readonly tap: AnswerTap | null;
}

export interface CallTerms {
  readonly totalMs: number;
  readonly connectMs: number;
  /** Asked at the last moment, when the connection is open. */
  readonly maySend: () => boolean;
  /** Makes the call on a new connection. */
  readonly again: (call: Call) => void;
  readonly settle: (result: SendResult) => void;
}

/** Up to so many bytes of an answer are read to keep the connection; for a longer answer it is closed. */
const discardBytesMax = 1_048_576;

export class Call implements Dispatcher.DispatchHandler {
  readonly startedAt = performance.now();
  readonly #terms: CallTerms;
  #settled = false;
  #route: Route = { tap: null };
  /** Present try: since when, whether it was written. */
  #triedAt = this.startedAt;
  #isSent = false;
  #connectMs: number | null = null;
  /** There was a try before it that may have arrived; and whether there was one at all. */
  #wasSent = false;
  #isAgain = false;
  #controller: Dispatcher.DispatchController | null = null;
  #status: number | null = null;
  #retryAfter: string | null = null;
  #chunks: Buffer[] | null = null;
  #bytes = 0;

  constructor(terms: CallTerms) {
    this.#terms = terms;
  }

  /** Sets the connection that will carry it. */
  via(route: Route): void {
    this.#route = route;
  }

  /** The clock of all calls: one timer for every call would cost more than the look at each. */
  check(now: number): void {
    const { totalMs, connectMs } = this.#terms;
    const isWaiting = this.#controller === null;
    if (now - this.startedAt >= totalMs) this.fail(isWaiting ? notSentInTime : noAnswer(totalMs));
    else if (isWaiting && now - this.#triedAt >= connectMs) this.fail(connectTimedOut(connectMs));
  }

  fail(fault: CallFault): void {
    if (this.#settled) return;
    if (this.#status === null)
      this.#end({ ...noAnswerYet, end: this.#endOf(fault), error: fault.says, fault: fault.kind });
    else this.#answer(false);
    this.#controller?.abort(new Error(fault.says));
  }

  /** Throws where the call may not be sent any more: aborted, it would take the connection with it, which the next call can use. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { totalMs, maySend } = this.#terms;
    this.#connectMs = this.#route.tap?.isKept ? 0 : performance.now() - this.startedAt;
    // A process that was stopped meanwhile finds the connection open before the clock above has looked.
    if (!this.#settled && performance.now() - this.startedAt < totalMs && maySend()) {
      this.#controller = controller;
      this.#isSent = true;
      this.#route.tap?.begin();
    } else {
      this.fail(notSentInTime);
      this.#route.tap?.keep();
      throw new Error(notSentInTime.says);
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
    const left = limits.webhookBodyBytesMax - this.#bytes;
    this.#bytes += chunk.length;
    if (left > 0) {
      this.#chunks ??= [];
      this.#chunks.push(chunk.length > left ? chunk.subarray(0, left) : chunk);
    }
    if (this.#bytes <= discardBytesMax) return;
    this.#answer(false);
    controller.abort(new Error("answer too long"));
  }

  onResponseEnd(): void {
    this.#route.tap?.end();
    this.#answer(true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    if (error instanceof Blocked) {
      metrics.webhookBlocked.add(1, error.rule);
      this.fail({ kind: "blocked", says: `blocked: ${error.message}` });
    } else if (this.#isKeptAndClosed(error)) {
      metrics.webhookRepeated.add(1);
      this.#wasSent = this.#isSent;
      this.#isAgain = true;
      this.#isSent = false;
      this.#controller = null;
      this.#triedAt = performance.now();
      this.#terms.again(this);
    } else this.fail(faultOf(error, this.#isSent, this.#terms.connectMs));
  }

  #isKeptAndClosed(error: Error): boolean {
    const { tap } = this.#route;
    if (this.#isAgain || this.#status !== null || tap === null || !tap.isKept) return false;
    if (this.#isSent && tap.hasAnswered) return false;
    // As on an open connection: a try to connect goes by a route that has none.
    return faultOf(error, true, 0).kind === "closed";
  }

  #endOf({ kind }: CallFault): CallEnd {
    if (this.#isSent) return kind === "cut_off" ? "doubtful" : "failed";
    if (this.#wasSent) return "doubtful";
    return isUnsent(kind) ? "unsent" : "failed";
  }

  #answer(isComplete: boolean): void {
    const status = this.#status as number;
    const ok = status >= 200 && status < 300;
    const text = this.#text();
    this.#end({
      end: "answered",
      ok,
      status,
      retryAfter: this.#retryAfter,
      body: isComplete ? text : null,
      part: isComplete ? null : text,
      isCut: this.#bytes > limits.webhookBodyBytesMax,
      error: ok ? null : `HTTP ${status}`,
      fault: null,
    });
  }

  #text(): string | null {
    const [first] = this.#chunks ?? [];
    if (first === undefined || this.#chunks === null) return null;
    return (this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)).toString("utf8");
  }

  #end(result: Omit<SendResult, "sent" | "ms" | "connectMs">): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks = null;
    const sent = this.#isSent || this.#wasSent;
    this.#terms.settle({ ...result, sent, ms: performance.now() - this.startedAt, connectMs: this.#connectMs });
  }
}

const noAnswerYet = {
  ...{ ok: false, status: null, retryAfter: null, body: null, part: null, isCut: false },
} as const;
