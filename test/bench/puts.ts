// Counter updates: how many a second are accepted and applied, against a bare route that only parses and answers. The two take
// turns, with the same client, so that whatever else the machine does meets both. What does not add up throws.
import { Pool } from "undici";
import { until } from "#test/until";
import { batchSize, putClients, putRuns, putSpreads, puts, putWarmUp, runLimitMs, startLimitMs } from "./limits.ts";
import { createBatch } from "./lives.ts";
import type { FloorApiTell } from "./messages.ts";
import { startPart } from "./processes.ts";

/** Updates per second of each run, over so many tasks. */
export interface PutRates {
  readonly tasks: number;
  readonly bare: readonly number[];
  readonly baton: readonly number[];
}

export async function runPuts(url: string, say: (line: string) => void): Promise<PutRates[]> {
  const part = startPart("floor-put.ts");
  const bareUrl = await part.hear((m: FloorApiTell) => m.url, startLimitMs, "starting the bare route");
  const pools = {
    bare: new Pool(bareUrl, { connections: putClients }),
    baton: new Pool(url, { connections: putClients }),
  };
  try {
    const rates: PutRates[] = [];
    for (const tasks of putSpreads) {
      say(`updates of counters, ${tasks.toLocaleString("en-US")} task(s) ...`);
      const { batches, ids } = await createTasks(pools.baton, tasks);
      let sum = 0;
      const bare = () => send(pools.bare, ids, puts);
      const baton = async (n = puts) => {
        const began = performance.now();
        await send(pools.baton, ids, n);
        sum += n;
        await until(async () => (await summed(pools.baton, batches)) === sum, runLimitMs, `${sum} are counted`);
        return (n / (performance.now() - began)) * 1000;
      };
      await Promise.all([bare(), baton(putWarmUp)]);
      const found = { tasks, bare: [] as number[], baton: [] as number[] };
      for (let run = 0; run < putRuns; run++) {
        found.bare.push(await bare());
        found.baton.push(await baton());
      }
      rates.push(found);
    }
    return rates;
  } finally {
    await Promise.all([pools.bare.close(), pools.baton.close(), part.end()]);
  }
}

/** Tasks that wait for a time far away, so that nothing but updates happens to them. */
async function createTasks(pool: Pool, n: number): Promise<{ batches: string[]; ids: string[] }> {
  const batches: string[] = [];
  const ids: string[] = [];
  for (let made = 0; made < n; made += batchSize) {
    const tasks = Array.from({ length: Math.min(batchSize, n - made) }, (_, i) => ({
      ...{ id: `t${i}`, name: `counter ${i}`, kind: "bench.put", delay_secs: 86_400 },
    }));
    const batch = await createBatch(pool, JSON.stringify(tasks));
    const answer = await pool.request({ method: "GET", path: `/dag/${batch}` });
    const { tasks: created } = (await answer.body.json()) as { tasks: { id: string }[] };
    batches.push(batch);
    ids.push(...created.map(({ id }) => id));
  }
  return { batches, ids };
}

/** Sends `n` updates, round and round the tasks; gives how many a second were answered. */
async function send(pool: Pool, ids: readonly string[], n: number): Promise<number> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ new_success: 1 });
  const began = performance.now();
  let sent = 0;
  const client = async () => {
    while (sent < n) {
      const path = `/task/${ids[sent++ % ids.length]}`;
      const answer = await pool.request({ method: "PUT", path, headers, body });
      if (answer.statusCode !== 202) throw new Error(`PUT answered ${answer.statusCode}: ${await answer.body.text()}`);
      await answer.body.dump();
    }
  };
  await Promise.all(Array.from({ length: putClients }, client));
  return (n / (performance.now() - began)) * 1000;
}

async function summed(pool: Pool, batches: readonly string[]): Promise<number> {
  let sum = 0;
  for (const batch of batches) {
    const answer = await pool.request({ method: "GET", path: `/batch/${batch}` });
    sum += ((await answer.body.json()) as { total_success: number }).total_success;
  }
  return sum;
}
