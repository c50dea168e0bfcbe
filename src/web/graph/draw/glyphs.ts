// The ten shapes of the states on a canvas; parts/state.tsx has the same outlines as SVG. The shape carries what colour cannot.
import { states } from "../../data/states.ts";
import type { Theme } from "./theme.ts";

type Ink = OffscreenCanvasRenderingContext2D;
type Shape = (c: Ink, r: number, glyph: string) => void;

function disc(c: Ink, r: number): void {
  c.beginPath();
  c.arc(0, 0, r, 0, 7);
}

function lines(c: Ink, ...paths: readonly (readonly number[])[]): void {
  c.beginPath();
  for (const [x = 0, y = 0, ...rest] of paths) {
    c.moveTo(x, y);
    for (let i = 0; i < rest.length; i += 2) c.lineTo(rest[i]!, rest[i + 1]!);
  }
  c.stroke();
}

function ring(c: Ink, r: number): void {
  disc(c, r);
  c.stroke();
}

function filled(c: Ink, r: number, glyph: string): void {
  disc(c, r);
  c.fill();
  c.strokeStyle = c.fillStyle = glyph;
}

const shapes: readonly Shape[] = [
  (c, r) => {
    c.setLineDash([2.2, 2.6]);
    ring(c, r);
  },
  (c, r) => {
    ring(c, r);
    lines(c, [0, -r * 0.5, 0, 0, r * 0.42, r * 0.25]);
  },
  (c, r) => {
    ring(c, r);
    c.beginPath();
    c.arc(0, 0, r, Math.PI / 2, -Math.PI / 2);
    c.fill();
  },
  (c, r, glyph) => {
    filled(c, r, glyph);
    c.beginPath();
    c.moveTo(-r * 0.28, -r * 0.46);
    c.lineTo(r * 0.52, 0);
    c.lineTo(-r * 0.28, r * 0.46);
    c.fill();
  },
  (c, r) => {
    c.beginPath();
    c.arc(0, 0, r, -0.3, 4.4);
    c.stroke();
    lines(c, [r * 0.2, -r * 1.02, -r * 0.34, -r * 0.96, -r * 0.16, -r * 0.42]);
  },
  (c, r) => {
    c.beginPath();
    c.roundRect(-r * 0.78, -r * 0.9, r * 0.56, r * 1.8, 1);
    c.roundRect(r * 0.22, -r * 0.9, r * 0.56, r * 1.8, 1);
    c.fill();
  },
  (c, r, glyph) => {
    filled(c, r, glyph);
    lines(c, [-r * 0.45, r * 0.05, -r * 0.1, r * 0.4, r * 0.5, -r * 0.35]);
  },
  (c, r, glyph) => {
    c.beginPath();
    c.roundRect(-r, -r, 2 * r, 2 * r, 2);
    c.fill();
    c.strokeStyle = glyph;
    lines(c, [-r * 0.45, -r * 0.45, r * 0.45, r * 0.45], [r * 0.45, -r * 0.45, -r * 0.45, r * 0.45]);
  },
  (c, r) => {
    ring(c, r);
    lines(c, [-r * 0.68, r * 0.68, r * 0.68, -r * 0.68]);
  },
  (c, r) => {
    lines(c, [-r * 0.8, -r * 0.7, -r * 0.1, 0, -r * 0.8, r * 0.7], [r * 0.1, -r * 0.7, r * 0.8, 0, r * 0.1, r * 0.7]);
  },
];

export type Glyphs = readonly OffscreenCanvas[];

/** One small picture for each state, 20 by 20 pixels of the page. */
export const makeGlyphs = (theme: Theme, scale: number): Glyphs =>
  states.map((_, state) => {
    const canvas = new OffscreenCanvas(20 * scale, 20 * scale);
    const c = canvas.getContext("2d")!;
    c.scale(scale, scale);
    c.translate(10, 10);
    c.lineWidth = 1.7;
    c.lineCap = c.lineJoin = "round";
    c.strokeStyle = c.fillStyle = theme.state[state]!;
    shapes[state]!(c, 6.2, theme.glyph);
    return canvas;
  });
