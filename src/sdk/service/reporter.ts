// Reports on a task by its handle, over HTTP. Reports are made again for as long as Baton may be away; heartbeats are not, since the next
// one comes soon.
import { BatonRefused, type ClientOptions, exchange, type Fetch } from "../exchange.ts";
import type { AddedInput, Task, TaskInput } from "../types.ts";
import { Over, type Reporter } from "./running.ts";

/** Longer than any restart of Baton; a task has timed out by then, as a rule. */
const reportMs = 600_000;

/** How a service reaches Baton. */
export interface Reach {
  readonly token?: string | undefined;
  readonly fetch?: Fetch | undefined;
}

export function httpReporter(handle: string, { token, fetch }: Reach): Reporter {
  const persistent: ClientOptions = { token, fetch, timeoutMs: reportMs, retries: Number.POSITIVE_INFINITY };
  const once: ClientOptions = { token, fetch, timeoutMs: 10_000, retries: 0 };
  const send = async <T>(method: string, url: URL, body: unknown, options: ClientOptions, key?: string): Promise<T> => {
    const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
    try {
      return (await exchange<T>(url, { ...options, method, body, headers })).body;
    } catch (error) {
      throw isOver(error) ? new Over((error as Error).message, { cause: error }) : error;
    }
  };
  const own = new URL(handle);
  return {
    heartbeat: (signal) => send("PUT", own, {}, { ...once, signal }),
    progress: (succeeded, failed, key, signal) =>
      send("PUT", own, { new_success: succeeded, new_failures: failed }, { ...persistent, signal }, key),
    end: (change, key, signal) => send("PATCH", own, change, { ...persistent, signal }, key),
    add: async (tasks: AddedInput | readonly TaskInput[], key, signal) => {
      const url = new URL(own);
      url.pathname += "/tasks";
      return (await send<readonly Task[] | undefined>("POST", url, tasks, { ...persistent, signal }, key)) ?? [];
    },
  };
}

/** Another attempt runs, the task has ended, or it is gone. */
const isOver = (error: unknown): boolean =>
  error instanceof BatonRefused && ["not_in_this_state", "wrong_attempt", "unknown_task"].includes(error.code);
