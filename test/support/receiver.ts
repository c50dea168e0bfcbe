// A user's service, as tests need it: answers each call as the test set for that path, and keeps a ledger of all of
// them. Without orders it answers 200. It never fails on its own; calls that it holds are let go when it stops.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";
import { sleep } from "#test/until";

/** One call, as it arrived. `answered` is null until it was answered, and stays so where it never was. */
export interface Call {
  readonly n: number;
  /** By the wall clock, in milliseconds. */
  readonly at: number;
  readonly verb: string;
  readonly path: string;
  readonly key: string;
  readonly taskId: string;
  readonly trigger: string;
  /** As the key says: `<id>:start` is 0, `<id>:start:2` is 2. */
  readonly attempt: number;
  readonly handle: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as it came, and parsed where it is JSON. */
  readonly text: string;
  readonly body: unknown;
  answered: number | null;
  /** The caller went away before it was answered. */
  aborted: boolean;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly delayMs?: number;
  /** Breaks the connection instead of answering. */
  readonly reset?: boolean;
}
export type Behaviour = Answer | ((call: Call) => Answer | Promise<Answer>);

export interface Hold {
  /** Answers what waits, and from now on every call to the path. */
  release(answer?: Behaviour): void;
}

export interface Report {
  readonly at: number;
  readonly taskId: string;
  readonly status: number;
  readonly body: unknown;
}

export interface Receiver {
  readonly url: string;
  readonly calls: readonly Call[];
  /** Calls to a path, by trigger where one is named. */
  to(path: string, trigger?: "start" | "end" | "cancel"): readonly Call[];
  of(taskId: string, trigger?: "start" | "end" | "cancel"): readonly Call[];
  /** What calls to the path get: each the next of these, and the last one again and again. "*" is every other path. */
  answer(path: string, ...behaviours: Behaviour[]): void;
  hold(path: string): Hold;
  /** A webhook action that goes to the path. */
  action(path: string, more?: Readonly<Record<string, unknown>>): { kind: "Webhook"; params: Record<string, unknown> };
  /** Refuses connections, breaking the open ones, until `up`; the port stays the same. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

const running = new Set<Receiver>();
afterAll(() => Promise.all([...running].map((receiver) => receiver.stop())));

/**
 * Listens on 127.0.0.1; stopped after the file's last test, or by `stop`.
 *
 *   const service = await startReceiver();
 *   service.answer("/build", { status: 500 }, { status: 200 });      the first call, then all others
 *   const hold = service.hold("/deploy");                           calls wait: their tasks stay Claimed
 *   service.answer("/quick", reports({ status: "Success" }));       reports by its handle before it answers
 */
export async function startReceiver(): Promise<Receiver> {
  const calls: Call[] = [];
  const orders = new Map<string, Behaviour[]>();
  const held = new Set<() => void>();
  const next = (path: string): Behaviour => {
    const list = orders.get(path) ?? orders.get("*") ?? [];
    return (list.length > 1 ? list.shift() : list[0]) ?? {};
  };

  const server = createServer((request, response) => {
    response.on("error", () => {});
    read(request, calls.length)
      .then(async (call) => {
        calls.push(call);
        response.once("close", () => {
          call.aborted = call.answered === null;
        });
        const behaviour = next(call.path);
        const answer = typeof behaviour === "function" ? await behaviour(call) : behaviour;
        if (answer.delayMs) await sleep(answer.delayMs);
        send(call, response, answer);
      })
      .catch(() => response.destroy());
  });
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  const port = await listen(0);
  const url = `http://127.0.0.1:${port}`;
  const some = (mine: (call: Call) => boolean, trigger?: string) =>
    calls.filter((call) => mine(call) && (trigger === undefined || call.trigger === trigger));

  const receiver: Receiver = {
    url,
    calls,
    to: (path, trigger) => some((call) => call.path === path, trigger),
    of: (taskId, trigger) => some((call) => call.taskId === taskId, trigger),
    answer: (path, ...behaviours) => void orders.set(path, behaviours),
    hold(path) {
      let open = (_: Behaviour) => {};
      const opened = new Promise<Behaviour>((resolve) => {
        open = resolve;
      });
      const letGo = () => open({ reset: true });
      held.add(letGo);
      orders.set(path, [async (call) => actual(await opened, call)]);
      return {
        release(behaviour = {}) {
          held.delete(letGo);
          orders.set(path, [behaviour]);
          open(behaviour);
        },
      };
    },
    action: (path, more = {}) => ({ kind: "Webhook", params: { url: url + path, verb: "Post", ...more } }),
    async down() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
    async up() {
      await listen(port);
    },
    async stop() {
      running.delete(receiver);
      for (const letGo of held) letGo();
      if (server.listening) await receiver.down();
    },
  };
  running.add(receiver);
  return receiver;
}

/** Reports by the call's handle, then answers 200; the ledger of what Baton said to that may be had by `into`. */
export function reports(report: Readonly<Record<string, unknown>>, into: Report[] = []): Behaviour {
  return async (call) => {
    const response = await fetch(call.handle, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(report),
    });
    into.push({ at: Date.now(), taskId: call.taskId, status: response.status, body: await response.json() });
    return {};
  };
}

const actual = (behaviour: Behaviour, call: Call) => (typeof behaviour === "function" ? behaviour(call) : behaviour);

async function read(request: IncomingMessage, n: number): Promise<Call> {
  // Before the body is read, which under load takes some passes of the event loop.
  const at = Date.now();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? "/", "http://receiver");
  const header = (name: string) => String(request.headers[name] ?? "");
  const key = header("idempotency-key");
  const text = Buffer.concat(chunks).toString();
  return {
    n,
    at,
    verb: request.method ?? "",
    path: url.pathname,
    key,
    taskId: header("x-task-id"),
    trigger: header("x-task-trigger"),
    attempt: Number(/^[^:]+:(?:start|cancel):(\d+)/.exec(key)?.[1] ?? 0),
    handle: url.searchParams.get("handle") ?? "",
    headers: request.headers,
    text,
    body: parsed(text),
    answered: null,
    aborted: false,
  };
}

function send(call: Call, response: ServerResponse, { status = 200, headers = {}, body, reset }: Answer): void {
  if (reset) {
    response.destroy();
    return;
  }
  call.answered = status;
  const json = body === undefined ? "" : JSON.stringify(body);
  response.writeHead(status, { ...(json === "" ? {} : { "content-type": "application/json" }), ...headers }).end(json);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
