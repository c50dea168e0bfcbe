// Who is next to whom, and how far each task is from the start. All in the time of tasks plus edges.
import type { Adjacency } from "./types.ts";

/** By counting sort; `values[i]` is a neighbour of `keys[i]`. */
export function adjacency(n: number, keys: ArrayLike<number>, values: ArrayLike<number>): Adjacency {
  const start = new Int32Array(n + 1);
  for (let i = 0; i < keys.length; i++) start[keys[i]! + 1]!++;
  for (let i = 0; i < n; i++) start[i + 1]! += start[i]!;
  const at = start.slice(0, n);
  const list = new Int32Array(keys.length);
  for (let i = 0; i < keys.length; i++) list[at[keys[i]!]!++] = values[i]!;
  return { start, list };
}

export const degree = ({ start }: Adjacency, v: number): number => start[v + 1]! - start[v]!;

/** The longest path from the sources; then a task with more children than parents moves next to its nearest child. */
export function ranksOf(n: number, children: Adjacency, parents: Adjacency): Int32Array {
  const rank = new Int32Array(n);
  const left = new Int32Array(n);
  const order = new Int32Array(n);
  let tail = 0;
  for (let v = 0; v < n; v++) {
    left[v] = degree(parents, v);
    if (left[v] === 0) order[tail++] = v;
  }
  for (let head = 0; head < tail; head++) {
    const v = order[head]!;
    for (let i = children.start[v]!; i < children.start[v + 1]!; i++) {
      const c = children.list[i]!;
      if (rank[c]! <= rank[v]!) rank[c] = rank[v]! + 1;
      if (--left[c]! === 0) order[tail++] = c;
    }
  }
  for (let i = tail - 1; i >= 0; i--) {
    const v = order[i]!;
    if (degree(children, v) <= degree(parents, v)) continue;
    let nearest = Number.POSITIVE_INFINITY;
    for (let k = children.start[v]!; k < children.start[v + 1]!; k++)
      nearest = Math.min(nearest, rank[children.list[k]!]!);
    rank[v] = nearest - 1;
  }
  return rank;
}
