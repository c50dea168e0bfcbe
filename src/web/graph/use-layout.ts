// Asks the worker for a layout whenever the shape of the batch changes, at most once a second, and gives the newest.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { BatchStore } from "../data/batch-store.ts";
import type { GraphInput, Layout } from "./layout/types.ts";

export interface Laid {
  readonly layout: Layout;
  /** Which shape of the batch it is of. */
  readonly shape: number;
  /** What the layout took in the worker. */
  readonly ms: number;
}

const againMs = 1_000;

export function useLayout(store: BatchStore, width: number, height: number): Laid | undefined {
  const shape = useSyncExternalStore(store.subscribe, store.getShape);
  const [laid, setLaid] = useState<Laid>();
  const lastAt = useRef(Number.NEGATIVE_INFINITY);
  const isSized = width > 0 && height > 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the layout is for the size that the window has when it is asked for; a later size is only another view of it.
  useEffect(() => {
    if (!isSized || store.ids.length === 0) return;
    const worker = new Worker(new URL("./layout/layout-worker.ts", import.meta.url), { type: "module" });
    const wait = Math.max(0, lastAt.current + againMs - performance.now());
    const timer = setTimeout(() => {
      lastAt.current = performance.now();
      worker.onmessage = ({ data }: MessageEvent<{ result: Layout; ms: number }>) => {
        setLaid({ layout: data.result, shape, ms: data.ms });
        worker.terminate();
      };
      worker.postMessage({ id: shape, input: inputOf(store, width, height) });
    }, wait);
    return () => {
      clearTimeout(timer);
      worker.terminate();
    };
  }, [store, shape, isSized]);
  return laid;
}

function inputOf({ ids, names, from, to }: BatchStore, width: number, height: number): GraphInput {
  const labelWidth = Float32Array.from(names, (name) => 42 + name.length * 6.7);
  return { n: ids.length, from, to, labelWidth, width: Math.max(200, width - 48), height: Math.max(160, height - 72) };
}
