/**
 * A typed client of Baton's HTTP API, on nothing but `fetch`, without state. A call that got no answer, or that Baton had no time for,
 * is made again under the same key; what Baton refuses is a `BatonRefused` (its HTTP status, code, short error, details and
 * faults); no answer at all is a `BatonUnreachable`. Every call ends within `timeoutMs`.
 */
import { anyCalls } from "./calls.ts";
import { BatonRefused, type ClientOptions, type Exchanged, exchange } from "./exchange.ts";
import { type FollowOptions, follow } from "./follow.ts";
import { operatorCalls } from "./operators.ts";
import type {
  AddedInput,
  Batch,
  BatchInput,
  Counters,
  Dag,
  Delivery,
  DeliveryWithAttempts,
  ListedTask,
  Rerun,
  Task,
  TaskEvent,
  TaskInput,
  TaskOverride,
  TaskPatch,
  TaskState,
  TaskStatePropagating,
  WhoAmI,
} from "./types.ts";

export type { Asked, Filter } from "./calls.ts";
export { BatonRefused, BatonUnreachable, type ClientOptions, type Exchanged } from "./exchange.ts";
export { EventsDropped, type FollowOptions } from "./follow.ts";
export type { Operations } from "./operations.ts";
export type { CompactDag, Page, PageQuery } from "./pages.ts";
export type * from "./types.ts";

export interface ReportOptions extends ClientOptions {
  /** Sent as `Idempotency-Key`: repeating the call with the same key counts once and gets the first answer. */
  readonly idempotencyKey?: string | undefined;
}

export interface Client
  extends ReturnType<typeof ownCalls>,
    ReturnType<typeof operatorCalls>,
    ReturnType<typeof anyCalls> {
  /**
   * The same client with other options, for one call or some: `baton.with({ signal }).batch(id)`.
   */
  with(options: ClientOptions): Client;
}

const because = (reason: string | undefined): string => (reason ? `?reason=${encodeURIComponent(reason)}` : "");

/**
 * A client of the Baton at `url`; connects with the first call.
 *
 *     const baton = connect("http://127.0.0.1:8085");
 *     const { batchId } = await baton.create([{ id: "a", name: "hello", kind: "demo" }]);
 *     const { status_counts } = await baton.batch(batchId);
 */
export function connect(url: string, options: ClientOptions = {}): Client {
  const base = url.replace(/\/+$/, "");
  const call: Call = (method, path, body, headers = {}, own = {}) =>
    exchange(new URL(base + path), { ...options, ...own, method, body, headers });
  const read = async <T>(path: string) => (await call<T>("GET", path)).body;
  return {
    ...operatorCalls(read, call),
    ...anyCalls(base, options),
    ...ownCalls(base, options, read, call),
    with: (more) => connect(base, { ...options, ...more }),
  };
}

type Call = <T>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
  own?: ClientOptions,
) => Promise<Exchanged<T>>;

function ownCalls(base: string, options: ClientOptions, read: <T>(path: string) => Promise<T>, call: Call) {
  return {
    url: base,
    /** Creates a DAG of tasks in one transaction. `tasks` is empty when all of them were deduplicated. */
    async create(batch: BatchInput | readonly TaskInput[], idempotencyKey?: string) {
      const more = keyed(idempotencyKey);
      const { headers, body } = await call<readonly Task[] | undefined>("POST", "/task", batch, more);
      return { batchId: headers.get("x-batch-id") ?? "", tasks: body ?? [] };
    },
    /** Runs an ended batch again, as a new batch: all of it, or what did not succeed. `tasks` is empty when nothing is left to run. */
    async rerun(batchId: string, ask: Rerun = {}) {
      const { headers, body } = await call<readonly Task[] | undefined>("POST", `/batch/${batchId}/rerun`, ask);
      return { batchId: headers.get("x-batch-id") ?? "", tasks: body ?? [] };
    },
    /** Adds tasks to a batch that is not complete, in one transaction; they may depend on tasks that it has. */
    async add(batchId: string, tasks: AddedInput | readonly TaskInput[], idempotencyKey?: string) {
      const more = keyed(idempotencyKey);
      return (await call<readonly Task[] | undefined>("POST", `/batch/${batchId}/tasks`, tasks, more)).body ?? [];
    },
    /** Says that nothing more comes: an open batch is complete once all its tasks have ended. */
    close: async (batchId: string) => void (await call("POST", `/batch/${batchId}/close`)),
    task: (id: string) => read<Task>(`/task/${id}`),
    /** Tasks, newest first. `filter`: page, page_size, status, kind, name, batch_id, ... as `GET /task` takes them. */
    tasks: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly ListedTask[]>(`/task?${new URLSearchParams(filter)}`),
    /** A task's transitions, oldest first. */
    events: (id: string) => read<readonly TaskEvent[]>(`/task/${id}/events`),
    /** Transitions of all tasks, or of one batch, as they happen: `for await (const event of baton.follow()) …`. Comes back by itself. */
    follow: (asked: FollowOptions = {}) => follow(base, options, { ...options, ...asked }),
    batch: (id: string) => read<Batch>(`/batch/${id}`),
    dag: (batchId: string) => read<Dag>(`/dag/${batchId}`),
    /**
     * Reports an end, or changes fields. Resolves when the transition and all it causes are committed; with `propagating` where the
     * latter takes over 10 s: then it goes on by itself.
     */
    patch: async (id: string, change: TaskPatch) =>
      (await call<TaskState | TaskStatePropagating>("PATCH", `/task/${id}`, change)).body,
    /** Adds to the counters. Resolves when the update is durable; it is applied exactly once, a moment later. */
    progress: async (id: string, counters: Counters) => void (await call("PUT", `/task/${id}`, counters)),
    /** Reports that there was nothing to do: what depends on it sees a skipped task, and no end action follows. */
    skip: async (id: string, reason?: string) => {
      const change: TaskPatch = { status: "Skipped", ...(reason === undefined ? {} : { failure_reason: reason }) };
      return (await call<TaskState | TaskStatePropagating>("PATCH", `/task/${id}`, change)).body;
    },
    /** An operator's word on how an unfinished task ends, whatever its state; it is not tried again. */
    override: async (id: string, word: TaskOverride, idempotencyKey?: string) =>
      (await call<TaskState | TaskStatePropagating>("POST", `/task/${id}/override`, word, keyed(idempotencyKey))).body,
    /** `reason`, here and below: why, at most 1,000 characters, for the events of what changes. */
    cancel: async (id: string, reason?: string) => void (await call("DELETE", `/task/${id}${because(reason)}`)),
    pause: async (id: string, reason?: string) => void (await call("PATCH", `/task/pause/${id}${because(reason)}`)),
    resume: async (id: string, reason?: string) => void (await call("PATCH", `/task/resume/${id}${because(reason)}`)),
    /** Cancels every unfinished task of a batch. */
    stop: async (batchId: string, reason?: string) =>
      (await call<Readonly<Record<string, unknown>>>("DELETE", `/batch/${batchId}${because(reason)}`)).body,
    /** Notifications, newest first. `filter`: page, page_size, status, task_id, as `GET /webhook-deliveries` takes them. */
    deliveries: (filter: Readonly<Record<string, string>> = {}) =>
      read<readonly Delivery[]>(`/webhook-deliveries?${new URLSearchParams(filter)}`),
    /** A notification, with every attempt to deliver it. */
    delivery: (id: string) => read<DeliveryWithAttempts>(`/webhook-deliveries/${id}`),
    /** Sends a notification again that arrived or is exhausted, at once and with the same key. */
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
    /** Whom the token stands for, as events name it, and what it allows. */
    whoami: () => read<WhoAmI>("/whoami"),
    /** Whether it takes work now: false while Postgres or NATS is away. */
    async ready() {
      try {
        await call("GET", "/ready", undefined, {}, { retries: 0 });
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

/** Adds tasks to the batch of the task behind a handle; they may depend on that task, on what it added, and on each other. */
export async function add(
  handle: string,
  tasks: AddedInput | readonly TaskInput[],
  options: ReportOptions = {},
): Promise<readonly Task[]> {
  const url = new URL(handle);
  url.pathname += "/tasks";
  const headers = keyed(options.idempotencyKey);
  return (
    (await exchange<readonly Task[] | undefined>(url, { method: "POST", body: tasks, ...options, headers })).body ?? []
  );
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

const keyed = (key: string | undefined): Record<string, string> => (key ? { "idempotency-key": key } : {});
