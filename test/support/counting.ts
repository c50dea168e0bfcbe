// Clients that count on tasks as fast as they are answered, and the ledger of what the sums must be then. With a key an update is
// sent until it is answered, so its sum is exact; without one, or on a task that ends, what got no answer may have counted.
import { Pool } from "undici";
import type { Random } from "#test/dags";
import { sleep } from "#test/until";

export interface Counting {
  /** Updates in all, and how many clients send them. */
  readonly puts: number;
  readonly clients: number;
  /** The tasks; on those in `keyless` updates carry no key, those in `ending` may end meanwhile. */
  readonly ids: readonly string[];
  readonly keyless: ReadonlySet<string>;
  readonly ending: ReadonlySet<string>;
  readonly urls: readonly string[];
  readonly random: Random;
}

export interface Sum {
  success: number;
  failures: number;
}

/** What a task must have: everything that was answered 202; and at most what may have been stored besides. */
export interface Ledger {
  readonly least: Sum;
  readonly most: Sum;
}

interface Update {
  readonly new_success: number;
  readonly new_failures: number;
}

/** `api`: the process that answered last. */
interface Client {
  api: number;
}

export class Load {
  /** By task. */
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** Answers by their status; 0: none came. */
  readonly answers: Record<number, number> = {};
  /** Answers that may not be. */
  readonly wrong: string[] = [];
  sent = 0;
  readonly #of: Counting;
  readonly #pools: readonly Pool[];

  constructor(of: Counting) {
    this.#of = of;
    const nothing = () => ({ success: 0, failures: 0 });
    this.ledgers = new Map(of.ids.map((id) => [id, { least: nothing(), most: nothing() }]));
    this.#pools = of.urls.map((url) => new Pool(url, { connections: of.clients, headersTimeout: 15_000 }));
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#of.clients }, (_, n) => this.#client(n)));
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }

  async #client(n: number): Promise<void> {
    const { puts, ids, keyless, random } = this.#of;
    const client: Client = { api: n };
    while (this.sent < puts) {
      const n = this.sent++;
      const id = ids[n % ids.length] as string;
      const update = { new_success: 1 + random.below(3), new_failures: random.below(2) };
      const key = keyless.has(id) ? undefined : `k${n}`;
      const status = await this.#insist(client, id, update, key);
      // The same again, mostly of another process: the first answer again.
      if (status !== 202 || key === undefined || n % 10 !== 0) continue;
      const again = await this.#put(client.api + 1, id, update, key);
      if (again === 409) this.wrong.push(`${key} again: 409`);
    }
  }

  /** With a key until there is an answer; without one, or where the task may end before there is one, once. */
  async #insist(client: Client, id: string, update: Update, key: string | undefined): Promise<number> {
    const { least, most } = this.ledgers.get(id) as Ledger;
    const isOnce = key === undefined || this.#of.ending.has(id);
    for (;;) {
      const status = await this.#put(client.api, id, update, key);
      if (status === 202) add(least, update);
      if (status !== 409 && (status === 202 || isOnce)) add(most, update);
      // Another process may be alive.
      if (status !== 202 && status !== 409) client.api++;
      if (status === 202 || isOnce) return status;
      await sleep(20 + this.#of.random.below(80));
    }
  }

  async #put(api: number, id: string, update: Update, key: string | undefined): Promise<number> {
    const pool = this.#pools[api % this.#pools.length] as Pool;
    const headers = { "content-type": "application/json", ...(key === undefined ? {} : { "idempotency-key": key }) };
    const status = await pool
      .request({ method: "PUT", path: `/task/${id}`, headers, body: JSON.stringify(update) })
      .then(async ({ statusCode, body }) => {
        await body.dump();
        return statusCode;
      })
      .catch(() => 0);
    this.answers[status] = (this.answers[status] ?? 0) + 1;
    if (![202, 503, 0].includes(status) && !(status === 409 && this.#of.ending.has(id)))
      this.wrong.push(`PUT answered ${status}`);
    return status;
  }
}

function add(sum: Sum, { new_success, new_failures }: Update): void {
  sum.success += new_success;
  sum.failures += new_failures;
}
