// Every call of the API by the name of its operation, and what is built on that: batches, listings from their first page to the last.
import { type ClientOptions, type Exchanged, exchange, nextLink } from "./exchange.ts";
import { type Operations, operations } from "./operations.ts";
import type { Circuit, DryRun, Health, ListedBatch, NewBatch, Rule } from "./types.ts";

/** The parameters of an operation, as they stand in its query. */
export type Filter<Id extends keyof Operations> = { readonly [Name in Operations[Id]["query"]]?: string };

/** What an operation takes: nothing of it may be given that the operation does not know. */
export type Asked<Id extends keyof Operations> = {
  readonly query?: Filter<Id>;
  /** Made by the client if left out: a call that is made again counts once. */
  readonly idempotencyKey?: string;
} & ([Operations[Id]["path"]] extends [never]
  ? unknown
  : { readonly path: { readonly [Name in Operations[Id]["path"]]: string } }) &
  (Operations[Id]["body"] extends undefined ? unknown : { readonly body?: Operations[Id]["body"] });

/** Listings that are read page by page. */
type Listings = {
  [Id in keyof Operations]: "after" extends Operations[Id]["query"] ? Id : never;
}[keyof Operations];
type RowOf<Id extends keyof Operations> = Operations[Id]["answer"] extends readonly (infer Row)[] ? Row : never;

type AskedOfAny = {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
};

export function anyCalls(base: string, options: ClientOptions) {
  /**
   * Any operation of the API by its name, as the reference calls it: for what has no method of its own here.
   *
   *     const { body } = await baton.call("getBatch", { path: { id } });
   */
  function call<Id extends keyof Operations>(
    id: Id,
    ...[asked]: [Operations[Id]["path"]] extends [never] ? [Asked<Id>?] : [Asked<Id>]
  ): Promise<Exchanged<Operations[Id]["answer"]>> {
    const { path = {}, query = {}, body, idempotencyKey } = (asked ?? {}) as AskedOfAny;
    const [method, pattern] = operations[id];
    const url = new URL(base + pattern.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? "")));
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const headers: Record<string, string> = idempotencyKey ? { "idempotency-key": idempotencyKey } : {};
    return exchange(url, { ...options, method, body, headers });
  }

  /**
   * All rows of a listing, page by page as they are asked for; none twice and none missed while others are inserted.
   *
   *     for await (const task of baton.every("listTasks", { status: "Failure" })) console.log(task.id);
   */
  async function* every<Id extends Listings>(
    id: Id,
    filter: Filter<Id> = {} as Filter<Id>,
  ): AsyncGenerator<RowOf<Id>, void, void> {
    let next: URL | undefined = new URL(
      `${base}${operations[id][1]}?${new URLSearchParams(filter as Readonly<Record<string, string>>)}`,
    );
    while (next !== undefined) {
      const page: Exchanged<readonly RowOf<Id>[]> = await exchange(next, { ...options, method: "GET" });
      yield* page.body;
      const link = nextLink(page.headers);
      next = link === undefined ? undefined : new URL(link, next);
    }
  }

  const because = (reason: string | undefined) => (reason === undefined ? {} : { reason });
  return {
    call,
    every,
    /** What creating would do: the levels of the DAG, what is deduplicated, what is surely not meant. Writes nothing. */
    dryRun: async (batch: NewBatch): Promise<DryRun> =>
      (await call("createBatch", { query: { dry_run: "1" }, body: batch })).body as DryRun,
    /** Batches, newest first. `filter`: page, page_size, status, kind, scope, ... as `GET /batches` takes them. */
    batches: async (filter: Filter<"listBatches"> = {}): Promise<readonly ListedBatch[]> =>
      (await call("listBatches", { query: filter })).body,
    /** Pauses what of a batch has not started; resolves with how many tasks those are. */
    pauseBatch: async (id: string, reason?: string): Promise<number> =>
      (await call("pauseBatch", { path: { id }, query: because(reason) })).body.paused,
    /** Resumes what the batch paused; resolves with how many tasks those are. */
    resumeBatch: async (id: string, reason?: string): Promise<number> =>
      (await call("resumeBatch", { path: { id }, query: because(reason) })).body.resumed,
    /** Gives the unfinished tasks of one kind other rules; resolves with how many tasks those are. */
    setRules: async (id: string, kind: string, rules: readonly Rule[]): Promise<number> =>
      (await call("setRules", { path: { id }, body: { kind, rules } })).body.updated_count,
    /** Receivers whose circuit is not closed. */
    circuits: async (): Promise<readonly Circuit[]> => (await call("listCircuits")).body,
    /** Which servers behind Baton answer. */
    health: async (): Promise<Health> => (await call("getHealth")).body,
    /** The metrics of the process that answers, as Prometheus reads them. */
    metrics: async (): Promise<string> => (await call("getMetrics")).body,
  };
}
