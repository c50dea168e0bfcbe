// Which tasks of a batch a list shows, and in which order. Pure but for the store that it reads. The order goes by what the
// address says, and is made anew when that or the tasks change: rows do not jump while their states do.
import type { BatchStore } from "../../../data/batch-store.ts";
import { states } from "../../../data/states.ts";

const sortKeys = ["name", "kind", "state", "took", "attempt"] as const;
export type SortKey = (typeof sortKeys)[number];

export interface Wanted {
  /** States, comma-separated; empty: all. */
  readonly status: string;
  readonly q: string;
  /** `took`, or `-took` for the other way round; empty: as created. */
  readonly sort: string;
}

export function placesOf(store: BatchStore, { status, q, sort }: Wanted): number[] {
  const wanted = new Set(status.split(",").filter((one) => one !== ""));
  const text = q.toLowerCase();
  const places: number[] = [];
  for (let i = 0; i < store.ids.length; i++) {
    if (wanted.size > 0 && !wanted.has(states[store.state[i]!]!)) continue;
    if (text !== "" && !store.names[i]!.toLowerCase().includes(text) && !store.kinds[i]!.toLowerCase().includes(text))
      continue;
    places.push(i);
  }
  const key = sort.replace(/^-/, "") as SortKey;
  const compare = comparer(store, key);
  if (compare === undefined) return places;
  const way = sort.startsWith("-") ? -1 : 1;
  return places.sort((a, b) => way * compare(a, b) || a - b);
}

function comparer({ names, kinds, state, started, ended, attempt }: BatchStore, key: SortKey) {
  const took = (i: number) => (started[i]! === 0 ? 0 : (ended[i] || Number.MAX_SAFE_INTEGER) - started[i]!);
  const text = (a = "", b = "") => (a < b ? -1 : a > b ? 1 : 0);
  const by: Readonly<Record<SortKey, (a: number, b: number) => number>> = {
    name: (a, b) => text(names[a], names[b]),
    kind: (a, b) => text(kinds[a], kinds[b]),
    state: (a, b) => state[a]! - state[b]!,
    took: (a, b) => took(a) - took(b),
    attempt: (a, b) => attempt[a]! - attempt[b]!,
  };
  return by[key] as ((a: number, b: number) => number) | undefined;
}
