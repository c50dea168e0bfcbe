// What happened in a batch, from its beginning and then as it goes on. The stream itself is read: it begins with the first event.

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { Batch, TaskEvent } from "../../../../sdk/client.ts";
import type { BatchStore } from "../../../data/batch-store.ts";
import { numberText, shortId } from "../../../data/format.ts";
import { baton } from "../../../data/session.ts";
import { Empty, Failed } from "../../../parts/panel.tsx";
import { Shape } from "../../../parts/state.tsx";
import { Time } from "../../../parts/time.tsx";
import { Rows } from "./rows.tsx";

const columns = "130px minmax(110px, 1fr) minmax(150px, 220px) minmax(100px, 1fr) minmax(90px, 170px)";
/** On a phone: the task and its state, and under them why and when. */
const narrowColumns = "minmax(0, 1fr) auto";
const narrow = matchMedia("(max-width: 700px)");
const useNarrow = () =>
  useSyncExternalStore(
    (changed) => {
      narrow.addEventListener("change", changed);
      return () => narrow.removeEventListener("change", changed);
    },
    () => narrow.matches,
  );
const bundleMs = 150;

/** Steps on the way, which nobody looks for in a long list. */
const isStep = ({ to }: TaskEvent): boolean => to === "Pending" || to === "Claimed" || to === "Running";

function useEvents(batchId: string) {
  const [events, setEvents] = useState<readonly TaskEvent[]>([]);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    const all: TaskEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      for await (const event of baton().follow({ batchId, lastEventId: 0, signal: stop.signal })) {
        all.push(event);
        timer ??= setTimeout(() => {
          timer = undefined;
          setEvents(all.slice());
        }, bundleMs);
      }
    };
    read().catch((reason: unknown) => stop.signal.aborted || setError(reason));
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [batchId]);
  return { events, error };
}

export function Events({ batch, store }: { readonly batch: Batch; readonly store: BatchStore }) {
  const { events, error } = useEvents(batch.batch_id);
  const navigate = useNavigate();
  const open = (id: string) => void navigate({ to: "/tasks/$id/{-$tab}", params: { id, tab: undefined } });
  const isNarrow = useNarrow();
  const Cells = isNarrow ? NarrowCells : EventCells;
  const [isCompact, setCompact] = useState(true);
  const [selected, setSelected] = useState(-1);
  const places = useMemo(
    () => events.flatMap((event, i) => (isCompact && isStep(event) ? [] : [i])).reverse(),
    [events, isCompact],
  );
  const nameOf = useRef((id: string) => store.names[store.place(id)] ?? shortId(id));
  if (error !== undefined) return <Failed error={error} />;
  return (
    <section className="panel graph" style={{ flex: 1 }} aria-label="Events">
      <div className="tools">
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own. */}
        <span className="seg" role="group" aria-label="How many">
          <button type="button" aria-pressed={isCompact} onClick={() => setCompact(true)}>
            Compact
          </button>
          <button type="button" aria-pressed={!isCompact} onClick={() => setCompact(false)}>
            All
          </button>
        </span>
        <span className="soft">newest first; Enter or a double click opens the task</span>
        <span className="grow" />
        <span className="soft num">
          {numberText(places.length)} of {numberText(events.length)} events
        </span>
      </div>
      {places.length === 0 ? (
        <Empty title="Nothing has happened yet" />
      ) : (
        <Rows
          label="Events"
          places={places}
          columns={isNarrow ? narrowColumns : columns}
          lines={isNarrow ? 2 : 1}
          selected={selected}
          onSelect={setSelected}
          onOpen={(at) => open(events[at]!.task_id)}
          row={(at) => <Cells event={events[at]!} name={nameOf.current(events[at]!.task_id)} />}
        />
      )}
    </section>
  );
}

interface CellsProps {
  readonly event: TaskEvent;
  readonly name: string;
}

function EventCells({ event, name }: CellsProps) {
  return (
    <>
      <span className="soft">
        <Time at={event.at} />
      </span>
      <span className="cut strong">{name}</span>
      <Came event={event} />
      <span className="cut soft" title={whyOf(event)}>
        {whyOf(event)}
      </span>
      <code className="cut faint">{event.actor}</code>
    </>
  );
}

function NarrowCells({ event, name }: CellsProps) {
  return (
    <>
      <span className="cut strong">{name}</span>
      <Came event={event} />
      <span className="cut soft">
        {whyOf(event)} <code className="faint">{event.actor}</code>
      </span>
      <span className="soft right">
        <Time at={event.at} />
      </span>
    </>
  );
}

const Came = ({ event: { from, to, event } }: Pick<CellsProps, "event">) => (
  <span className="row" style={{ gap: 6 }} title={`${from} to ${to}`}>
    <Shape state={to} />
    {from === to ? `${event.replaceAll("_", " ")}, refused` : to}
  </span>
);

const whyOf = ({ reason, event }: TaskEvent): string => reason ?? event.replaceAll("_", " ");
