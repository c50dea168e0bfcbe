// The order of tasks within their ranks: depth first from the sources, which keeps pipelines together, then a bounded number of
// barycentre sweeps. Where crossings are cheap to count, the sweep with the fewest is kept.
import { degree } from "./adjacency.ts";
import type { Adjacency } from "./types.ts";

export function orderRanks(
  rank: ArrayLike<number>,
  { children, parents }: { readonly children: Adjacency; readonly parents: Adjacency },
  sweeps: number,
  countCrossings: boolean,
): number[][] {
  const ranks = depthFirst(rank, children, parents);
  const [pos, key] = [new Float64Array(rank.length), new Float64Array(rank.length)];
  const place = (list: readonly number[]) => {
    for (let i = 0; i < list.length; i++) pos[list[i]!] = (i + 0.5) / list.length;
  };
  ranks.forEach(place);
  let best = Number.POSITIVE_INFINITY;
  let kept: number[][] | undefined;
  for (let s = 0; s < sweeps; s++) {
    const isDown = s % 2 === 0;
    for (let j = 0; j < ranks.length; j++) {
      const list = ranks[isDown ? j : ranks.length - 1 - j]!;
      if (list.length < 2) continue;
      for (const v of list) key[v] = barycentre(v, isDown ? parents : children, pos);
      list.sort((a, b) => key[a]! - key[b]! || pos[a]! - pos[b]!);
      place(list);
    }
    if (!countCrossings) continue;
    const crossings = crossingsOf(ranks, pos, children);
    if (crossings >= best) continue;
    best = crossings;
    kept = ranks.map((list) => list.slice());
  }
  return kept ?? ranks;
}

function depthFirst(rank: ArrayLike<number>, children: Adjacency, parents: Adjacency): number[][] {
  let depth = 0;
  for (let v = 0; v < rank.length; v++) depth = Math.max(depth, rank[v]! + 1);
  const ranks = Array.from({ length: depth }, (): number[] => []);
  const seen = new Uint8Array(rank.length);
  const stack: number[] = [];
  for (let s = 0; s < rank.length; s++) {
    if (seen[s] || degree(parents, s) > 0) continue;
    stack.push(s);
    for (let v = stack.pop(); v !== undefined; v = stack.pop()) {
      if (seen[v]) continue;
      seen[v] = 1;
      ranks[rank[v]!]!.push(v);
      for (let i = children.start[v + 1]! - 1; i >= children.start[v]!; i--) {
        const child = children.list[i]!;
        if (!seen[child]) stack.push(child);
      }
    }
  }
  return ranks;
}

function barycentre(v: number, side: Adjacency, pos: Float64Array): number {
  const count = degree(side, v);
  if (count === 0) return pos[v]!;
  let sum = 0;
  for (let i = side.start[v]!; i < side.start[v + 1]!; i++) sum += pos[side.list[i]!]!;
  return sum / count;
}

/** Between neighbouring ranks, by a Fenwick tree. Every edge must span one rank. */
function crossingsOf(ranks: readonly (readonly number[])[], pos: Float64Array, children: Adjacency): number {
  let total = 0;
  for (let r = 0; r + 1 < ranks.length; r++) {
    const size = ranks[r + 1]!.length;
    const tree = new Int32Array(size + 1);
    let placed = 0;
    for (const v of ranks[r]!) {
      const first = children.start[v]!;
      const last = children.start[v + 1]!;
      const endOf = (i: number) => Math.round(pos[children.list[i]!]! * size - 0.5);
      for (let e = first; e < last; e++) {
        let below = 0;
        for (let i = endOf(e) + 1; i > 0; i -= i & -i) below += tree[i]!;
        total += placed - below;
      }
      for (let e = first; e < last; e++) {
        placed++;
        for (let i = endOf(e) + 1; i <= size; i += i & -i) tree[i]!++;
      }
    }
  }
  return total;
}
