// The graph as a thing on a canvas: it owns the window on the layout, paints when something has changed, and moves by mouse,
// touch and call. While frames come late it uses fewer pixels, until it rests.
import type { BatchStore } from "../../data/batch-store.ts";
import { box, type Layout } from "../layout/types.ts";
import { boundsOf, type Drawing, FAILURE, hit, type Window2d } from "./drawing.ts";
import { makeGlyphs } from "./glyphs.ts";
import { drawMinimap, isMinimapWanted, type Minimap, minimapPlace, paintMinimap } from "./minimap.ts";
import { paint } from "./paint.ts";
import { type Theme, themes } from "./theme.ts";

const readableScale = 0.55;
const [zoomMin, zoomMax] = [0.01, 2];

export class GraphView {
  readonly view: Window2d = { k: 1, x: 0, y: 0, width: 1, height: 1 };
  readonly #canvas: HTMLCanvasElement;
  readonly #ink: CanvasRenderingContext2D;
  readonly #store: BatchStore;
  readonly #labels = new Map<number, string>();
  #theme: Theme = themes.light;
  #glyphs = makeGlyphs(themes.light, 1);
  #layout: Layout | undefined;
  #selected = -1;
  #dim: Uint8Array | null = null;
  #map: Minimap | undefined;
  #mapAt = 0;
  #mapVersion = 0;
  #quality = 1;
  #late = 0;
  #before = 0;
  #asked = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  /** Of the last frames, what painting took, in milliseconds. */
  readonly #times: number[] = [];

  constructor(canvas: HTMLCanvasElement, store: BatchStore) {
    this.#canvas = canvas;
    this.#store = store;
    this.#ink = canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;
  }

  get layout(): Layout | undefined {
    return this.#layout;
  }
  get isShown(): boolean {
    return this.#layout !== undefined;
  }

  setTheme(name: "light" | "dark"): void {
    this.#theme = themes[name];
    this.#glyphs = makeGlyphs(this.#theme, devicePixelRatio);
    this.#map = undefined;
    this.draw();
  }

  /** A canvas does not wait for fonts. */
  fontsCame(): void {
    this.#labels.clear();
    this.draw();
  }

  resize(width: number, height: number): void {
    this.view.width = width;
    this.view.height = height;
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    this.#setQuality(devicePixelRatio);
    this.#paint(performance.now(), false);
  }

  /** A new layout; the selected task stays where it is on the screen. */
  show(layout: Layout): void {
    const before = this.#layout;
    const kept = this.#selected;
    const was = before && kept >= 0 && kept < before.x.length ? this.#screenOf(before, kept) : undefined;
    this.#layout = layout;
    this.#labels.clear();
    this.#map = undefined;
    if (before === undefined) this.open();
    else if (was) this.zoomTo(this.view.k, layout.x[kept]!, layout.y[kept]!, was.x, was.y);
    this.draw();
  }

  #screenOf({ x, y }: Layout, v: number) {
    return { x: x[v]! * this.view.k + this.view.x, y: y[v]! * this.view.k + this.view.y };
  }

  /** Whole where labels stay readable, else at the first failure, or at what runs. */
  open(): void {
    this.fit();
    const layout = this.#layout;
    if (layout === undefined || layout.wrapped || this.view.k > readableScale) return;
    const first = [this.#selected, ...[FAILURE, 3, 1, 0].map((state) => this.#store.state.indexOf(state))];
    this.center(first.find((v) => v >= 0) ?? 0, 0.86);
  }

  fit(): void {
    if (this.#layout === undefined) return;
    const { view } = this;
    const { x0, y0, x1, y1 } = boundsOf(this.#layout, this.#store.ids.length);
    view.k = Math.min(1.15, Math.max(zoomMin, Math.min((view.width - 48) / (x1 - x0), (view.height - 72) / (y1 - y0))));
    view.x = (view.width - (x1 - x0) * view.k) / 2 - x0 * view.k;
    view.y = (view.height - (y1 - y0) * view.k) / 2 - y0 * view.k;
    this.draw();
  }

  center(v: number, k = Math.max(this.view.k, readableScale)): void {
    if (this.#layout === undefined || v < 0) return;
    const { x, y, w } = this.#layout;
    this.zoomTo(k, x[v]! + w[v]! / 2, y[v]!, this.view.width * 0.45, this.view.height * 0.45);
  }

  /** Moves only as far as it must for the task to be in the window. */
  reveal(v: number): void {
    if (this.#layout === undefined || v < 0) return;
    const { x, y } = this.#screenOf(this.#layout, v);
    const w = this.#layout.w[v]! * this.view.k;
    const isIn = x > 8 && x + w < this.view.width - 8 && y > 20 && y < this.view.height - 20;
    if (!isIn || box.h * this.view.k < 11) this.center(v);
    else this.draw();
  }

  zoomTo(k: number, cx: number, cy: number, px = this.view.width / 2, py = this.view.height / 2): void {
    const { view } = this;
    view.k = Math.min(zoomMax, Math.max(zoomMin, k));
    view.x = px - cx * view.k;
    view.y = py - cy * view.k;
    this.draw();
  }

  zoomBy(factor: number, px = this.view.width / 2, py = this.view.height / 2): void {
    const { k, x, y } = this.view;
    this.zoomTo(k * factor, (px - x) / k, (py - y) / k, px, py);
    this.draw(true);
  }

  pan(dx: number, dy: number): void {
    this.view.x += dx;
    this.view.y += dy;
    this.draw(true);
  }

  select(v: number): void {
    this.#selected = v;
    this.draw();
  }

  setDim(dim: Uint8Array | null): void {
    this.#dim = dim;
    this.draw();
  }

  taskAt(px: number, py: number): number {
    const drawing = this.#drawing();
    return drawing ? hit(drawing, px, py) : -1;
  }

  /** A point of the minimap moves the window there. */
  jump(px: number, py: number): boolean {
    const map = this.#map;
    if (!map || !isMinimapWanted(map, this.view)) return false;
    const { left, top } = minimapPlace(map, this.view.width, this.view.height);
    if (px < left || py < top || px > left + map.w || py > top + map.h) return false;
    this.zoomTo(this.view.k, map.bounds.x0 + (px - left - 6) / map.k, map.bounds.y0 + (py - top - 6) / map.k);
    return true;
  }

  /** With the next frame. */
  draw(isMoving = false): void {
    cancelAnimationFrame(this.#asked);
    this.#asked = requestAnimationFrame((now) => this.#paint(now, isMoving));
  }

  close(): void {
    cancelAnimationFrame(this.#asked);
    clearTimeout(this.#rest);
  }

  #drawing(): Drawing | undefined {
    const layout = this.#layout;
    if (layout === undefined || layout.rank.length !== this.#store.ids.length) return undefined;
    const { view } = this;
    const [store, theme, glyphs, labels] = [this.#store, this.#theme, this.#glyphs, this.#labels];
    return { store, layout, view, theme, glyphs, selected: this.#selected, dim: this.#dim, labels };
  }

  #paint(now: number, isMoving: boolean): void {
    this.#adapt(now, isMoving);
    const began = performance.now();
    const drawing = this.#drawing();
    if (!drawing) {
      this.#ink.setTransform(1, 0, 0, 1, 0, 0);
      this.#ink.fillStyle = this.#theme.bg;
      this.#ink.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
      return;
    }
    paint(this.#ink, drawing, this.#quality);
    if (drawing.store.ids.length > 1) {
      const isOld = this.#mapVersion !== drawing.store.version && now - this.#mapAt > 500;
      if (!this.#map || isOld) {
        this.#map = drawMinimap(drawing);
        [this.#mapAt, this.#mapVersion] = [now, drawing.store.version];
      }
      if (isMinimapWanted(this.#map, this.view)) paintMinimap(this.#ink, this.#map, drawing, this.#quality);
    }
    this.#times.push(performance.now() - began);
    if (this.#times.length > 60) this.#times.shift();
    if (isMoving) this.#canvas.parentElement?.setAttribute("data-paint-ms", this.#slowest());
  }

  /** Of the last frames, what 95 in 100 took at most. */
  #slowest(): string {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return (sorted[Math.floor(sorted.length * 0.95)] ?? 0).toFixed(1);
  }

  #adapt(now: number, isMoving: boolean): void {
    const gap = now - this.#before;
    this.#before = now;
    this.#late = isMoving && gap < 400 ? (gap > 24 ? this.#late + 1 : Math.max(0, this.#late - 0.1)) : 0;
    if (this.#late >= 3 && this.#quality > 0.5) {
      this.#late = 0;
      this.#setQuality(Math.max(0.5, this.#quality * 0.75));
    }
    clearTimeout(this.#rest);
    if (!isMoving || this.#quality >= devicePixelRatio) return;
    this.#rest = setTimeout(() => {
      this.#setQuality(devicePixelRatio);
      this.draw();
    }, 160);
  }

  #setQuality(quality: number): void {
    this.#quality = quality;
    this.#canvas.width = Math.max(1, Math.round(this.view.width * quality));
    this.#canvas.height = Math.max(1, Math.round(this.view.height * quality));
  }
}
