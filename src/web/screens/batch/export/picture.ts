// The graph of a batch as a picture in SVG, for a page that stands alone: the same layout as on the screen. Pure.

import type { TaskStatus } from "../../../../sdk/client.ts";
import { box, type Layout } from "../../../graph/layout/types.ts";
import { escaped } from "./escaped.ts";

export interface Drawn {
  readonly names: readonly string[];
  readonly states: readonly TaskStatus[];
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
}

const margin = 16;
const widthPerLetter = 6.7;

export function pictureOf({ names, states, from, to }: Drawn, layout: Layout): string {
  const { x, y, w } = layout;
  const all = Array.from(names.keys());
  const most = (of: (i: number) => number) => all.reduce((most, i) => Math.max(most, of(i)), Number.NEGATIVE_INFINITY);
  const top = -most((i) => -(y[i] ?? 0)) - box.h / 2 - margin;
  const left = -most((i) => -(x[i] ?? 0)) - margin;
  const right = most((i) => (x[i] ?? 0) + (w[i] ?? 0)) + margin;
  const bottom = most((i) => y[i] ?? 0) + box.h / 2 + margin;
  const size = `${left.toFixed(0)} ${top.toFixed(0)} ${(right - left).toFixed(0)} ${(bottom - top).toFixed(0)}`;
  const edges = Array.from(from, (parent, e) => edge(layout, parent, to[e] ?? 0));
  const boxes = all.map((i) => task(names[i] ?? "", states[i] ?? "Waiting", x[i] ?? 0, y[i] ?? 0, w[i] ?? 0));
  return `<svg viewBox="${size}" role="img" aria-label="The graph">${edges.join("")}${boxes.join("")}</svg>`;
}

function edge({ x, y, w }: Layout, parent: number, child: number): string {
  const [x1, y1] = [(x[parent] ?? 0) + (w[parent] ?? 0), y[parent] ?? 0];
  const [x2, y2] = [x[child] ?? 0, y[child] ?? 0];
  const middle = (x1 + x2) / 2;
  const points = [x1, y1, middle, y1, middle, y2, x2, y2].map((n) => n.toFixed(1));
  return `<path class="edge" d="M${points[0]} ${points[1]}C${points.slice(2).join(" ")}"/>`;
}

function task(name: string, state: TaskStatus, x: number, y: number, w: number): string {
  const most = Math.max(3, Math.floor((w - 16) / widthPerLetter));
  const label = name.length > most ? `${name.slice(0, most - 1)}…` : name;
  const place = `x="${x.toFixed(1)}" y="${(y - box.h / 2).toFixed(1)}" width="${w.toFixed(1)}" height="${box.h}"`;
  return (
    `<g class="${state}"><title>${escaped(name)}: ${state}</title><rect rx="5" ${place}/>` +
    `<text x="${(x + 9).toFixed(1)}" y="${(y + 4).toFixed(1)}">${escaped(label)}</text></g>`
  );
}
