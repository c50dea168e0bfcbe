// A process of its own: what a worker would be with no state behind it. Sends so many start calls, as Baton does (undici,
// keep-alive, the same headers, as many open at once), each with a handle at the bare API.
import { randomUUID } from "node:crypto";
import { Pool } from "undici";
import { callsPerWorker } from "./limits.ts";
import type { FloorWorkerAsk, FloorWorkerTell } from "./messages.ts";

const tell = (message: FloorWorkerTell) => void process.send?.(message);
let pool: Pool | undefined;

process.on("message", async ({ receiver, api, lives }: FloorWorkerAsk) => {
  pool ??= new Pool(receiver, { connections: callsPerWorker, pipelining: 1 });
  const to = pool;
  let next = 0;
  const client = async () => {
    while (next < lives) {
      next += 1;
      await call(to, api);
    }
  };
  await Promise.all(Array.from({ length: callsPerWorker }, client));
  tell({ called: lives });
});

async function call(to: Pool, api: string): Promise<void> {
  const id = randomUUID();
  const { statusCode, body } = await to.request({
    method: "POST",
    path: `/start?handle=${encodeURIComponent(`${api}/task/${id}`)}`,
    headers: {
      "content-type": "application/json",
      "idempotency-key": `${id}:start`,
      "x-task-id": id,
      "x-task-trigger": "start",
    },
    body: JSON.stringify({ life: id }),
  });
  await body.dump();
  if (statusCode !== 200) throw new Error(`the receiver answered ${statusCode}`);
}

process.on("disconnect", () => process.exit(0));
tell({ ready: true });
