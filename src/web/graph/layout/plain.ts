// The layout of small graphs, as people draw them: long edges are cut by points at each rank, so that they bend round boxes;
// heights by sweeps of isotonic regression.
import { adjacency } from "./adjacency.ts";
import { orderRanks } from "./order.ts";
import { type Adjacency, type Block, box, type GraphInput, type Layout } from "./types.ts";

type Placed = Pick<Layout, "x" | "y" | "w" | "blocks" | "routes" | "wrapped" | "bundles">;

export function layoutPlain(input: GraphInput, rank: Int32Array): Placed {
  const { n } = input;
  const { routes, all, segFrom, segTo } = cutEdges(input, rank);
  const sides = { children: adjacency(all.length, segFrom, segTo), parents: adjacency(all.length, segTo, segFrom) };
  const ranks = orderRanks(all, sides, 16, true);
  const y = heights(n, ranks, sides, all.length);
  const { x, w, blocks, right } = columns(input, ranks, all.length);
  return { x, y: stretched(input, y, right), w, blocks, routes, wrapped: false, bundles: null };
}

function cutEdges({ from, to }: GraphInput, rank: Int32Array) {
  const [routes, segFrom, segTo]: [Int32Array[], number[], number[]] = [[], [], []];
  const all = Array.from(rank);
  for (let e = 0; e < from.length; e++) {
    const way = [from[e]!];
    for (let r = rank[from[e]!]! + 1; r < rank[to[e]!]!; r++) {
      way.push(all.length);
      all.push(r);
    }
    way.push(to[e]!);
    for (let i = 1; i < way.length; i++) {
      segFrom.push(way[i - 1]!);
      segTo.push(way[i]!);
    }
    routes.push(Int32Array.from(way));
  }
  return { routes, all, segFrom, segTo };
}

const sweeps = 9;

function heights(
  n: number,
  ranks: readonly (readonly number[])[],
  { children, parents }: { readonly children: Adjacency; readonly parents: Adjacency },
  m: number,
): Float64Array {
  const half = (v: number) => (v < n ? box.h / 2 + box.gapY / 2 : 7);
  const [y, want] = [new Float64Array(m), new Float64Array(m)];
  const weight = new Float64Array(m).fill(1);
  for (let v = n; v < m; v++) weight[v] = 4;
  for (const list of ranks) separate(list, want, weight, half, y);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const sides = sweep === sweeps - 1 ? [parents, children] : [sweep % 2 === 0 ? parents : children];
    for (let j = 0; j < ranks.length; j++) {
      const list = ranks[sweep % 2 === 0 ? j : ranks.length - 1 - j]!;
      for (const v of list) want[v] = wanted(v, n, sides, y);
      separate(list, want, weight, half, y);
    }
  }
  return y;
}

/** The mean height of neighbours; parts of one long edge pull each other hardest, so that it runs straight. */
function wanted(v: number, n: number, sides: readonly Adjacency[], y: Float64Array): number {
  let [sum, count] = [0, 0];
  for (const side of sides)
    for (let i = side.start[v]!; i < side.start[v + 1]!; i++) {
      const other = side.list[i]!;
      const weight = v >= n && other >= n ? 8 : 1;
      sum += y[other]! * weight;
      count += weight;
    }
  return count === 0 ? y[v]! : sum / count;
}

interface Pool {
  sum: number;
  weight: number;
  count: number;
}

/** The nearest heights to `want` that keep order and distances: isotonic regression by pooling adjacent violators, linear. */
function separate(
  list: readonly number[],
  want: Float64Array,
  weight: Float64Array,
  half: (v: number) => number,
  y: Float64Array,
): void {
  const pools: Pool[] = [];
  let offset = 0;
  for (let i = 0; i < list.length; i++) {
    const v = list[i]!;
    if (i > 0) offset += half(list[i - 1]!) + half(v);
    let pool: Pool = { sum: (want[v]! - offset) * weight[v]!, weight: weight[v]!, count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.weight >= pool.sum / pool.weight; last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, weight: last.weight + pool.weight, count: last.count + pool.count };
    }
    pools.push(pool);
  }
  let i = 0;
  offset = 0;
  for (const pool of pools)
    for (let k = 0; k < pool.count; k++, i++) {
      if (i > 0) offset += half(list[i - 1]!) + half(list[i]!);
      y[list[i]!] = pool.sum / pool.weight + offset;
    }
}

/** A rank is as wide as its widest label. */
function columns({ n, labelWidth }: GraphInput, ranks: readonly (readonly number[])[], m: number) {
  const [x, w] = [new Float32Array(m), new Float32Array(m)];
  let left = 0;
  const blocks = ranks.map((list): Block => {
    const widest = list.reduce((a, v) => Math.max(a, v < n ? labelWidth[v]! : 0), 84);
    const wide = Math.min(box.w * 1.3, widest);
    for (const v of list) {
      x[v] = left;
      w[v] = wide;
    }
    const block = {
      x: left,
      y: 0,
      nodes: Int32Array.from(list.filter((v) => v < n)),
      columns: 1,
      rows: list.length,
      w: wide,
    };
    left += wide + (list.length > 9 ? box.gapX * 1.3 : box.gapX * 0.85);
    return block;
  });
  return { x, w, blocks, right: left };
}

/** Flat graphs use the height that the window has. */
function stretched({ width, height }: GraphInput, y: Float64Array, right: number): Float32Array {
  let [top, bottom] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of y) {
    top = Math.min(top, v);
    bottom = Math.max(bottom, v);
  }
  const scale = width / right < 0.72 ? 0.86 : Math.min(1.15, width / right);
  const stretch = Math.min(1.7, Math.max(1, height / scale / (bottom - top + box.h)));
  return Float32Array.from(y, (v) => v * stretch);
}
