// The time of a chain of tasks, each requiring the one before, whose service reports at once: what one edge costs.
import { Pool } from "undici";
import { chainLength, chainRuns } from "./limits.ts";
import { checkBatch, createBatch } from "./lives.ts";
import type { Receiver } from "./processes.ts";

/** Milliseconds from the POST to the last report's answer, of each run, one after the other. */
export async function runChains(url: string, receiver: Receiver): Promise<number[]> {
  const pool = new Pool(url, { connections: 1 });
  const on_start = { kind: "Webhook", params: { url: `${receiver.url}/start`, verb: "Post" } };
  const link = (i: number) => ({
    id: `t${i}`,
    name: `link ${i}`,
    kind: "bench.chain",
    on_start,
    dependencies: i === 0 ? [] : [{ id: `t${i - 1}`, requires_success: true }],
  });
  const body = JSON.stringify(Array.from({ length: chainLength }, (_, i) => link(i)));
  try {
    const times: number[] = [];
    for (let run = 0; run < chainRuns; run += 1) {
      let batch = "";
      const create = async () => {
        batch = await createBatch(pool, body);
      };
      const { ms } = await receiver.measure(chainLength, create);
      await checkBatch(pool, batch, chainLength);
      times.push(ms);
    }
    return times;
  } finally {
    await pool.close();
  }
}
