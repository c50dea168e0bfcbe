// What is painted: the batch, its layout, the window on it, and what is selected or dimmed. And which tasks the window shows: a
// block knows its grid, so no index is needed.
import type { BatchStore } from "../../data/batch-store.ts";
import { box, type Layout } from "../layout/types.ts";
import type { Glyphs } from "./glyphs.ts";
import type { Theme } from "./theme.ts";

export interface Window2d {
  /** Pixels for one unit of the layout, and where its origin is. */
  k: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Drawing {
  readonly store: BatchStore;
  readonly layout: Layout;
  readonly view: Window2d;
  readonly theme: Theme;
  readonly glyphs: Glyphs;
  readonly selected: number;
  /** 1: this task does not match the search, or is hidden. */
  readonly dim: Uint8Array | null;
  readonly labels: Map<number, string>;
}

export const fonts = '"Inter Variable", system-ui, sans-serif';
export const FAILURE = 7;
export const RUNNING = 3;

export interface Frame {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export const frameOf = ({ k, x, y, width, height }: Window2d, margin = 40): Frame => ({
  ...{ x0: -x / k - margin, y0: -y / k - margin },
  ...{ x1: (width - x) / k + margin, y1: (height - y) / k + margin },
});

export function visible({ blocks, wrapped, y }: Layout, frame: Frame): number[] {
  const list: number[] = [];
  for (const block of blocks) {
    if (block.x + block.w < frame.x0 || block.x > frame.x1) continue;
    if (wrapped) addGrid(list, block, frame);
    else for (const v of block.nodes) if (y[v]! + box.h > frame.y0 && y[v]! - box.h < frame.y1) list.push(v);
  }
  return list;
}

function addGrid(list: number[], { x, y, rows, columns, nodes }: Layout["blocks"][number], frame: Frame): void {
  const [cellW, cellH] = [box.w + box.cellX, box.h + box.cellY];
  const firstRow = Math.max(0, Math.floor((frame.y0 - y) / cellH));
  const lastRow = Math.min(rows - 1, Math.floor((frame.y1 - y) / cellH));
  const first = Math.max(0, Math.floor((frame.x0 - x) / cellW));
  const last = Math.min(columns - 1, Math.floor((frame.x1 - x) / cellW));
  for (let r = firstRow; r <= lastRow; r++)
    for (let i = r * columns + first; i <= r * columns + last && i < nodes.length; i++) list.push(nodes[i]!);
}

/** The box of all tasks. */
export function boundsOf({ x, y, w }: Layout, n: number): Frame {
  let [x0, y0, x1, y1] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, Number.NEGATIVE_INFINITY];
  for (let v = 0; v < n; v++) {
    x0 = Math.min(x0, x[v]!);
    x1 = Math.max(x1, x[v]! + w[v]!);
    y0 = Math.min(y0, y[v]! - box.h / 2);
    y1 = Math.max(y1, y[v]! + box.h / 2);
  }
  return n === 0 ? { x0: 0, y0: 0, x1: 1, y1: 1 } : { x0, y0, x1, y1 };
}

/** The task under a point of the window; -1: none. */
export function hit({ store, layout, view }: Drawing, px: number, py: number): number {
  const at = { x: (px - view.x) / view.k, y: (py - view.y) / view.k };
  const slack = Math.max(0, 4 / view.k - 2);
  const near = { x0: at.x - slack, y0: at.y - slack, x1: at.x + slack, y1: at.y + slack };
  const isIn = (v: number) =>
    v < store.ids.length &&
    at.x >= layout.x[v]! - slack &&
    at.x <= layout.x[v]! + layout.w[v]! + slack &&
    Math.abs(at.y - layout.y[v]!) <= box.h / 2 + slack;
  return visible(layout, near).find(isIn) ?? -1;
}
