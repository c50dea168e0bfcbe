// Reports on a task by commands over NATS. A report is published until JetStream has stored it: from then on it is decided,
// whatever dies. What Baton answers is waited for, but needed only where it refuses.
import { jetstream } from "@nats-io/jetstream";
import { createInbox, headers, type NatsConnection } from "@nats-io/transport-node";
import { BatonRefused } from "../exchange.ts";
import { sleep } from "../service/clock.ts";
import { httpReporter, type Reach } from "../service/reporter.ts";
import { Over, type Reporter } from "../service/running.ts";
import type { ErrorAnswer } from "../types.ts";

interface Answer extends Partial<ErrorAnswer> {
  readonly status: number;
}

const storeMs = 600_000;
const answerMs = 10_000;
const pauseFirstMs = 200;
const pauseMaxMs = 5_000;

const verbs = { Success: "succeed", Failure: "fail", Skipped: "skip" } as const;

export interface Commands {
  /** Of one attempt of a task. `handle` is for what goes over HTTP alone. */
  reporterOf(task: string, attempt: number, handle: string, reach: Reach): Reporter;
  close(): void;
}

export function openCommands(connection: NatsConnection): Commands {
  const js = jetstream(connection);
  // Users have prefixes of their own, and may listen under these alone.
  const { inboxPrefix } = (connection as { options?: { inboxPrefix?: string } }).options ?? {};
  const inbox = createInbox(inboxPrefix);
  const open = new Map<string, (answer: Answer) => void>();
  const answers = connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error === null) open.get(message.subject)?.(message.json<Answer>());
    },
  });
  let asked = 0;

  /** `id`: makes it count once; without one it is tried once. */
  async function ask(subject: string, fields: object, signal: AbortSignal, id?: string): Promise<void> {
    const payload = JSON.stringify(fields);
    const bytes = new TextEncoder().encode(payload).length;
    const most = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (bytes > most) throw new BatonRefused(413, `the message takes ${bytes} bytes, NATS takes at most ${most}`);
    const to = `${inbox}.${++asked}`;
    const head = headers();
    head.set("Baton-Reply", to);
    const heard = new Promise<Answer>((resolve) => open.set(to, resolve));
    const rest = new AbortController();
    const stop = () => rest.abort();
    signal.addEventListener("abort", stop);
    try {
      const end = Date.now() + (id === undefined ? 0 : storeMs);
      const stored = await persistently(end, signal, () =>
        js.publish(subject, payload, { headers: head, ...(id === undefined ? {} : { msgID: id }) }),
      );
      // What was stored before is answered to its first sender.
      if (stored.duplicate) return;
      // The command is stored: who waits no longer for its answer loses nothing.
      const none = sleep(answerMs, rest.signal).then(
        () => undefined,
        () => undefined,
      );
      refuse(await Promise.race([heard, none]));
    } finally {
      signal.removeEventListener("abort", stop);
      rest.abort();
      open.delete(to);
    }
  }

  return {
    reporterOf(task, attempt, handle, reach) {
      const subject = (verb: string) => `baton.task.${task}.${verb}`;
      return {
        heartbeat: (signal) => ask(subject("progress"), { attempt }, signal),
        progress: (succeeded, failed, key, signal) =>
          ask(subject("progress"), { attempt, new_success: succeeded, new_failures: failed }, signal, key),
        end: ({ status = "Success", ...change }, key, signal) =>
          ask(subject(verbs[status]), { attempt, ...change }, signal, key),
        add: (tasks, key, signal) => httpReporter(handle, reach).add(tasks, key, signal),
      };
    },
    close: () => answers.unsubscribe(),
  };
}

async function persistently<T>(end: number, signal: AbortSignal, publish: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await unlessAborted(signal, publish);
    } catch (error) {
      const pause = Math.min(pauseFirstMs * 2 ** tried, pauseMaxMs) * (0.5 + Math.random() / 2);
      if (signal.aborted || Date.now() + pause >= end) throw error;
      await sleep(pause, signal);
    }
  }
}

/** The client of NATS cannot take a request back: it ends by its own time-out, unheard. */
async function unlessAborted<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([ask(), aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** No answer is none: the command is stored. */
function refuse(answer: Answer | undefined): void {
  if (answer === undefined || answer.status < 300) return;
  const { status, error = `${status}`, code } = answer;
  if (code === "not_in_this_state" || code === "wrong_attempt" || code === "unknown_task") throw new Over(error);
  throw new BatonRefused(status, error, answer);
}
