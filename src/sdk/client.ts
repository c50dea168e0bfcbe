/**
 * A small typed client of Baton's HTTP API, on nothing but `fetch`. One method a call; no retries, no state.
 * What Baton refuses is a `BatonRefused` (its HTTP status, short error and details); no answer at all is a
 * `BatonUnreachable`. Every call ends within `timeoutMs`.
 */
import { type FollowOptions, follow } from "./follow.ts";
import type {
  Batch,
  BatchInput,
  Counters,
  Dag,
  Delivery,
  DeliveryHistory,
  Task,
  TaskEvent,
  TaskInput,
  TaskPatch,
} from "./types.ts";

export { EventsDropped, type FollowOptions } from "./follow.ts";
export type * from "./types.ts";

export interface ClientOptions {
  /** Sent as `Authorization: Bearer <token>`. */
  readonly token?: string | undefined;
  /** The longest that one call may take, in milliseconds. */
  readonly timeoutMs?: number;
}

export interface ReportOptions extends ClientOptions {
  /** Sent as `Idempotency-Key`: repeating the call with the same key counts once and gets the first answer. */
  readonly idempotencyKey?: string | undefined;
}

export type Client = ReturnType<typeof connect>;

/**
 * A client of the Baton at `url`; connects with the first call.
 *
 *     const baton = connect("http://127.0.0.1:8085");
 *     const { batchId } = await baton.create([{ id: "a", name: "hello", kind: "demo" }]);
 *     const { status_counts } = await baton.batch(batchId);
 */
export function connect(url: string, { token, timeoutMs = 30_000 }: ClientOptions = {}) {
  const base = url.replace(/\/+$/, "");
  const call = <T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}) =>
    exchange<T>(new URL(base + path), { method, token, timeoutMs, body, headers: more });
  const read = async <T>(path: string) => (await call<T>("GET", path)).body;

  return {
    url: base,
    /** Creates a DAG of tasks in one transaction. `tasks` is empty when all of them were deduplicated. */
    async create(batch: BatchInput | readonly TaskInput[], idempotencyKey?: string) {
      const more = keyed(idempotencyKey);
      const { headers, body } = await call<readonly Task[] | undefined>("POST", "/task", batch, more);
      return { batchId: headers.get("x-batch-id") ?? "", tasks: body ?? [] };
    },
    /** Runs an ended batch again, as a new batch: all of it, or what did not succeed. `tasks` is empty when nothing is left to run. */
    async rerun(batchId: string, only: "failed" | "all") {
      const { headers, body } = await call<readonly Task[] | undefined>("POST", `/batch/${batchId}/rerun`, { only });
      return { batchId: headers.get("x-batch-id") ?? "", tasks: body ?? [] };
    },
    task: (id: string) => read<Task>(`/task/${id}`),
    /** Tasks, newest first. `filter`: page, page_size, status, kind, name, batch_id, ... as `GET /task` takes them. */
    tasks: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly Task[]>(`/task?${new URLSearchParams(filter)}`),
    /** A task's transitions, oldest first. */
    events: (id: string) => read<readonly TaskEvent[]>(`/task/${id}/events`),
    /** Transitions of all tasks, or of one batch, as they happen: `for await (const event of baton.follow()) …`. Comes back by itself. */
    follow: (options: FollowOptions = {}) => follow(base, { token }, options),
    batch: (id: string) => read<Batch>(`/batch/${id}`),
    dag: (batchId: string) => read<Dag>(`/dag/${batchId}`),
    /** Reports an end, or changes fields. Resolves when the transition and all it causes are committed. */
    patch: async (id: string, change: TaskPatch) =>
      (await call<{ id: string; status: string; attempt: number }>("PATCH", `/task/${id}`, change)).body,
    /** Adds to the counters. Resolves when the update is durable; it is applied exactly once, a moment later. */
    progress: async (id: string, counters: Counters) => void (await call("PUT", `/task/${id}`, counters)),
    cancel: async (id: string) => void (await call("DELETE", `/task/${id}`)),
    pause: async (id: string) => void (await call("PATCH", `/task/pause/${id}`)),
    resume: async (id: string) => void (await call("PATCH", `/task/resume/${id}`)),
    /** Cancels every unfinished task of a batch. */
    stop: async (batchId: string) =>
      (await call<Readonly<Record<string, unknown>>>("DELETE", `/batch/${batchId}`)).body,
    /** Notifications, newest first. `filter`: page, page_size, status, task_id, as `GET /webhook-deliveries` takes them. */
    deliveries: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly Delivery[]>(`/webhook-deliveries?${new URLSearchParams(filter)}`),
    /** A notification, with every attempt to deliver it. */
    delivery: (id: string) => read<DeliveryHistory>(`/webhook-deliveries/${id}`),
    /** Sends an exhausted notification again, at once and with the same key. */
    replay: async (id: string, idempotencyKey?: string) =>
      (
        await call<Pick<Delivery, "id" | "status">>(
          "POST",
          `/webhook-deliveries/${id}/replay`,
          undefined,
          keyed(idempotencyKey),
        )
      ).body,
    /** The same for all that were exhausted at `since` (RFC 3339) or later; resolves with how many those are. */
    replaySince: async (since: string, idempotencyKey?: string) => {
      const path = "/webhook-deliveries/replay";
      return (await call<{ readonly replayed: number }>("POST", path, { since }, keyed(idempotencyKey))).body.replayed;
    },
    /** Whether it takes work now: false while Postgres or NATS is away. */
    async ready() {
      try {
        await call("GET", "/ready");
        return true;
      } catch (error) {
        if (error instanceof BatonRefused && error.status === 503) return false;
        throw error;
      }
    },
  };
}

/** Reports to the handle of a start call, which is all that a service needs to know of Baton. */
export async function report(handle: string, change: TaskPatch, options: ReportOptions = {}): Promise<void> {
  await exchange(new URL(handle), {
    method: "PATCH",
    body: change,
    ...options,
    headers: keyed(options.idempotencyKey),
  });
}

/** Adds to the counters of the task behind a handle. */
export async function progress(handle: string, counters: Counters, options: ReportOptions = {}): Promise<void> {
  await exchange(new URL(handle), {
    method: "PUT",
    body: counters,
    ...options,
    headers: keyed(options.idempotencyKey),
  });
}

/** Baton answered, and the answer is no. */
export class BatonRefused extends Error {
  override readonly name = "BatonRefused";
  readonly status: number;
  readonly details: readonly string[];
  constructor(status: number, error: string, details: readonly string[]) {
    super(error);
    this.status = status;
    this.details = details;
  }
}

/** No answer: nothing listens there, the connection broke, or the time was up. */
export class BatonUnreachable extends Error {
  override readonly name = "BatonUnreachable";
}

const keyed = (key: string | undefined): Record<string, string> => (key ? { "idempotency-key": key } : {});

interface Exchange extends ClientOptions {
  readonly method: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function exchange<T>(url: URL, { method, body, token, timeoutMs = 30_000, headers = {} }: Exchange) {
  const sent: RequestInit = {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      ...headers,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
  };
  if (body !== undefined) sent.body = JSON.stringify(body);
  const { response, text } = await receive(url, sent);
  if (!response.ok) throw refusal(response.status, text);
  return { headers: response.headers, body: parsed(text) as T };
}

async function receive(url: URL, init: RequestInit) {
  try {
    const response = await fetch(url, init);
    return { response, text: await response.text() };
  } catch (error) {
    const { cause, message, name } = error as Error & { cause?: { code?: string; message?: string } };
    const why = name === "TimeoutError" ? "no answer in time" : (cause?.code ?? cause?.message ?? message);
    throw new BatonUnreachable(`${url.origin}: ${why}`, { cause: error });
  }
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What an answer that is no success says. */
export function refusal(status: number, text: string): BatonRefused {
  const { error, details } = (parsed(text) ?? {}) as { error?: unknown; details?: unknown };
  const short = typeof error === "string" ? error : `HTTP ${status}${text ? `: ${text.slice(0, 200)}` : ""}`;
  return new BatonRefused(status, short, Array.isArray(details) ? details.map(String) : []);
}
