// The layout in a thread of its own, so that the page stays quick while a large graph is laid out.
import { layout } from "./layout.ts";
import type { GraphInput } from "./types.ts";

addEventListener("message", ({ data }: MessageEvent<{ readonly id: number; readonly input: GraphInput }>) => {
  const began = performance.now();
  const result = layout(data.input);
  const buffers = [result.x, result.y, result.w, result.rank, result.edgeInto].map(({ buffer }) => buffer);
  postMessage({ id: data.id, result, ms: performance.now() - began }, { transfer: buffers as ArrayBuffer[] });
});
