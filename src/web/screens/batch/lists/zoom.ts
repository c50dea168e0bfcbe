// Which part of the time of a batch a timeline shows, as two parts of 1: `0.25-0.5` in the address. Pure.

export interface Zoom {
  readonly from: number;
  readonly to: number;
}

export const wholeZoom: Zoom = { from: 0, to: 1 };
const narrowest = 0.0005;

export function zoomOf(text: string | undefined): Zoom {
  const [from = Number.NaN, to = Number.NaN] = (text ?? "").split("-").map(Number);
  return from >= 0 && to <= 1 && to - from >= narrowest ? { from, to } : wholeZoom;
}

/** Undefined where all is shown: the address says nothing then. */
export function zoomText({ from, to }: Zoom): string | undefined {
  return from <= 0 && to >= 1 ? undefined : `${round(from)}-${round(to)}`;
}

const round = (n: number): number => Math.round(n * 1e5) / 1e5;

/** `at` stays where it is: a part of the whole. */
export function zoomedBy({ from, to }: Zoom, factor: number, at = (from + to) / 2): Zoom {
  const wide = Math.min(1, Math.max(narrowest, (to - from) / factor));
  const left = at - ((at - from) / (to - from)) * wide;
  return placed(left, wide);
}

/** By so much of what is shown. */
export const pannedBy = ({ from, to }: Zoom, part: number): Zoom => placed(from + (to - from) * part, to - from);

function placed(left: number, wide: number): Zoom {
  const from = Math.min(1 - wide, Math.max(0, left));
  return { from, to: from + wide };
}
