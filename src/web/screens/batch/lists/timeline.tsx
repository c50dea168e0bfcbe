// When each task waited for parents, was ready, was started, ran and waited to be tried again, in one bar. The axis is the time of the batch,
// or the part of it that one has come nearer to; rows in sight only are drawn.
import { getRouteApi } from "@tanstack/react-router";
import { Expand, Minus, Plus } from "lucide-react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { BatchStore } from "../../../data/batch-store.ts";
import { durationText } from "../../../data/format.ts";
import { type History, useHistory } from "../../../data/history.ts";
import { isFinal, stateIndex, states } from "../../../data/states.ts";
import { Empty } from "../../../parts/panel.tsx";
import { colourOf, Shape } from "../../../parts/state.tsx";
import { useNow } from "../../../parts/time.tsx";
import { useSelected } from "../selected.ts";
import { Side } from "../side.tsx";
import type { TabProps } from "../tab-props.ts";
import { Rows } from "./rows.tsx";
import { spansOf } from "./spans.ts";
import { ListTools, usePlaces } from "./task-table.tsx";
import { pannedBy, wholeZoom, type Zoom, zoomedBy, zoomOf, zoomText } from "./zoom.ts";

const route = getRouteApi("/batches/$id/{-$tab}");
const columns = "min(200px, 30%) minmax(0, 1fr) 70px";
/** The past of more tasks would be hundreds of megabytes of events. */
const tasksMax = 10_000;

interface Window {
  readonly from: number;
  readonly to: number;
}

export function Timeline({ batch, store, ask }: TabProps) {
  useSyncExternalStore(store.subscribe, store.getVersion);
  const isKnown = store.ids.length <= tasksMax;
  const { history, state } = useHistory(batch.batch_id, store, isKnown);
  const now = useNow();
  const places = usePlaces(store);
  const { place, select, open, id } = useSelected(batch, store);
  const { zoom, put } = useZoom();
  const frame = useWheel(zoom, put);
  const from = Date.parse(batch.created_at);
  const end = batch.completed_at === null ? Math.max(now, from + 1_000) : Date.parse(batch.completed_at);
  const to = Math.max(from + 1, end);
  const shown = { from: from + (to - from) * zoom.from, to: from + (to - from) * zoom.to };
  return (
    <div className={id === undefined ? "split whole" : "split"}>
      <section className="panel graph" aria-label="Timeline" ref={frame}>
        <ListTools shown={places.length} total={store.ids.length} />
        <Axis begin={from} shown={shown} />
        {isKnown ? (
          <Rows
            label="Timeline"
            places={places}
            columns={columns}
            selected={place}
            onSelect={select}
            onOpen={open}
            keys={keysOf(zoom, put)}
            row={(at) => <Cells store={store} at={at} shown={shown} end={to} begin={from} history={history} />}
          />
        ) : (
          <Empty title="A timeline is for batches of up to 10,000 tasks">
            <p>The table and each task show times.</p>
          </Empty>
        )}
        <div className="legend">
          <Legend />
          {state === "dropped" && (
            <span>The beginning of its events was deleted: what is known is when each task started.</span>
          )}
          <span className="grow" />
          <ZoomButtons zoom={zoom} put={put} />
        </div>
      </section>
      {id !== undefined && <Side id={id} ask={ask} />}
    </div>
  );
}

type Put = (zoom: Zoom) => void;

function useZoom() {
  const { zoom } = route.useSearch();
  const navigate = route.useNavigate();
  const put: Put = (next) =>
    void navigate({ search: (old) => ({ ...old, zoom: zoomText(next) }), replace: true, resetScroll: false });
  return { zoom: zoomOf(zoom), put };
}

const keysOf = (zoom: Zoom, put: Put): Readonly<Record<string, () => void>> => ({
  "+": () => put(zoomedBy(zoom, 1.5)),
  "=": () => put(zoomedBy(zoom, 1.5)),
  "-": () => put(zoomedBy(zoom, 1 / 1.5)),
  "0": () => put(wholeZoom),
  ArrowLeft: () => put(pannedBy(zoom, -0.2)),
  ArrowRight: () => put(pannedBy(zoom, 0.2)),
});

/** With Ctrl it comes nearer to where the pointer is, with Shift it goes sideways; else the list scrolls. */
function useWheel(zoom: Zoom, put: Put) {
  const frame = useRef<HTMLElement>(null);
  const latest = useRef({ zoom, put });
  useEffect(() => {
    latest.current = { zoom, put };
  });
  useEffect(() => {
    const element = frame.current;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      latest.current.put(wheeled(event, latest.current.zoom, element?.querySelector(".axis")?.getBoundingClientRect()));
    };
    // By hand: the browser would zoom the page, and what React listens to may not keep it from that.
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, []);
  return frame;
}

function wheeled({ shiftKey, deltaX, deltaY, clientX }: WheelEvent, zoom: Zoom, axis: DOMRect | undefined): Zoom {
  if (shiftKey) return pannedBy(zoom, Math.sign(deltaY || deltaX) * 0.1);
  const part = axis ? Math.min(1, Math.max(0, (clientX - axis.left) / axis.width)) : 0.5;
  return zoomedBy(zoom, Math.exp(-deltaY * 0.004), zoom.from + (zoom.to - zoom.from) * part);
}

function ZoomButtons({ zoom, put }: { readonly zoom: Zoom; readonly put: Put }) {
  return (
    <div className="row">
      <button type="button" className="btn" aria-label="Zoom out" onClick={() => put(zoomedBy(zoom, 1 / 1.5))}>
        <Minus size={14} />
      </button>
      <button type="button" className="btn" aria-label="Zoom in" onClick={() => put(zoomedBy(zoom, 1.5))}>
        <Plus size={14} />
      </button>
      <button type="button" className="btn" onClick={() => put(wholeZoom)}>
        <Expand size={14} aria-hidden="true" /> All
      </button>
    </div>
  );
}

/** How a part of the bar is drawn: dashed where only time passes. */
const looks: readonly (readonly [state: (typeof states)[number], words: string, isDashed: boolean])[] = [
  ["Waiting", "waits for parents", true],
  ["Pending", "ready: held by a rule or a time, or not claimed yet", true],
  ["Paused", "paused", true],
  ["Claimed", "claimed: its start call is made", false],
  ["Retrying", "waits to be tried again: an attempt failed, or its start was put back", true],
  ["Running", "runs", false],
  ["Success", "its last work: succeeded", false],
  ["Failure", "failed", false],
  ["Canceled", "canceled", false],
  ["Skipped", "skipped", false],
];
const dashed = new Set(looks.filter(([, , isDashed]) => isDashed).map(([state]) => stateIndex(state)));
const works = new Set([stateIndex("Claimed"), stateIndex("Running")]);

const Legend = () =>
  looks.map(([state, words, isDashed]) => (
    <span key={state}>
      <svg width="14" height="10" aria-hidden="true">
        <rect
          {...{ x: ".5", y: ".5", width: "13", height: "9", rx: "2", stroke: colourOf(state) }}
          fill={isDashed ? "none" : colourOf(state)}
          strokeDasharray={isDashed ? "2 2" : undefined}
        />
      </svg>{" "}
      {words}
    </span>
  ));

function Axis({ begin, shown }: { readonly begin: number; readonly shown: Window }) {
  const marks = [0, 0.25, 0.5, 0.75, 1];
  const textAt = (ms: number) => (ms < 1 ? "0" : durationText(ms));
  return (
    <div className="heads" style={{ gridTemplateColumns: columns }}>
      <span style={{ padding: "6px 0" }}>Task</span>
      <span style={{ display: "flex", justifyContent: "space-between", padding: "6px 0" }} className="num axis">
        {marks.map((part) => (
          <span key={part} className={part % 0.5 === 0 ? "" : "hide-phone"}>
            {textAt(shown.from - begin + (shown.to - shown.from) * part)}
          </span>
        ))}
      </span>
      <span className="right" style={{ padding: "6px 0" }}>
        Took
      </span>
    </div>
  );
}

interface CellsProps {
  readonly store: BatchStore;
  readonly at: number;
  readonly shown: Window;
  readonly begin: number;
  readonly end: number;
  readonly history: History;
}

function Cells({ store, at, shown, begin, end, history }: CellsProps) {
  const index = store.state[at] ?? 0;
  const state = states[index]!;
  const [started, ended] = [store.started[at] ?? 0, store.ended[at] ?? 0];
  const created = Math.max(begin, store.created[at] ?? 0);
  const spans = spansOf(history.of(at), { state: index, created, started, ended }, end);
  const seen = spans.filter((span) => span.to >= shown.from && span.from <= shown.to);
  // The last work of a task that has ended bears the colour of its end, also where the answer of its start call was that end.
  const last = isFinal(index) ? spans.findLast((span) => works.has(span.state)) : undefined;
  return (
    <>
      <span className="row" style={{ gap: 6 }}>
        <Shape state={state} label={state} />
        <span className="cut">{store.names[at]}</span>
      </span>
      <span className="track">
        {seen.map((span) => (
          <i
            key={`${span.state} ${span.from}`}
            className={dashed.has(span.state) ? "dash" : ""}
            title={`${span.words ?? states[span.state]} ${durationText(span.to - span.from)}`}
            style={
              {
                "--c": colourOf(span === last ? state : states[span.state]!),
                left: `${partOf(span.from, shown)}%`,
                width: `${Math.max(0, partOf(span.to, shown) - partOf(span.from, shown))}%`,
              } as never
            }
          />
        ))}
      </span>
      <span className="right num soft">{started > 0 ? durationText((ended || end) - started) : "–"}</span>
    </>
  );
}

/** In percent, cut at the edges of the window. */
const partOf = (ms: number, { from, to }: Window): number =>
  Math.min(100, Math.max(0, ((ms - from) / (to - from)) * 100));
