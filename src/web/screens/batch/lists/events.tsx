// What happened in a batch, from its beginning and then as it goes on. The stream itself is read: it begins with the first event.

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Batch, TaskEvent } from "../../../../sdk/client.ts";
import type { BatchStore } from "../../../data/batch-store.ts";
import { numberText, shortId } from "../../../data/format.ts";
import { baton } from "../../../data/session.ts";
import { Empty, Failed } from "../../../parts/panel.tsx";
import { Shape } from "../../../parts/state.tsx";
import { Time } from "../../../parts/time.tsx";
import { Rows } from "./rows.tsx";

const columns = "130px minmax(110px, 1fr) minmax(150px, 220px) minmax(100px, 1fr) minmax(90px, 170px)";
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
          columns={columns}
          selected={selected}
          onSelect={setSelected}
          onOpen={(at) => open(events[at]!.task_id)}
          row={(at) => <EventCells event={events[at]!} name={nameOf.current(events[at]!.task_id)} />}
        />
      )}
    </section>
  );
}

function EventCells({ event, name }: { readonly event: TaskEvent; readonly name: string }) {
  const { at, from, to, event: what, reason, actor } = event;
  return (
    <>
      <span className="soft">
        <Time at={at} />
      </span>
      <span className="cut strong">{name}</span>
      <span className="row" style={{ gap: 6 }} title={`${from} to ${to}`}>
        <Shape state={to} />
        {from === to ? `${what.replaceAll("_", " ")}, refused` : to}
      </span>
      <span className="cut soft" title={reason ?? what}>
        {reason ?? what.replaceAll("_", " ")}
      </span>
      <code className="cut faint">{actor}</code>
    </>
  );
}
