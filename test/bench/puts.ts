// Counter updates: how many a second are accepted and applied, against a bare route that only parses and answers. The two take
// turns, with the same client, so that whatever else the machine does meets both. What does not add up throws.
import { Pool } from "undici";
import { until } from "#test/until";
import { batchSize, putClients, putRuns, puts, putTargets, putWarmUp, runLimitMs, startLimitMs } from "./limits.ts";
import { createBatch } from "./lives.ts";
import type { FloorApiTell } from "./messages.ts";
import { startPart } from "./processes.ts";

/** Updates per second of each run, over so many tasks. */
export interface PutRates {
  readonly client: keyof typeof clients;
  readonly tasks: number;
  readonly bare: readonly number[];
  readonly baton: readonly number[];
}

interface Target {
  readonly url: string;
  readonly pool: Pool;
}

export async function runPuts(url: string, say: (line: string) => void): Promise<PutRates[]> {
  const part = startPart("floor-put.ts");
  const bareUrl = await part.hear((m: FloorApiTell) => m.url, startLimitMs, "starting the bare route");
  const targetOf = (of: string): Target => ({ url: of, pool: new Pool(of, { connections: putClients }) });
  const [bare, baton] = [targetOf(bareUrl), targetOf(url)];
  try {
    const rates: PutRates[] = [];
    for (const tasks of putTargets) {
      const made = await createTasks(baton.pool, tasks);
      for (const client of ["fetch", "undici"] as const) {
        say(`updates of counters, ${tasks.toLocaleString("en-US")} task(s), ${client} ...`);
        rates.push({ client, tasks, ...(await compare(bare, baton, made, client)) });
      }
    }
    return rates;
  } finally {
    await Promise.all([bare.pool.close(), baton.pool.close(), part.end()]);
  }
}

async function compare(bare: Target, baton: Target, { batches, ids }: Made, client: keyof typeof clients) {
  let sum = await summed(baton.pool, batches);
  const answered = (n = puts) => send(clients[client](bare), ids, n);
  const applied = async (n = puts) => {
    const began = performance.now();
    await send(clients[client](baton), ids, n);
    sum += n;
    await until(async () => (await summed(baton.pool, batches)) === sum, runLimitMs, `${sum} are counted`);
    return (n / (performance.now() - began)) * 1000;
  };
  await Promise.all([answered(putWarmUp), applied(putWarmUp)]);
  const found = { bare: [] as number[], baton: [] as number[] };
  for (let run = 0; run < putRuns; run++) {
    found.bare.push(await answered());
    found.baton.push(await applied());
  }
  return found;
}

const request = {
  method: "PUT",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ new_success: 1 }),
} as const;

/** Sends one update; gives the status of the answer. */
type Put = (path: string) => Promise<number>;

const clients = {
  fetch:
    ({ url }: Target): Put =>
    async (path) => {
      const answer = await fetch(url + path, request);
      await answer.text();
      return answer.status;
    },
  undici:
    ({ pool }: Target): Put =>
    async (path) => {
      const { statusCode, body } = await pool.request({ path, ...request });
      await body.dump();
      return statusCode;
    },
};

interface Made {
  readonly batches: readonly string[];
  readonly ids: readonly string[];
}

/** Tasks that wait for a time far away, so that nothing but updates happens to them. */
async function createTasks(pool: Pool, n: number): Promise<Made> {
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
async function send(put: Put, ids: readonly string[], n: number): Promise<number> {
  const began = performance.now();
  let sent = 0;
  const client = async () => {
    while (sent < n) {
      const status = await put(`/task/${ids[sent++ % ids.length]}`);
      if (status !== 202) throw new Error(`PUT answered ${status}`);
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
