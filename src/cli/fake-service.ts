// A pretend service for demos: it is started by webhooks, "works" for a while, counts progress and reports back.
// What a start call's body says is done: { work_ms, updates, success, failures, fail }. Deliveries (any other path) are
// recorded. A start repeated with the same key is answered but not done twice; reports are tried again while Baton is away.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClientOptions, progress, report } from "../sdk/client.ts";

export interface Delivery {
  readonly path: string;
  readonly trigger: string;
  readonly key: string;
  readonly atMs: number;
  /** What Baton adds to the body: the task's or the batch's end. */
  readonly baton: Readonly<Record<string, unknown>>;
}

export interface FakeService {
  readonly url: string;
  /** Each delivery once, in the order they came. */
  readonly deliveries: readonly Delivery[];
  readonly counts: { starts: number; repeatedStarts: number; repeatedDeliveries: number; stopped: number };
  /** Reports that Baton refused, or that never reached it. */
  readonly trouble: readonly string[];
  close(): Promise<void>;
}

export interface FakeServiceOptions {
  /** 0: any free port. */
  readonly port?: number;
  /** 2 works twice as fast. */
  readonly speed?: number;
  readonly token?: string | undefined;
  /** Called with everything that arrives. */
  readonly say?: (line: string) => void;
}

interface Work {
  readonly work_ms?: number;
  /** How often progress is counted on the way. */
  readonly updates?: number;
  /** Items that will have succeeded and failed at the end. */
  readonly success?: number;
  readonly failures?: number;
  /** Set: the work ends as a failure, for this reason. */
  readonly fail?: string;
}

const reportTries = 12;

/** Listens on 127.0.0.1 until closed. */
export async function startFakeService(options: FakeServiceOptions = {}): Promise<FakeService> {
  const deliveries: Delivery[] = [];
  const trouble: string[] = [];
  const counts = { starts: 0, repeatedStarts: 0, repeatedDeliveries: 0, stopped: 0 };
  const seen = new Set<string>();
  const working = new Map<string, AbortController>();
  const say = options.say ?? (() => {});
  const client: ClientOptions = { token: options.token, timeoutMs: 60_000, retries: reportTries };

  function start(call: Call): void {
    counts.starts += 1;
    if (seen.has(call.key)) {
      counts.repeatedStarts += 1;
      return;
    }
    seen.add(call.key);
    const stop = new AbortController();
    working.set(call.taskId, stop);
    perform(call, options.speed ?? 1, client, stop.signal)
      .catch((error: Error) => {
        if (!stop.signal.aborted) trouble.push(`${call.path}: ${error.message}`);
      })
      .finally(() => {
        if (working.get(call.taskId) === stop) working.delete(call.taskId);
      });
  }

  function record(call: Call): void {
    if (seen.has(call.key)) {
      counts.repeatedDeliveries += 1;
      return;
    }
    seen.add(call.key);
    const { path, trigger, key } = call;
    deliveries.push({ path, trigger, key, atMs: Date.now(), baton: (call.body.baton ?? {}) as Delivery["baton"] });
    const stop = trigger === "cancel" ? working.get(call.taskId) : undefined;
    if (!stop) return;
    counts.stopped += 1;
    stop.abort();
  }

  const server = createServer((request, response) => {
    read(request)
      .then((call) => {
        say(`${call.trigger.padEnd(6)} ${call.path}`);
        if (call.path.startsWith("/run/")) start(call);
        else record(call);
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      })
      .catch((error: Error) => response.writeHead(400).end(error.message));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliveries,
    counts,
    trouble,
    async close() {
      for (const stop of working.values()) stop.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Call {
  readonly path: string;
  readonly handle: string;
  readonly trigger: string;
  readonly taskId: string;
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
}

async function read(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const url = new URL(request.url ?? "/", "http://service");
  const header = (name: string) => String(request.headers[name] ?? "");
  return {
    path: url.pathname,
    handle: url.searchParams.get("handle") ?? "",
    trigger: header("x-task-trigger"),
    taskId: header("x-task-id"),
    key: header("idempotency-key"),
    body: text === "" ? {} : (JSON.parse(text) ?? {}),
  };
}

async function perform({ handle, key, body }: Call, speed: number, client: ClientOptions, signal: AbortSignal) {
  const { work_ms = 100, updates = 0, success = 0, failures = 0, fail } = body as Work;
  const pauses = Math.max(updates, 1);
  for (let done = 0; done < pauses; done += 1) {
    await sleep(work_ms / pauses / speed, undefined, { signal });
    if (updates === 0) continue;
    const counters = { new_success: part(success, done, pauses), new_failures: part(failures, done, pauses) };
    if (counters.new_success + counters.new_failures === 0) continue;
    // With a key of its own, a count that is sent again because its answer was lost still counts once.
    const idempotencyKey = `${key}:progress:${done}`;
    await progress(handle, counters, { ...client, signal, idempotencyKey });
  }
  const end =
    fail === undefined ? { status: "Success" as const } : { status: "Failure" as const, failure_reason: fail };
  await report(handle, end, { ...client, signal });
}

// The n-th of `parts` whole numbers that add up to `total`.
const part = (total: number, n: number, parts: number) =>
  Math.floor((total * (n + 1)) / parts) - Math.floor((total * n) / parts);
