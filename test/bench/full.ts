// What is stored must cost nothing: the same cascade, look for twins and listings on an empty database and on one that is full of
// ended tasks, by turns; and lives whose calls go to a few receivers against such that go to many, on the empty one.
import postgres from "postgres";
import { Pool } from "undici";
import {
  batchSize,
  cascadeLinks,
  cascadeTasks,
  cascadeTries,
  creators,
  fewReceivers,
  fullTries,
  fullWarmUp,
  manyReceivers,
  receiverLives,
} from "./limits.ts";
import { createBatch } from "./lives.ts";
import type { Receiver } from "./processes.ts";

/** Milliseconds of each try. */
export interface FullTimes {
  readonly empty: readonly number[];
  readonly full: readonly number[];
}
export interface FullRows {
  readonly times: Readonly<Record<string, FullTimes>>;
  /** Lives per second of each run. */
  readonly receivers: { readonly few: readonly number[]; readonly many: readonly number[] };
}

const listings = {
  "GET /task?kind=nosuch": "/task?kind=nosuch",
  "GET /task?name=nosuch": "/task?name=nosuch",
  "GET /task?status=Running": "/task?status=Running",
  "GET /batches?kind=nosuch": "/batches?kind=nosuch",
  "GET /batches?status=running": "/batches?status=running",
} as const;

/** Those that nobody would run are of no use here: workers would go and look for what they call. */
export async function dropUnfinished(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql`
    with gone as (delete from batch where completed_at is null returning id), t as (delete from task where ended_at is null)
    delete from task_spec s using gone g where s.batch_id = g.id`;
  await sql.end();
}

/** `empty` and `full`: the addresses of two systems alike. */
export async function runFull(
  [empty, full]: readonly [string, string],
  receiver: Receiver,
  say: (line: string) => void,
): Promise<FullRows> {
  const pools = { empty: new Pool(empty, { connections: creators }), full: new Pool(full, { connections: creators }) };
  const times: Record<string, FullTimes> = {};
  const take = async (what: string, tries: number, run: (pool: Pool) => Promise<number>) => {
    say(`${what}, empty and full by turns ...`);
    times[what] = await takeTurns(pools, tries, run);
  };
  try {
    await take(`failing ${cascadeTasks} tasks x ${cascadeLinks}`, cascadeTries, cascade);
    await take("POST /task, a look for a twin", fullTries, twin);
    for (const [what, path] of Object.entries(listings))
      await take(what, fullTries, (pool) => timed(() => get(pool, path)));
    return { times, receivers: await lifeReceivers(pools.empty, receiver, say) };
  } finally {
    await Promise.all([pools.empty.close(), pools.full.close()]);
  }
}

async function takeTurns(
  pools: { readonly empty: Pool; readonly full: Pool },
  tries: number,
  run: (pool: Pool) => Promise<number>,
): Promise<FullTimes> {
  const warmUp = Math.min(tries, fullWarmUp);
  const seen: { empty: number[]; full: number[] } = { empty: [], full: [] };
  for (let n = 0; n < warmUp + tries; n += 1) {
    const [empty, full] = [await run(pools.empty), await run(pools.full)];
    if (n < warmUp) continue;
    seen.empty.push(empty);
    seen.full.push(full);
  }
  return seen;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** From the end of the root to the answer, which comes when every task has failed. */
async function cascade(pool: Pool): Promise<number> {
  const root = { id: "t0", name: "root", kind: "bench.cascade", delay_secs: 86_400 };
  const rest = Array.from({ length: cascadeTasks - 1 }, (_, i) => {
    const parents = Array.from({ length: Math.min(i + 1, cascadeLinks) }, (_, n) => i - n);
    const dependencies = parents.map((n) => ({ id: `t${n}`, requires_success: true }));
    return { id: `t${i + 1}`, name: "task", kind: "bench.cascade", dependencies };
  });
  const batch = await createBatch(pool, JSON.stringify([root, ...rest]));
  const [first] = (await get(pool, `/task?batch_id=${batch}&status=Pending`)) as { id: string }[];
  return timed(async () => {
    const answer = await pool.request({ method: "DELETE", path: `/task/${first?.id}` });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`the cascade was answered ${answer.statusCode}`);
  });
}

let orders = 0;

function twin(pool: Pool): Promise<number> {
  const dedupe_strategy = [{ kind: "deploy", status: "Success", fields: ["order"] }];
  const metadata = { order: `new ${++orders}` };
  const task = { id: "t0", name: "one of its kind", kind: "deploy", delay_secs: 86_400, metadata, dedupe_strategy };
  return timed(() => createBatch(pool, JSON.stringify([task])));
}

async function get(pool: Pool, path: string): Promise<unknown> {
  const answer = await pool.request({ method: "GET", path });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`GET ${path} answered ${answer.statusCode}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Addresses of this machine are receivers of their own, though one process listens on all of them. */
async function lifeReceivers(
  pool: Pool,
  receiver: Receiver,
  say: (line: string) => void,
): Promise<FullRows["receivers"]> {
  const { port } = new URL(receiver.url);
  const urlOf = (n: number) => `http://127.1.${n >> 8}.${n & 255}:${port}/start`;
  const run = async (receivers: number) => {
    say(`lives to ${receivers} receivers ...`);
    const bodies = Array.from({ length: receiverLives / batchSize }, (_, batch) =>
      Array.from({ length: batchSize }, (_, i) => {
        const url = urlOf((batch * batchSize + i) % receivers);
        const on_start = { kind: "Webhook", params: { url, verb: "Post", body: { life: 1 } } };
        return { id: `t${i}`, name: `life ${i}`, kind: "bench.receivers", on_start };
      }),
    );
    const all = () => Promise.all(bodies.map((body) => createBatch(pool, JSON.stringify(body))));
    const { ms } = await receiver.measure(receiverLives, all);
    return (receiverLives / ms) * 1_000;
  };
  // The first ones make connections that the later ones find.
  for (const receivers of [fewReceivers, manyReceivers]) await run(receivers);
  const [few, many]: [number[], number[]] = [[], []];
  for (let n = 0; n < cascadeTries; n += 1) {
    few.push(await run(fewReceivers));
    many.push(await run(manyReceivers));
  }
  return { few, many };
}
