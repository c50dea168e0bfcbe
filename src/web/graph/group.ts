// A graph with its tasks grouped by kind, or by level: what of a batch of thousands a person can take in. Kinds that call each
// other in a circle are grouped by kind and level, so that what comes out is a DAG again. Pure.
import { barOrder, stateIndex, states } from "../data/states.ts";
import { adjacency, ranksOf } from "./layout/adjacency.ts";

export type GroupBy = "kind" | "level";

interface Tasks {
  readonly kinds: readonly string[];
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
}

export interface Grouped {
  /** For each task its group. */
  readonly groupOf: Int32Array;
  readonly names: readonly string[];
  readonly links: readonly (readonly [parent: number, child: number])[];
}

export function group({ kinds, from, to }: Tasks, by: GroupBy): Grouped {
  const n = kinds.length;
  const ranks = ranksOf(n, adjacency(n, from, to), adjacency(n, to, from));
  const level = (v: number) => `level ${(ranks[v] ?? 0) + 1}`;
  if (by === "level") return groupedBy(n, from, to, level);
  const whole = groupedBy(n, from, to, (v) => kinds[v] ?? "");
  const isRound = circling(whole);
  if (!isRound.includes(true)) return whole;
  return groupedBy(n, from, to, (v) => {
    const kind = kinds[v] ?? "";
    return isRound[whole.groupOf[v] ?? 0] ? `${kind}, ${level(v)}` : kind;
  });
}

function groupedBy(n: number, from: ArrayLike<number>, to: ArrayLike<number>, keyOf: (v: number) => string): Grouped {
  const places = new Map<string, number>();
  const counts: number[] = [];
  const groupOf = new Int32Array(n);
  for (let v = 0; v < n; v++) {
    const key = keyOf(v);
    const place = places.get(key) ?? places.size;
    places.set(key, place);
    groupOf[v] = place;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  const pairs = new Map<number, readonly [number, number]>();
  for (let e = 0; e < from.length; e++) {
    const [parent, child] = [groupOf[from[e] ?? 0] ?? 0, groupOf[to[e] ?? 0] ?? 0];
    if (parent !== child) pairs.set(parent * places.size + child, [parent, child]);
  }
  const names = [...places].map(([key, place]) => `${key} · ${(counts[place] ?? 0).toLocaleString("en-GB")}`);
  return { groupOf, names, links: [...pairs.values()] };
}

/** Which groups lie on a circle, or below one: those that are left when what waits for nothing is taken away again and again. */
function circling({ names, links }: Grouped): boolean[] {
  const left = names.map(() => 0);
  for (const [, child] of links) left[child] = (left[child] ?? 0) + 1;
  const children = adjacency(
    names.length,
    links.map(([parent]) => parent),
    links.map(([, child]) => child),
  );
  const open = left.flatMap((count, i) => (count === 0 ? [i] : []));
  const isLeft = names.map(() => true);
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    isLeft[at] = false;
    for (let i = children.start[at] ?? 0; i < (children.start[at + 1] ?? 0); i++) {
      const child = children.list[i] ?? 0;
      left[child] = (left[child] ?? 0) - 1;
      if (left[child] === 0) open.push(child);
    }
  }
  return isLeft;
}

const urgency = states.map((state) => barOrder.indexOf(state));

/** A group is as its most urgent task: a failure among a thousand is seen. */
export function statesOf({ groupOf, names }: Grouped, state: ArrayLike<number>): Uint8Array {
  const result = new Uint8Array(names.length).fill(stateIndex("Skipped"));
  for (let v = 0; v < groupOf.length; v++) {
    const place = groupOf[v] ?? 0;
    const [now, mine] = [result[place] ?? 0, state[v] ?? 0];
    if ((urgency[mine] ?? 0) < (urgency[now] ?? 0)) result[place] = mine;
  }
  return result;
}
