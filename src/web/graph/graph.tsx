// The graph of a batch: the canvas with its tools, legend and keys. What is selected, hidden and searched is the caller's, since
// it stands in the address. The canvas is a picture; what has the focus is the frame round it, which names the selected task.
import { type KeyboardEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { BatchStore } from "../data/batch-store.ts";
import { theme } from "../data/prefs.ts";
import { states } from "../data/states.ts";
import { useStore } from "../data/store.ts";
import { GraphView } from "./draw/view.ts";
import { usePointer } from "./pointer.ts";
import type { GraphProps } from "./props.ts";
import { stepFrom, textOf } from "./steps.ts";
import { Legend, Tools } from "./tools.tsx";
import { type Laid, useLayout } from "./use-layout.ts";

export function Graph(props: GraphProps) {
  const { store, selected, hide, q, path } = props;
  const version = useSyncExternalStore(store.subscribe, store.getVersion);
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<GraphView>();
  const size = useSize(stage, view);
  const laid = useLayout(store, size.width, size.height);
  useView(canvas, store, setView);
  useShown(view, laid);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the states in the store.
  const dim = useMemo(() => dimOf(store, hide, q, path), [store, version, hide, q, path]);
  useEffect(() => view?.setDim(dim), [view, dim]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version is a new picture.
  useEffect(() => view?.draw(), [view, version]);
  useEffect(() => {
    view?.select(selected);
    if (view?.isShown) view.reveal(selected);
  }, [view, selected]);
  const tip = usePointer(stage, view, props);
  return (
    <section className="panel graph" aria-label="Graph">
      <Tools {...props} />
      <div
        ref={stage}
        className="stage"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the graph takes keys.
        tabIndex={0}
        aria-label={`Graph of ${store.ids.length} tasks. Arrows go to parents, children and neighbours, Enter opens. ${textOf(store, laid?.layout, selected)}`}
        onKeyDown={(event) => onKey(event, props, view, laid)}
        data-shown={laid ? store.ids.length : 0}
        data-layout-ms={laid ? Math.round(laid.ms) : undefined}
      >
        <canvas ref={canvas} />
        {tip && (
          <div className="tip" style={{ left: tip.x, top: tip.y }}>
            <span className="strong">{store.names[tip.place]}</span>{" "}
            <span className="soft">{states[store.state[tip.place] ?? 0]}</span>
          </div>
        )}
      </div>
      <Legend view={view} />
      <p className="hidden" aria-live="polite">
        {selected >= 0 ? textOf(store, laid?.layout, selected) : ""}
      </p>
    </section>
  );
}

function useView(
  canvas: React.RefObject<HTMLCanvasElement | null>,
  store: BatchStore,
  setView: (v: GraphView) => void,
) {
  const chosen = useStore(theme);
  const made = useRef<GraphView>(undefined);
  useEffect(() => {
    if (!canvas.current) return;
    const view = new GraphView(canvas.current, store);
    made.current = view;
    setView(view);
    void Promise.allSettled(["12px", "600 12px"].map((font) => document.fonts.load(`${font} "Inter Variable"`))).then(
      () => view.fontsCame(),
    );
    return () => view.close();
  }, [canvas, store, setView]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another store has another view.
  useEffect(() => {
    const isDark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () =>
      made.current?.setTheme(chosen === "dark" || (chosen === "system" && isDark.matches) ? "dark" : "light");
    apply();
    isDark.addEventListener("change", apply);
    return () => isDark.removeEventListener("change", apply);
  }, [chosen, store]);
}

function useSize(stage: React.RefObject<HTMLDivElement | null>, view: GraphView | undefined) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!stage.current) return;
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      setSize({ width, height });
    });
    observer.observe(stage.current);
    return () => observer.disconnect();
  }, [stage]);
  useEffect(() => {
    if (size.width > 0) view?.resize(size.width, size.height);
  }, [view, size]);
  return size;
}

function useShown(view: GraphView | undefined, laid: Laid | undefined): void {
  useEffect(() => {
    if (view && laid) view.show(laid.layout);
  }, [view, laid]);
}

/** What does not match the search, or is hidden, is drawn faintly: the graph keeps its places. */
function dimOf(
  { ids, state, names, kinds }: BatchStore,
  hide: boolean,
  q: string,
  path: readonly number[] | undefined,
): Uint8Array | null {
  if (!hide && q === "" && path === undefined) return null;
  const wanted = q.toLowerCase();
  const onPath = path && new Set(path);
  return Uint8Array.from(ids, (_, i) => {
    const isHidden = hide && (state[i] === 6 || state[i] === 9);
    const isOther = q !== "" && !names[i]!.toLowerCase().includes(wanted) && !kinds[i]!.toLowerCase().includes(wanted);
    return isHidden || isOther || (onPath && !onPath.has(i)) ? 1 : 0;
  });
}

function onKey(event: KeyboardEvent, props: GraphProps, view: GraphView | undefined, laid: Laid | undefined): void {
  const { key, ctrlKey, metaKey } = event;
  if (!view || !laid || ctrlKey || metaKey) return;
  const acts: Readonly<Record<string, () => void>> = {
    "+": () => view.zoomBy(1.25),
    "=": () => view.zoomBy(1.25),
    "-": () => view.zoomBy(0.8),
    "0": () => view.fit(),
    f: () => view.center(props.selected),
    h: () => props.onHide(!props.hide),
    Enter: () => props.selected >= 0 && props.onOpen(props.selected),
    Escape: () => props.onSelect(-1),
    ...props.keys,
  };
  const next = stepFrom(props.store, laid.layout, props.selected, key);
  const act = next === undefined ? acts[key] : () => props.onSelect(next);
  if (!act) return;
  event.preventDefault();
  act();
}
