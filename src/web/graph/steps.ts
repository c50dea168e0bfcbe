// Walking the graph by keys, and what a task is called for those who cannot see it.
import type { BatchStore } from "../data/batch-store.ts";
import { states } from "../data/states.ts";
import { degree } from "./layout/adjacency.ts";
import type { Adjacency, Layout } from "./layout/types.ts";

const first = (side: Adjacency, v: number, y: Float32Array): number | undefined => {
  const near = Array.from(side.list.subarray(side.start[v]!, side.start[v + 1]!));
  return near.sort((a, b) => Math.abs(y[a]! - y[v]!) - Math.abs(y[b]! - y[v]!))[0];
};

/** Left: the nearest parent; right: the nearest child; up and down: neighbours of the rank; `[` and `]`: failures. */
export function stepFrom(store: BatchStore, layout: Layout, at: number, key: string): number | undefined {
  if (key === "[" || key === "]") return failureFrom(store, at, key === "]" ? 1 : -1);
  if (!key.startsWith("Arrow")) return undefined;
  if (at < 0) return layout.blocks[0]?.nodes[0];
  if (key === "ArrowLeft") return first(layout.parents, at, layout.y) ?? at;
  if (key === "ArrowRight") return first(layout.children, at, layout.y) ?? at;
  const nodes = layout.blocks[layout.rank[at]!]!.nodes;
  const place = nodes.indexOf(at) + (key === "ArrowDown" ? 1 : -1);
  return nodes[Math.max(0, Math.min(nodes.length - 1, place))];
}

function failureFrom({ state }: BatchStore, at: number, step: 1 | -1): number | undefined {
  for (let i = 1; i <= state.length; i++) {
    const v = (at + step * i + state.length * 2) % state.length;
    if (state[v] === 7) return v;
  }
  return undefined;
}

/** "publish-image, Failure, level 4 of 9, 6 parents, 1 child". */
export function textOf({ names, state }: BatchStore, layout: Layout | undefined, v: number): string {
  if (v < 0) return "Nothing is selected.";
  const name = `${names[v]}, ${states[state[v]!]}`;
  if (layout === undefined || v >= layout.rank.length) return name;
  const [parents, children] = [degree(layout.parents, v), degree(layout.children, v)];
  const family = `${parents} ${parents === 1 ? "parent" : "parents"}, ${children} ${children === 1 ? "child" : "children"}`;
  return `${name}, level ${layout.rank[v]! + 1} of ${layout.blocks.length}, ${family}`;
}
