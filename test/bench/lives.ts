// One run: creates so many tasks in batches, and takes the time from the first POST to the last report's answer.
// A life is all of it: created, claimed, start call out, report in, Success committed. What does not add up throws.
import { Pool } from "undici";
import { batchSize, creators } from "./limits.ts";
import type { Received } from "./messages.ts";
import type { Receiver } from "./processes.ts";

export type Run = Received & { readonly lives: number; readonly ms: number; readonly perSecond: number };

/** Runs `lives` tasks (rounded up to whole batches) through the Baton at `url`, and checks afterwards that each succeeded. */
export async function runLives(url: string, receiver: Receiver, lives: number): Promise<Run> {
  const calls = Math.ceil(lives / batchSize);
  const all = calls * batchSize;
  const body = tasksFor(receiver.url);
  const pool = new Pool(url, { connections: creators });
  try {
    const batches: string[] = [];
    let next = 0;
    const creator = async () => {
      while (next < calls) {
        next += 1;
        batches.push(await createBatch(pool, body));
      }
    };
    const received = await receiver.measure(all, () => Promise.all(Array.from({ length: creators }, creator)));
    for (const batch of batches) await checkBatch(pool, batch, batchSize);
    if (received.success !== all || received.starts !== all) {
      const { starts, success, refused } = received;
      throw new Error(
        `${all} lives, but ${starts} starts, ${success} reports taken, others: ${JSON.stringify(refused)}`,
      );
    }
    return { ...received, lives: all, perSecond: (all / received.ms) * 1000 };
  } finally {
    await pool.close();
  }
}

/** Creates one batch and resolves with its id. */
export async function createBatch(pool: Pool, body: string): Promise<string> {
  const headers = { "content-type": "application/json" };
  const answer = await pool.request({ method: "POST", path: "/task", headers, body });
  const text = await answer.body.text();
  if (answer.statusCode !== 201) throw new Error(`POST /task answered ${answer.statusCode}: ${text.slice(0, 500)}`);
  return String(answer.headers["x-batch-id"]);
}

/** Throws unless every task of the batch is a Success. */
export async function checkBatch(pool: Pool, batchId: string, tasks: number): Promise<void> {
  const answer = await pool.request({ method: "GET", path: `/batch/${batchId}` });
  const { status_counts: counts } = (await answer.body.json()) as { status_counts?: Record<string, number> };
  if (counts?.success === tasks) return;
  throw new Error(`batch ${batchId} should have ${tasks} successes, but has ${JSON.stringify(counts)}`);
}

// Every batch is the same text: local names need not differ between batches.
function tasksFor(receiver: string): string {
  const on_start = { kind: "Webhook", params: { url: `${receiver}/start`, verb: "Post", body: { life: 1 } } };
  const task = (i: number) => ({ id: `t${i}`, name: `life ${i}`, kind: "bench", on_start });
  return JSON.stringify(Array.from({ length: batchSize }, (_, i) => task(i)));
}
