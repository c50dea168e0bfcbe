// A process of its own: the user's service, as fast as Node makes it. Answers each start call 200, then reports Success to
// its handle on a keep-alive connection; of a call to /hold nothing is heard again. Used alike for the floor and for Baton. Hears by IPC how many lives to expect;
// tells when so many reports were answered, and how. Ends with its parent.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { reportConnections } from "./limits.ts";
import { machineMs, type Received, type ReceiverAsk, type ReceiverTell } from "./messages.ts";

const tell = (message: ReceiverTell) => void process.send?.(message);
const report = {
  method: "PATCH",
  headers: { "content-type": "application/json" },
  body: '{"status":"Success"}',
} as const;

let pool: Pool | undefined;
let origin = "";
let waits: number[] = [];
let now: { expected: number; starts: number; success: number; refused: Record<string, number>; calledAt: number };
reset(0);

function reset(expected: number): void {
  now = { expected, starts: 0, success: 0, refused: {}, calledAt: 0 };
  waits = [];
}

const server = createServer((request, response: ServerResponse) => {
  now.calledAt = machineMs();
  request.resume();
  response.writeHead(200, { "content-length": 0 }).end();
  now.starts += 1;
  const query = request.url ?? "";
  if (query.startsWith("/hold")) return;
  const from = query.indexOf("handle=") + 7;
  const to = query.indexOf("&", from);
  answer(decodeURIComponent(query.slice(from, to < 0 ? undefined : to)));
});

async function answer(handle: string): Promise<void> {
  const began = performance.now();
  let outcome = "";
  try {
    const slash = handle.indexOf("/", 8);
    const { statusCode, body } = await to(handle.slice(0, slash)).request({ ...report, path: handle.slice(slash) });
    if (statusCode !== 200) outcome = `${statusCode} ${(await body.text()).slice(0, 200)}`;
    else await body.dump();
  } catch (error) {
    outcome = (error as NodeJS.ErrnoException).code ?? String(error);
  }
  waits.push(performance.now() - began);
  if (outcome === "") now.success += 1;
  else now.refused[outcome] = (now.refused[outcome] ?? 0) + 1;
  if (waits.length === now.expected) tell({ done: received() });
}

function to(target: string): Pool {
  if (pool && target === origin) return pool;
  pool?.destroy();
  origin = target;
  pool = new Pool(target, { connections: reportConnections, pipelining: 1 });
  return pool;
}

function received(): Received {
  const sorted = Float64Array.from(waits).sort();
  const at = (share: number) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
  const { starts, success, refused, calledAt } = now;
  return { starts, success, refused, p50Ms: at(0.5), p99Ms: at(0.99), calledAt };
}

process.on("message", (message: ReceiverAsk) => {
  if ("expect" in message) {
    reset(message.expect);
    tell({ expecting: message.expect });
  } else tell({ sofar: received() });
});
process.on("disconnect", () => process.exit(0));
server.keepAliveTimeout = 120_000;
// All addresses of 127.0.0.0/8 lead here: each is a receiver of its own. Nobody else is heard.
server.on("connection", (socket) => {
  if (!socket.localAddress?.startsWith("127.")) socket.destroy();
});
server.listen(0, "0.0.0.0", () => tell({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
