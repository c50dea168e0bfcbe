// Reports on a task by its handle, over HTTP. Reports are made again for as long as Baton may be away; heartbeats are not, since the next
// one comes soon.
import { BatonRefused, type ClientOptions, exchange } from "../exchange.ts";
import { Over, type Reporter } from "./running.ts";

/** Longer than any restart of Baton; a task has timed out by then, as a rule. */
const reportMs = 600_000;

export function httpReporter(handle: string, token: string | undefined): Reporter {
  const persistent: ClientOptions = { token, timeoutMs: reportMs, retries: Number.POSITIVE_INFINITY };
  const once: ClientOptions = { token, timeoutMs: 10_000, retries: 0 };
  const send = async (method: string, body: unknown, options: ClientOptions, key?: string): Promise<void> => {
    const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
    try {
      await exchange(new URL(handle), { ...options, method, body, headers });
    } catch (error) {
      throw isOver(error) ? new Over((error as Error).message, { cause: error }) : error;
    }
  };
  return {
    heartbeat: () => send("PUT", {}, once),
    progress: (succeeded, failed, key) =>
      send("PUT", { new_success: succeeded, new_failures: failed }, persistent, key),
    end: (change, key) => send("PATCH", change, persistent, key),
  };
}

/** Another attempt runs, the task has ended, or it is gone. */
const isOver = (error: unknown): boolean =>
  error instanceof BatonRefused && ["not_in_this_state", "wrong_attempt", "unknown_task"].includes(error.code);
