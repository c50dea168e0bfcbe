// The tasks of a batch as a table: equal to the graph in everything, and as quick with 50,000 rows, since a row reads the columns
// of the store and only rows in sight are there.
import { getRouteApi } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useMemo, useSyncExternalStore } from "react";
import type { BatchStore } from "../../../data/batch-store.ts";
import { numberText } from "../../../data/format.ts";
import { states } from "../../../data/states.ts";
import { Empty } from "../../../parts/panel.tsx";
import { State } from "../../../parts/state.tsx";
import { Took } from "../../../parts/time.tsx";
import { useSelected } from "../selected.ts";
import { Side } from "../side.tsx";
import type { TabProps } from "../tab-props.ts";
import { placesOf, type SortKey } from "./places.ts";
import { Rows } from "./rows.tsx";

const route = getRouteApi("/batches/$id/{-$tab}");
const columns = "minmax(120px, 2fr) minmax(80px, 1fr) 104px 80px 60px minmax(0, 2fr)";

export function usePlaces(store: BatchStore): readonly number[] {
  const { status = "", q = "", sort = "" } = route.useSearch();
  const version = useSyncExternalStore(store.subscribe, store.getVersion);
  // Sorted by what changes all the time, the order stays until it is asked for again.
  const stamp = status === "" ? store.shape : version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the stamp stands for what the store holds.
  return useMemo(() => placesOf(store, { status, q, sort }), [store, stamp, status, q, sort]);
}

export function TaskTable({ batch, store, ask }: TabProps) {
  const places = usePlaces(store);
  const { place, select, open, id } = useSelected(batch, store);
  return (
    <div className={id === undefined ? "split whole" : "split"}>
      <section className="panel graph" aria-label="Tasks">
        <ListTools shown={places.length} total={store.ids.length} />
        <Heads />
        {places.length === 0 ? (
          <Empty title="No task matches" />
        ) : (
          <Rows
            label="Tasks"
            places={places}
            columns={columns}
            selected={place}
            onSelect={select}
            onOpen={open}
            row={(at) => <Cells store={store} at={at} />}
          />
        )}
      </section>
      {id !== undefined && <Side id={id} ask={ask} />}
    </div>
  );
}

function Cells({ store, at }: { readonly store: BatchStore; readonly at: number }) {
  return (
    <>
      <span className="cut strong">{store.names[at]}</span>
      <code className="cut soft">{store.kinds[at]}</code>
      <State state={states[store.state[at] ?? 0]!} />
      <span className="right soft">
        <Took from={store.started[at] ?? 0} to={store.ended[at] ?? 0} />
      </span>
      <span className="right num soft">{(store.attempt[at] ?? 0) + 1}</span>
      <span className="cut soft">{store.reasons[at]}</span>
    </>
  );
}

const heads: readonly (readonly [string, SortKey | undefined, boolean])[] = [
  ...([
    ["Name", "name", false],
    ["Kind", "kind", false],
    ["State", "state", false],
  ] as const),
  ...([
    ["Took", "took", true],
    ["Attempt", "attempt", true],
    ["Reason", undefined, false],
  ] as const),
];

function Heads() {
  const { sort = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const put = (key: SortKey) => {
    const next = sort === key ? `-${key}` : sort === `-${key}` ? undefined : key;
    void navigate({ search: (old) => ({ ...old, sort: next }), resetScroll: false });
  };
  return (
    <div className="heads" style={{ gridTemplateColumns: columns }}>
      {heads.map(([text, key, isRight]) =>
        key === undefined ? (
          <span key={text} style={{ padding: "6px 0" }}>
            {text}
          </span>
        ) : (
          <button
            key={text}
            type="button"
            className={isRight ? "right" : ""}
            onClick={() => put(key)}
            title={`Sort by ${text.toLowerCase()}`}
          >
            {text}
            {sort === key && " ↑"}
            {sort === `-${key}` && " ↓"}
          </button>
        ),
      )}
    </div>
  );
}

/** What is filtered of the list, and how much of it is left. */
export function ListTools({ shown, total }: { readonly shown: number; readonly total: number }) {
  const { status = "", q = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const put = (change: { readonly status?: string | undefined; readonly q?: string | undefined }) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false });
  return (
    <div className="tools">
      <input
        className="field"
        style={{ width: 200 }}
        aria-label="Tasks whose name or kind contains"
        placeholder="Name or kind"
        value={q}
        onChange={(event) => put({ q: event.target.value || undefined })}
      />
      <select
        className="field"
        aria-label="State"
        value={status}
        onChange={(event) => put({ status: event.target.value || undefined })}
      >
        <option value="">Every state</option>
        {states.map((state) => (
          <option key={state}>{state}</option>
        ))}
        {status !== "" && !states.includes(status as never) && <option>{status}</option>}
      </select>
      {(status !== "" || q !== "") && (
        <button type="button" className="btn plain" onClick={() => put({ status: undefined, q: undefined })}>
          <X size={13} aria-hidden="true" /> Clear
        </button>
      )}
      <span className="grow" />
      <span className="soft num">
        {shown === total ? numberText(total) : `${numberText(shown)} of ${numberText(total)}`} tasks
      </span>
    </div>
  );
}
