// The calls of a client that read listings page by page, and those by which people act on batches: what the console is made of.
import { nextLink } from "./exchange.ts";
import type { Delivery, ListedBatch, ListedTask, TaskStatus } from "./types.ts";

/** A page of a listing, and the query of the next one; undefined at the end. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly next: PageQuery | undefined;
}
export type PageQuery = Readonly<Record<string, string>>;

/** The graph of a batch as it is sent compactly: links by place among the tasks over all pages. */
export interface CompactDag {
  readonly tasks: readonly (readonly [id: string, localId: string, name: string, kind: string, status: TaskStatus])[];
  readonly links: readonly (readonly [parent: number, child: number, edge: string])[];
  readonly next: PageQuery | undefined;
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<{ readonly headers: Headers; readonly body: unknown }>;

export function pageCalls(call: Call) {
  const page = async <T>(path: string, filter: PageQuery): Promise<Page<T>> => {
    const { headers, body } = await call("GET", `${path}?${new URLSearchParams(filter)}`);
    return { rows: body as readonly T[], next: nextOf(headers) };
  };
  return {
    /** Batches, newest first. `filter`: page_size, after, status, kind, name, scope, ... as `GET /batches` takes them. */
    batchPage: (filter: PageQuery = {}) => page<ListedBatch>("/batches", filter),
    /** A page of tasks, newest first, and the query of the next one. */
    taskPage: (filter: PageQuery = {}) => page<ListedTask>("/task", filter),
    /** A page of notifications, newest first, and the query of the next one. */
    deliveryPage: (filter: PageQuery = {}) => page<Delivery>("/webhook-deliveries", filter),
    /** A page of any other listing: `/workers`, `/receivers`, `/limits`, `/dead-letters`. */
    page,
    /** The graph of a batch in few bytes, page by page. */
    async compactDag(batchId: string, filter: PageQuery = {}): Promise<CompactDag> {
      const { headers, body } = await call(
        "GET",
        `/dag/${batchId}?${new URLSearchParams({ ...filter, compact: "1" })}`,
      );
      return { ...(body as Omit<CompactDag, "next">), next: nextOf(headers) };
    },
  };
}

/** Of the `Link` of an answer. */
function nextOf(headers: Headers): PageQuery | undefined {
  const link = nextLink(headers);
  if (link === undefined) return undefined;
  return Object.fromEntries(new URLSearchParams(link.slice(link.indexOf("?") + 1)));
}
