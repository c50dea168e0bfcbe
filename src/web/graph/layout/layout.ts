// The layered layout of a DAG in the time of tasks plus edges. Pure: the worker calls it, and so do the tests. Which of the two
// ends a graph gets depends on its size alone, so that it never jumps from one to the other while it runs.
import { adjacency, ranksOf } from "./adjacency.ts";
import { layoutPlain } from "./plain.ts";
import type { GraphInput, Layout } from "./types.ts";
import { layoutWrapped } from "./wrapped.ts";

/** Beyond any of these a drawing with single edges is a ball of wool. */
const plainMax = { tasks: 1_500, wide: 40, deep: 60, cuts: 6_000 } as const;

export function layout(input: GraphInput): Layout {
  const { n, from, to } = input;
  const children = adjacency(n, from, to);
  const parents = adjacency(n, to, from);
  const edgeInto = adjacency(
    n,
    to,
    Int32Array.from(from, (_, e) => e),
  ).list;
  const rank = ranksOf(n, children, parents);
  const placed = isPlain(input, rank) ? layoutPlain(input, rank) : layoutWrapped(input, rank, { children, parents });
  return { ...placed, rank, children, parents, edgeInto };
}

function isPlain({ n, from, to }: GraphInput, rank: Int32Array): boolean {
  const widths = new Map<number, number>();
  for (const r of rank) widths.set(r, (widths.get(r) ?? 0) + 1);
  let cuts = 0;
  for (let e = 0; e < from.length; e++) cuts += rank[to[e]!]! - rank[from[e]!]! - 1;
  const widest = Math.max(0, ...widths.values());
  const { tasks, wide, deep, cuts: cutsMax } = plainMax;
  return n <= tasks && widest <= wide && widths.size <= deep && cuts <= cutsMax;
}
