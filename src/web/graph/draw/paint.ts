// Paints one frame afresh, without a drawing graph. How much of a task is drawn goes by how tall its box is on the screen: under 6
// pixels its colour, under 11 a tint with a bar, else box, shape and label. Failures come last, and stay visible at any size.
import { states } from "../../data/states.ts";
import { box } from "../layout/types.ts";
import { type Drawing, FAILURE, fonts, frameOf, RUNNING, visible } from "./drawing.ts";
import { drawBundles, drawEdges, singleEdges } from "./edges.ts";

type Ink = CanvasRenderingContext2D;

const [WAITING, SUCCESS, CANCELED, SKIPPED] = [0, 6, 8, 9];

export function paint(c: Ink, drawing: Drawing, quality: number): void {
  const { view, theme, layout, store } = drawing;
  c.setTransform(quality, 0, 0, quality, 0, 0);
  c.fillStyle = theme.bg;
  c.fillRect(0, 0, view.width, view.height);
  const frame = frameOf(view);
  const nodes = visible(layout, frame);
  const tall = box.h * view.k;
  c.setTransform(quality * view.k, 0, 0, quality * view.k, view.x * quality, view.y * quality);
  if (layout.wrapped) {
    const near = tall >= 11 && nodes.length < 1_500;
    paintBlocks(c, drawing);
    drawBundles(c, drawing, frame, near);
    if (near) drawEdges(c, drawing, singleEdges(drawing, nodes));
    else if (drawing.selected >= 0) drawEdges(c, drawing, edgesOf(drawing));
  } else drawEdges(c, drawing, store.from.keys());
  const groups = states.map((): number[] => []);
  for (const v of nodes) groups[store.state[v]!]!.push(v);
  c.setTransform(quality, 0, 0, quality, 0, 0);
  groups.forEach((list, state) => {
    if (state !== FAILURE) for (const v of list) paintTask(c, drawing, v, state, tall);
  });
  for (const v of groups[FAILURE]!) paintTask(c, drawing, v, FAILURE, tall);
  if (drawing.selected >= 0) paintSelected(c, drawing, tall);
  if (layout.wrapped && layout.blocks.length < 400) nameBlocks(c, drawing);
}

function edgesOf({ layout: { parents, edgeInto, children }, store, selected }: Drawing): number[] {
  const into = Array.from(edgeInto.subarray(parents.start[selected]!, parents.start[selected + 1]!));
  const out: number[] = [];
  if (children.start[selected + 1]! - children.start[selected]! < 2_000)
    for (let e = 0; e < store.from.length; e++) if (store.from[e] === selected) out.push(e);
  return [...into, ...out];
}

function paintBlocks(c: Ink, { layout: { blocks }, theme }: Drawing): void {
  c.fillStyle = theme.block;
  for (const block of blocks)
    if (block.rows > 1 || blocks.length < 400)
      c.fillRect(block.x - 10, block.y - 10, block.w + 20, block.rows * (box.h + box.cellY) + 14);
}

function nameBlocks(c: Ink, { layout: { blocks }, theme, view }: Drawing): void {
  c.fillStyle = theme.soft;
  c.font = `12px ${fonts}`;
  blocks.forEach(({ x, y, w, nodes }, r) => {
    const wide = w * view.k;
    if (wide <= 36 && nodes.length <= 400) return;
    const count = nodes.length.toLocaleString("en-GB");
    c.fillText(
      wide > 100 ? `level ${r + 1} · ${count}` : count,
      x * view.k + view.x,
      y * view.k + view.y - 10 * view.k - 6,
    );
  });
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

function placeOf({ layout, view }: Drawing, v: number, tall: number): Place {
  const w = Math.max(1, layout.w[v]! * view.k - (tall < 6 ? 0.6 : 0));
  return { x: layout.x[v]! * view.k + view.x, y: (layout.y[v]! - box.h / 2) * view.k + view.y, w, h: tall };
}

function paintTask(c: Ink, drawing: Drawing, v: number, state: number, tall: number): void {
  const place = placeOf(drawing, v, tall);
  const isDim = drawing.dim?.[v] === 1;
  if (tall < 6) paintDot(c, drawing, place, state, isDim);
  else if (tall < 11) paintBar(c, drawing, place, state, isDim);
  else paintBox(c, drawing, v, state, place, isDim);
  c.globalAlpha = 1;
}

function paintDot(c: Ink, { theme }: Drawing, { x, y, w, h }: Place, state: number, isDim: boolean): void {
  const lift = state === FAILURE && !isDim ? Math.max(0, 5 - h) / 2 : 0;
  c.fillStyle = theme.state[state]!;
  c.globalAlpha = isDim ? 0.12 : state === WAITING ? 0.55 : state === SUCCESS ? 0.8 : 1;
  c.fillRect(x - lift, y - lift, w + 2 * lift, Math.max(1, h * 0.9) + 2 * lift);
}

function paintBar(c: Ink, { theme }: Drawing, { x, y, w, h }: Place, state: number, isDim: boolean): void {
  c.fillStyle = theme.state[state]!;
  c.globalAlpha = isDim ? 0.08 : state === WAITING ? 0.18 : 0.32;
  c.fillRect(x, y, w, h);
  c.globalAlpha = isDim ? 0.15 : state === WAITING ? 0.6 : 1;
  c.fillRect(x, y, state === FAILURE ? w : Math.max(3, w * 0.16), h);
}

function paintBox(c: Ink, drawing: Drawing, v: number, state: number, { x, y, w, h }: Place, isDim: boolean): void {
  const { theme, view, glyphs } = drawing;
  const big = Math.min(1.25, Math.max(0.74, view.k));
  const pad = Math.min(6, 6 * view.k);
  c.globalAlpha = isDim ? 0.25 : 1;
  c.beginPath();
  c.roundRect(x, y, w, h, 6 * view.k);
  c.fillStyle = theme.box;
  c.fill();
  c.lineWidth = state === FAILURE ? 1.6 : 1;
  c.strokeStyle = state === FAILURE || state === RUNNING ? theme.state[state]! : theme.line;
  if (state === WAITING) c.setLineDash([4, 3]);
  c.stroke();
  c.setLineDash([]);
  c.drawImage(glyphs[state]!, x + pad, y + h / 2 - 10 * big, 20 * big, 20 * big);
  c.fillStyle = state === WAITING || state === CANCELED || state === SKIPPED ? theme.soft : theme.text;
  c.font = `${state === FAILURE ? 600 : 400} ${Math.round(12.5 * big * 2) / 2}px ${fonts}`;
  c.textBaseline = "middle";
  c.fillText(labelOf(c, drawing, v, w - 22 * big - 2 * pad), x + pad + 21 * big, y + h / 2 + 0.5);
  c.textBaseline = "alphabetic";
}

/** Cut once for each width. */
function labelOf(c: Ink, { labels, store }: Drawing, v: number, width: number): string {
  const key = v * 64 + Math.min(63, Math.round(width / 8));
  const known = labels.get(key);
  if (known !== undefined) return known;
  let text = store.names[v]!;
  if (c.measureText(text).width > width) {
    while (text.length > 1 && c.measureText(`${text}…`).width > width) text = text.slice(0, -1);
    text += "…";
  }
  if (labels.size > 20_000) labels.clear();
  labels.set(key, text);
  return text;
}

function paintSelected(c: Ink, drawing: Drawing, tall: number): void {
  const { x, y, w, h } = placeOf(drawing, drawing.selected, tall);
  c.lineWidth = 2.5;
  c.strokeStyle = drawing.theme.text;
  c.beginPath();
  const grow = tall < 11 ? 3 : 1.5;
  c.roundRect(x - grow, y - grow, w + 2 * grow, h + 2 * grow, 6 * drawing.view.k + grow);
  c.stroke();
}
