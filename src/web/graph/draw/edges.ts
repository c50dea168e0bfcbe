// Edges: single ones where they can be seen apart, grouped by look so that one look is one stroke; else bundles.
import { type Drawing, FAILURE, type Frame } from "./drawing.ts";

type Ink = CanvasRenderingContext2D;

function curve(c: Ink, x1: number, y1: number, x2: number, y2: number): void {
  const bend = Math.max(18, Math.abs(x2 - x1) * 0.45);
  c.moveTo(x1, y1);
  c.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
}

function drawEdge(c: Ink, { store, layout, view }: Drawing, e: number): void {
  const { x, y, w } = layout;
  const child = store.to[e]!;
  const way = layout.routes?.[e] ?? [store.from[e]!, child];
  let px = x[way[0]!]! + w[way[0]!]!;
  let py = y[way[0]!]!;
  for (let i = 1; i < way.length; i++) {
    const v = way[i]!;
    const isLast = i === way.length - 1;
    const nx = isLast ? x[child]! - 5 : x[v]!;
    curve(c, px, py, nx, y[v]!);
    [px, py] = [nx, y[v]!];
    if (isLast) continue;
    px = nx + w[v]!;
    c.lineTo(px, py);
  }
  if (view.k <= 0.35) return;
  c.moveTo(px - 5, py - 3.5);
  c.lineTo(px, py);
  c.lineTo(px - 5, py + 3.5);
}

/** By look: needs success, always, on failure; the way that a failure took; edges of the selected task. */
const dashes: readonly (readonly number[])[] = [[], [1.5, 4], [7, 4], [], [], [1.5, 4], [7, 4]];
const lookOf = (kind: number): number => (kind === 3 ? 2 : kind === 4 || kind === 2 ? 1 : 0);

export function drawEdges(c: Ink, drawing: Drawing, edges: Iterable<number>): void {
  const { store, theme, view, selected, dim } = drawing;
  const groups: number[][] = dashes.map(() => []);
  for (const e of edges) {
    const [parent, child] = [store.from[e]!, store.to[e]!];
    if (dim && (dim[parent] || dim[child])) continue;
    const isLit = store.state[parent] === FAILURE && store.state[child] === FAILURE;
    const isMine = parent === selected || child === selected;
    const look = lookOf(store.edgeKind[e]!);
    groups[isLit ? 3 : isMine ? look + 4 : look]!.push(e);
  }
  groups.forEach((list, look) => {
    if (list.length === 0) return;
    c.strokeStyle = look === 3 ? theme.state[FAILURE]! : look >= 4 ? theme.text : theme.edge;
    c.lineWidth = (look >= 3 ? 2 : 1.25) / Math.min(1, Math.max(view.k, 0.6));
    c.setLineDash([...dashes[look]!]);
    c.beginPath();
    for (const e of list) drawEdge(c, drawing, e);
    c.stroke();
  });
  c.setLineDash([]);
}

/** Lines for many edges, the wider the more; `near`: those that are drawn singly are left out. */
export function drawBundles(c: Ink, { layout, theme, view }: Drawing, frame: Frame, near: boolean): void {
  const bundles = layout.bundles;
  if (bundles === null) return;
  c.strokeStyle = theme.edge;
  for (let weight = 0; weight < 4; weight++) {
    c.globalAlpha = 0.16 + weight * 0.16;
    c.lineWidth = Math.min(6, (0.7 + weight * 0.9) / view.k);
    c.beginPath();
    for (let i = 0; i < bundles.length; i += 6) {
      const [x1, x2, isSingle] = [bundles[i]!, bundles[i + 2]!, bundles[i + 5]!];
      if (Math.min(3, Math.log2(bundles[i + 4]!) >> 1) !== weight) continue;
      if ((near && isSingle) || x2 < frame.x0 || x1 > frame.x1) continue;
      curve(c, x1, bundles[i + 1]!, x2, bundles[i + 3]!);
    }
    c.stroke();
  }
  c.globalAlpha = 1;
}

/** Edges into these tasks that can be seen apart, and those of the selected one. */
export function singleEdges({ layout, selected }: Drawing, nodes: readonly number[]): number[] {
  const { parents, edgeInto, blocks, rank } = layout;
  const isAlone = (v: number) => blocks[rank[v]!]!.columns === 1;
  const found: number[] = [];
  for (const v of nodes)
    for (let i = parents.start[v]!; i < parents.start[v + 1]!; i++) {
      const parent = parents.list[i]!;
      if (parent === selected || v === selected || (isAlone(v) && isAlone(parent))) found.push(edgeInto[i]!);
    }
  return found;
}
