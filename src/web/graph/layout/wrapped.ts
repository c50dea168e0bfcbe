// The layout of large graphs: a rank is a block of as many columns as the window's shape asks for, and too many ranks flow into
// bands, as words into lines. Far away, edges between near places are one line with a width.
import { orderRanks } from "./order.ts";
import { type Adjacency, type Block, box, type GraphInput, type Layout } from "./types.ts";

type Placed = Pick<Layout, "x" | "y" | "w" | "blocks" | "routes" | "wrapped" | "bundles">;

const cellW = box.w + box.cellX;
const cellH = box.h + box.cellY;

export function layoutWrapped(
  { n, from, to, width, height }: GraphInput,
  rank: Int32Array,
  sides: { readonly children: Adjacency; readonly parents: Adjacency },
): Placed {
  const aspect = Math.max(0.6, width / height);
  const ranks = orderRanks(rank, sides, 6, false);
  const rows = rowsFor(ranks, aspect);
  const wide = widthFor(ranks, rows);
  const bands = Math.max(1, Math.round(Math.sqrt(wide / ((rows * cellH + box.bandY) * aspect))));
  const [x, y] = [new Float32Array(n), new Float32Array(n)];
  const blocks: Block[] = [];
  let [left, top] = [0, 0];
  for (const list of ranks) {
    const columns = Math.ceil(list.length / rows);
    if (left > 0 && left + columns * cellW > wide / bands + cellW) {
      left = 0;
      top += rows * cellH + box.bandY;
    }
    const tall = Math.ceil(list.length / columns);
    const y0 = top + ((rows - tall) * cellH) / 2;
    list.forEach((v, i) => {
      x[v] = left + (i % columns) * cellW;
      y[v] = y0 + Math.floor(i / columns) * cellH + box.h / 2;
    });
    blocks.push({ x: left, y: y0, columns, rows: tall, w: columns * cellW - box.cellX, nodes: Int32Array.from(list) });
    left += columns * cellW + box.gapX;
  }
  const w = new Float32Array(n).fill(box.w);
  return { x, y, w, blocks, routes: null, wrapped: true, bundles: bundle({ from, to }, rank, y, blocks) };
}

const widthFor = (ranks: readonly (readonly number[])[], rows: number): number =>
  ranks.reduce((sum, list) => sum + Math.ceil(list.length / rows) * cellW + box.gapX, 0);

/** How many rows give the window's shape, by halving. */
function rowsFor(ranks: readonly (readonly number[])[], aspect: number): number {
  let low = 1;
  let high = ranks.reduce((most, list) => Math.max(most, list.length), 1);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (widthFor(ranks, middle) / (middle * cellH) <= aspect) high = middle;
    else low = middle + 1;
  }
  return low;
}

const bins = 14;
const bundlesMax = 6_000;

interface Bundle {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  count: number;
  isSingle: boolean;
}

function bundle(
  { from, to }: Pick<GraphInput, "from" | "to">,
  rank: Int32Array,
  y: Float32Array,
  blocks: readonly Block[],
): Float32Array {
  const found = new Map<number, Bundle>();
  const binOf = (v: number, { y: top, rows }: Block) =>
    Math.min(bins - 1, Math.floor(((y[v]! - top) / (rows * cellH)) * bins));
  for (let e = 0; e < from.length; e++) {
    const [parent, child] = [from[e]!, to[e]!];
    const [a, b] = [blocks[rank[parent]!]!, blocks[rank[child]!]!];
    const key = ((rank[parent]! * 65_536 + rank[child]!) * bins + binOf(parent, a)) * bins + binOf(child, b);
    const seen = found.get(key);
    if (seen) {
      seen.count++;
      seen.y1 += y[parent]!;
      seen.y2 += y[child]!;
    } else if (b.x > a.x) {
      const isSingle = a.columns === 1 && b.columns === 1;
      found.set(key, { x1: a.x + a.w, y1: y[parent]!, x2: b.x, y2: y[child]!, count: 1, isSingle });
    }
  }
  const list = [...found.values()].sort((p, q) => q.count - p.count).slice(0, bundlesMax);
  const flat = new Float32Array(list.length * 6);
  list.forEach(({ x1, y1, x2, y2, count, isSingle }, i) => {
    flat.set([x1, y1 / count, x2, y2 / count, count, isSingle ? 1 : 0], i * 6);
  });
  return flat;
}
