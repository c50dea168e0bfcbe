// The graph of a batch: the canvas with its tools, legend and keys. What is selected, hidden and searched is the caller's, since
// it stands in the address. The canvas is a picture; what has the focus is the frame round it, which names the selected task.
import { Expand, Minus, Plus, Search } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { BatchStore } from "../data/batch-store.ts";
import { theme } from "../data/prefs.ts";
import { states } from "../data/states.ts";
import { useStore } from "../data/store.ts";
import { GraphView } from "./draw/view.ts";
import { usePointer } from "./pointer.ts";
import { stepFrom, textOf } from "./steps.ts";
import { type Laid, useLayout } from "./use-layout.ts";

export interface GraphProps {
  readonly store: BatchStore;
  readonly selected: number;
  readonly hide: boolean;
  readonly q: string;
  readonly onSelect: (place: number) => void;
  readonly onOpen: (place: number) => void;
  readonly onHide: (hide: boolean) => void;
  readonly onSearch: (q: string) => void;
}

export function Graph(props: GraphProps) {
  const { store, selected, hide, q } = props;
  const version = useSyncExternalStore(store.subscribe, store.getVersion);
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<GraphView>();
  const size = useSize(stage, view);
  const laid = useLayout(store, size.width, size.height);
  useView(canvas, store, setView);
  useShown(view, laid);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the states in the store.
  const dim = useMemo(() => dimOf(store, hide, q), [store, version, hide, q]);
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
function dimOf({ ids, state, names, kinds }: BatchStore, hide: boolean, q: string): Uint8Array | null {
  if (!hide && q === "") return null;
  const wanted = q.toLowerCase();
  return Uint8Array.from(ids, (_, i) => {
    const isHidden = hide && (state[i] === 6 || state[i] === 9);
    const isOther = q !== "" && !names[i]!.toLowerCase().includes(wanted) && !kinds[i]!.toLowerCase().includes(wanted);
    return isHidden || isOther ? 1 : 0;
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
  };
  const next = stepFrom(props.store, laid.layout, props.selected, key);
  const act = next === undefined ? acts[key] : () => props.onSelect(next);
  if (!act) return;
  event.preventDefault();
  act();
}

function Tools({ store, q, hide, onSearch, onHide, onSelect }: GraphProps) {
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const find = () => {
    const wanted = text.toLowerCase();
    const place = wanted === "" ? -1 : store.names.findIndex((name) => name.toLowerCase().includes(wanted));
    if (place >= 0) onSelect(place);
  };
  return (
    <div className="tools">
      <form
        className="row"
        style={{ gap: 6 }}
        onSubmit={(event) => {
          event.preventDefault();
          onSearch(text.trim());
          find();
        }}
      >
        <Search size={15} aria-hidden="true" className="faint" />
        <input
          className="field"
          style={{ width: 150 }}
          aria-label="Find a task by name or kind"
          placeholder="Find a task"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
      </form>
      <button type="button" className={hide ? "btn on" : "btn"} aria-pressed={hide} onClick={() => onHide(!hide)}>
        Hide succeeded
      </button>
      {q !== "" && (
        <button type="button" className="btn plain" onClick={() => onSearch("")}>
          Clear
        </button>
      )}
    </div>
  );
}

const looks = [
  ...([
    ["needs success", undefined],
    ["on failure", "6 4"],
    ["always", "1.5 3.5"],
  ] as const),
];

const Legend = ({ view }: { readonly view: GraphView | undefined }) => (
  <div className="legend">
    {looks.map(([text, dash]) => (
      <span key={text}>
        <svg width="24" height="4" aria-hidden="true">
          <path d="M0 2h24" stroke="currentColor" strokeWidth="1.5" strokeDasharray={dash} />
        </svg>
        {text}
      </span>
    ))}
    <span className="grow" />
    <div className="row">
      <button type="button" className="btn" aria-label="Zoom out" onClick={() => view?.zoomBy(0.8)}>
        <Minus size={14} />
      </button>
      <button type="button" className="btn" aria-label="Zoom in" onClick={() => view?.zoomBy(1.25)}>
        <Plus size={14} />
      </button>
      <button type="button" className="btn" onClick={() => view?.fit()}>
        <Expand size={14} aria-hidden="true" /> Fit
      </button>
    </div>
  </div>
);
