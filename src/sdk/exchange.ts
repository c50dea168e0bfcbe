// One call to Baton and its answer, on nothing but `fetch`, and what it fails with. A call that may have been lost is made again under
// the same `Idempotency-Key`, so it counts once.
import { sleep } from "./service/clock.ts";
import type { ErrorAnswer, Fault } from "./types.ts";

/** What of `fetch` is used. */
export type Fetch = (url: URL, init?: RequestInit) => Promise<Response>;

export interface ClientOptions {
  /** Sent as `Authorization: Bearer <token>`. */
  readonly token?: string | undefined;
  /** The longest that one call may take, its repetitions included, in milliseconds: 30,000 by default. */
  readonly timeoutMs?: number;
  /** The longest that one try may take, in milliseconds: 15,000 by default. Baton answers within 10 s. */
  readonly tryTimeoutMs?: number;
  /** How often a call is made again that got no answer, or 429, 502, 503 or 504: 4 times by default; 0: never. */
  readonly retries?: number;
  /** Ends the call, which rejects with the reason of the signal. What Baton has begun goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Instead of the global `fetch`: one with a proxy or certificates of its own, or that of the fake Baton of `@baton/sdk/testing`. */
  readonly fetch?: Fetch | undefined;
}

/** Baton answered, and the answer is no. */
export class BatonRefused extends Error {
  override readonly name: string = "BatonRefused";
  readonly status: number;
  /** A stable word for the kind of refusal; empty where something between here and Baton refused. */
  readonly code: ErrorAnswer["code"] | "";
  /** Every fault, for people. */
  readonly details: readonly string[];
  /** The same faults, for programs. */
  readonly faults: readonly Fault[];
  /** When the call may be made again, in milliseconds from the answer; undefined: Baton does not say. */
  readonly retryAfterMs: number | undefined;
  constructor(
    status: number,
    error: string,
    { code, details, faults }: Partial<ErrorAnswer> = {},
    retryAfterMs?: number,
  ) {
    super(error);
    this.status = status;
    this.code = typeof code === "string" ? code : "";
    this.details = Array.isArray(details) ? details.map(String) : [];
    this.faults = Array.isArray(faults) ? faults : [];
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer: nothing listens there, the connection broke, or the time was up. */
export class BatonUnreachable extends Error {
  override readonly name: string = "BatonUnreachable";
}

interface Exchange extends ClientOptions {
  readonly method: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Exchanged<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

const timeoutMsDefault = 30_000;
const tryTimeoutMsDefault = 15_000;
const retriesDefault = 4;
const pauseFirstMs = 200;
const pauseMaxMs = 5_000;

/** One call and its answer; throws what Baton refuses, and where there is no answer in time. */
export async function exchange<T>(url: URL, asked: Exchange): Promise<Exchanged<T>> {
  const { timeoutMs = timeoutMsDefault, tryTimeoutMs = tryTimeoutMsDefault, retries = retriesDefault, signal } = asked;
  const end = Date.now() + timeoutMs;
  const key: Record<string, string> = asked.method === "GET" ? {} : { "idempotency-key": newKey() };
  const same = { ...asked, headers: { ...key, ...asked.headers } };
  for (let tried = 0; ; tried += 1) {
    try {
      return await once<T>(url, same, Math.min(tryTimeoutMs, Math.max(end - Date.now(), 1)));
    } catch (error) {
      const pause = pauseAfter(error, tried);
      if (pause === undefined || tried >= retries || Date.now() + pause >= end) throw error;
      await sleep(pause, signal);
    }
  }
}

async function once<T>(
  url: URL,
  { method, body, token, headers, signal, fetch: send = fetch }: Exchange,
  ms: number,
): Promise<Exchanged<T>> {
  signal?.throwIfAborted();
  const late = new AbortController();
  const stop = () => late.abort(signal?.reason);
  const timer = setTimeout(() => late.abort(new DOMException("no answer in time", "TimeoutError")), ms);
  signal?.addEventListener("abort", stop);
  const sent: RequestInit = {
    method,
    signal: late.signal,
    headers: {
      ...headers,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
  };
  if (body !== undefined) sent.body = JSON.stringify(body);
  try {
    const { response, text } = await receive(send, url, sent, signal);
    if (!response.ok) throw refusal(response.status, text, response.headers);
    return { status: response.status, headers: response.headers, body: parsed(text) as T };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function receive(send: Fetch, url: URL, init: RequestInit, signal: AbortSignal | undefined) {
  try {
    const response = await send(url, init);
    return { response, text: await response.text() };
  } catch (error) {
    signal?.throwIfAborted();
    const { cause, message, name } = error as Error & { cause?: { code?: string; message?: string } };
    const why = name === "TimeoutError" ? "no answer in time" : (cause?.code ?? cause?.message ?? message);
    throw new BatonUnreachable(`${url.origin}: ${why}`, { cause: error });
  }
}

/** How long to wait before the next try; undefined: another one would end the same. */
function pauseAfter(error: unknown, tried: number): number | undefined {
  const refused = error instanceof BatonRefused ? error : undefined;
  if (refused === undefined && !(error instanceof BatonUnreachable)) return undefined;
  if (refused && ![429, 502, 503, 504].includes(refused.status) && refused.code !== "key_in_flight") return undefined;
  const most = Math.min(pauseFirstMs * 2 ** tried, pauseMaxMs);
  return Math.max(most * (0.5 + Math.random() / 2), refused?.retryAfterMs ?? 0);
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** What an answer that is no success says. */
export function refusal(status: number, text: string, headers?: Headers): BatonRefused {
  const read = parsed(text);
  const said = (typeof read === "object" ? (read ?? {}) : {}) as Partial<ErrorAnswer>;
  const { error } = said;
  const short = typeof error === "string" ? error : `HTTP ${status}${text ? `: ${text.slice(0, 200)}` : ""}`;
  const seconds = Number(headers?.get("retry-after") ?? Number.NaN);
  return new BatonRefused(status, short, said, Number.isFinite(seconds) ? seconds * 1000 : undefined);
}

/** Random, also where a page has no secure origin and therefore no `crypto.randomUUID`. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Where the next page of a listing begins, as its answer says; undefined: this is the last one. */
export const nextLink = (headers: Headers): string | undefined =>
  /<([^>]*)>;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
