// A pretend Baton for one check of a receiver: takes the reports that come to its handles, answers as Baton does, and remembers them.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Reported {
  /** `Success`, `Failure` or `Skipped`; undefined: a sign of life, or counters. */
  readonly status: string | undefined;
  /** Whether it came after the task was canceled. */
  readonly isLate: boolean;
}

export interface Pretend {
  readonly url: string;
  /** What came about this task so far. */
  of(task: string): readonly Reported[];
  /** From now on reports about it are refused, as Baton refuses them. */
  cancel(task: string): void;
  /** Waits until `isEnough` of what came about a task, `ms` at most. */
  waitFor(task: string, isEnough: (reports: readonly Reported[]) => boolean, ms: number): Promise<void>;
  close(): void;
}

const bodyBytesMax = 1_048_576;

export async function pretendBaton(host: string, port: number): Promise<Pretend> {
  const reports = new Map<string, Reported[]>();
  const canceled = new Set<string>();
  let heard = new AbortController();

  const server = createServer(async (request, response) => {
    const task = /\/task\/([0-9a-f-]{36})(?:\?|$)/.exec(request.url ?? "")?.[1];
    const say = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (task === undefined) return say(404, { error: "no such route", code: "unknown_route", details: [], faults: [] });
    const status = await statusOf(request);
    const isLate = canceled.has(task);
    reports.set(task, [...(reports.get(task) ?? []), { status, isLate }]);
    heard.abort();
    heard = new AbortController();
    if (isLate) {
      const refusal = { error: "the task is Canceled", code: "not_in_this_state", details: [], faults: [] };
      return say(409, { ...refusal, current_status: "Canceled", allowed: [] });
    }
    return request.method === "PUT"
      ? say(202, { id: task })
      : say(200, { id: task, status: status ?? "Running", attempt: 0 });
  });
  server.listen(port, host);
  await once(server, "listening");
  const { port: at } = server.address() as AddressInfo;
  return {
    url: `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${at}`,
    of: (task) => reports.get(task) ?? [],
    cancel: (task) => void canceled.add(task),
    async waitFor(task, isEnough, ms) {
      const end = performance.now() + ms;
      while (!isEnough(reports.get(task) ?? []) && performance.now() < end)
        await sleep(end - performance.now(), undefined, { signal: heard.signal }).catch(() => {});
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function statusOf(request: IncomingMessage): Promise<string | undefined> {
  let text = "";
  for await (const chunk of request) if (text.length < bodyBytesMax) text += chunk;
  try {
    const { status } = JSON.parse(text) as { status?: unknown };
    return typeof status === "string" ? status : undefined;
  } catch {
    return undefined;
  }
}
