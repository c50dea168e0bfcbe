// When each task waited and ran, in one bar: created to claimed, claimed to ended. The axis is the time of the batch. Of very large
// batches only what events told is known, and that is said.
import { useSyncExternalStore } from "react";
import type { BatchStore } from "../../../data/batch-store.ts";
import { durationText } from "../../../data/format.ts";
import { states } from "../../../data/states.ts";
import { Empty } from "../../../parts/panel.tsx";
import { colourOf, Shape } from "../../../parts/state.tsx";
import { useNow } from "../../../parts/time.tsx";
import { useSelected } from "../selected.ts";
import { Side } from "../side.tsx";
import type { TabProps } from "../tab-props.ts";
import { Rows } from "./rows.tsx";
import { ListTools, usePlaces } from "./task-table.tsx";

const columns = "minmax(110px, 200px) minmax(0, 1fr) 76px";

interface Span {
  readonly from: number;
  readonly to: number;
}

export function Timeline({ batch, store, ask }: TabProps) {
  useSyncExternalStore(store.subscribe, store.getVersion);
  const now = useNow();
  const places = usePlaces(store);
  const { place, select, open, id } = useSelected(batch, store);
  const from = Date.parse(batch.created_at);
  const end = batch.completed_at === null ? Math.max(now, from + 1_000) : Date.parse(batch.completed_at);
  const span = { from, to: Math.max(from + 1, end) };
  return (
    <div className={id === undefined ? "split whole" : "split"}>
      <section className="panel graph" aria-label="Timeline">
        <ListTools shown={places.length} total={store.ids.length} />
        <Axis span={span} />
        {!store.isFull ? (
          <Empty title="Times are not loaded for batches of this size">
            <p>The table and each task show them.</p>
          </Empty>
        ) : (
          <Rows
            label="Timeline"
            places={places}
            columns={columns}
            selected={place}
            onSelect={select}
            onOpen={open}
            row={(at) => <Cells store={store} at={at} span={span} />}
          />
        )}
        <div className="legend">
          <span>
            <Swatch colour="var(--waiting)" isDashed /> waited
          </span>
          <span>
            <Swatch colour="var(--running)" /> runs
          </span>
          <span>
            <Swatch colour="var(--success)" /> succeeded
          </span>
          <span>
            <Swatch colour="var(--failure)" /> failed
          </span>
        </div>
      </section>
      {id !== undefined && <Side id={id} ask={ask} />}
    </div>
  );
}

const Swatch = ({ colour, isDashed = false }: { readonly colour: string; readonly isDashed?: boolean }) => (
  <svg width="14" height="10" aria-hidden="true">
    <rect
      x=".5"
      y=".5"
      width="13"
      height="9"
      rx="2"
      fill={isDashed ? "none" : colour}
      stroke={colour}
      strokeDasharray={isDashed ? "2 2" : undefined}
    />
  </svg>
);

function Axis({ span }: { readonly span: Span }) {
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <div className="heads" style={{ gridTemplateColumns: columns }}>
      <span style={{ padding: "6px 0" }}>Task</span>
      <span style={{ display: "flex", justifyContent: "space-between", padding: "6px 0" }} className="num">
        {marks.map((part) => (
          <span key={part}>{part === 0 ? "0" : durationText((span.to - span.from) * part)}</span>
        ))}
      </span>
      <span className="right" style={{ padding: "6px 0" }}>
        Took
      </span>
    </div>
  );
}

function Cells({ store, at, span }: { readonly store: BatchStore; readonly at: number; readonly span: Span }) {
  const state = states[store.state[at] ?? 0]!;
  const created = Math.max(span.from, store.created[at] ?? 0);
  const started = store.started[at] || 0;
  const ended = store.ended[at] || 0;
  const waitedTo = started || ended || span.to;
  const ranTo = ended || span.to;
  const style = (from: number, to: number, colour: string) => {
    const all = span.to - span.from;
    return {
      "--c": colour,
      left: `${((from - span.from) / all) * 100}%`,
      width: `${Math.max(0, ((to - from) / all) * 100)}%`,
    } as never;
  };
  return (
    <>
      <span className="row" style={{ gap: 6 }}>
        <Shape state={state} label={state} />
        <span className="cut">{store.names[at]}</span>
      </span>
      <span className="track">
        {waitedTo - created > 0 && <i className="dash" style={style(created, waitedTo, "var(--waiting)")} />}
        {started > 0 && <i style={style(started, ranTo, colourOf(state))} />}
      </span>
      <span className="right num soft">{started > 0 ? durationText(ranTo - started) : "–"}</span>
    </>
  );
}
