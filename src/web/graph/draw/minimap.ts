// The whole graph as a small picture, painted at most twice a second; only the frame of the window moves with every frame.
import { box } from "../layout/types.ts";
import { boundsOf, type Drawing, FAILURE, type Frame } from "./drawing.ts";

const [widest, tallest, pad, margin] = [170, 84, 6, 11];

export interface Minimap {
  readonly picture: OffscreenCanvas;
  readonly bounds: Frame;
  readonly k: number;
  readonly w: number;
  readonly h: number;
}

export function drawMinimap({ store, layout, theme }: Drawing): Minimap {
  const n = store.ids.length;
  const bounds = boundsOf(layout, n);
  const k = Math.min(widest / (bounds.x1 - bounds.x0), tallest / (bounds.y1 - bounds.y0));
  const [w, h] = [(bounds.x1 - bounds.x0) * k + 2 * pad, (bounds.y1 - bounds.y0) * k + 2 * pad];
  const picture = new OffscreenCanvas(Math.ceil(w * 2), Math.ceil(h * 2));
  const c = picture.getContext("2d")!;
  c.scale(2, 2);
  for (const isFailures of [false, true])
    for (let v = 0; v < n; v++) {
      if ((store.state[v] === FAILURE) !== isFailures) continue;
      const least = isFailures ? 3 : 1;
      c.fillStyle = theme.state[store.state[v]!]!;
      const [x, y] = [pad + (layout.x[v]! - bounds.x0) * k, pad + (layout.y[v]! - box.h / 2 - bounds.y0) * k];
      c.fillRect(x, y, Math.max(least, layout.w[v]! * k), Math.max(least, box.h * k));
    }
  return { picture, bounds, k, w, h };
}

/** Where it lies in the window. */
export const minimapPlace = ({ w, h }: Minimap, width: number, height: number) => ({
  ...{ left: width - w - margin, top: height - h - margin },
});

/** Where the window shows all, a small picture of all would only be in the way. */
export const isMinimapWanted = ({ bounds }: Minimap, { k, x, y, width, height }: Drawing["view"]): boolean =>
  bounds.x0 * k + x < 0 || bounds.y0 * k + y < 0 || bounds.x1 * k + x > width || bounds.y1 * k + y > height;

export function paintMinimap(
  c: CanvasRenderingContext2D,
  map: Minimap,
  { view, theme }: Drawing,
  quality: number,
): void {
  const { left, top } = minimapPlace(map, view.width, view.height);
  c.setTransform(quality, 0, 0, quality, 0, 0);
  c.fillStyle = theme.box;
  c.strokeStyle = theme.line;
  c.lineWidth = 1;
  c.beginPath();
  c.roundRect(left, top, map.w, map.h, 6);
  c.fill();
  c.stroke();
  c.drawImage(map.picture, left, top, map.w, map.h);
  const at = (px: number, from: number) => pad + (px - from) * map.k;
  const x0 = Math.max(0, at(-view.x / view.k, map.bounds.x0));
  const y0 = Math.max(0, at(-view.y / view.k, map.bounds.y0));
  const x1 = Math.min(map.w, at((view.width - view.x) / view.k, map.bounds.x0));
  const y1 = Math.min(map.h, at((view.height - view.y) / view.k, map.bounds.y0));
  if (x1 <= x0 || y1 <= y0) return;
  c.strokeStyle = theme.text;
  c.lineWidth = 1.3;
  c.strokeRect(left + x0, top + y0, x1 - x0, y1 - y0);
}
