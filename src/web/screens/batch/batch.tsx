// A batch: what it is, why it failed, how its tasks stand, and its tabs. It opens at the first failure where there is one. What
// is selected, hidden and searched stands in the address.
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState, useSyncExternalStore } from "react";
import type { Batch } from "../../../sdk/client.ts";
import type { BatchStore } from "../../data/batch-store.ts";
import { numberText } from "../../data/format.ts";
import { mayOperate, whoami } from "../../data/session.ts";
import { states } from "../../data/states.ts";
import { useStore } from "../../data/store.ts";
import { useBatch } from "../../data/use-batch.ts";
import { type Act, ActDialog } from "../../parts/act.tsx";
import { Bar, type Counts } from "../../parts/bar.tsx";
import { Asked, Failed } from "../../parts/panel.tsx";
import { Shape } from "../../parts/state.tsx";
import { TabBar } from "../../parts/tabs.tsx";
import { usePage } from "../../shell/page.tsx";
import { nameOf } from "../batches/name.ts";
import { Definition } from "./definition.tsx";
import { BatchDeliveries } from "./deliveries.tsx";
import { GraphTab } from "./graph-tab.tsx";
import { Head } from "./head.tsx";
import { Events } from "./lists/events.tsx";
import { TaskTable } from "./lists/task-table.tsx";
import { Timeline } from "./lists/timeline.tsx";
import { RulesDialog } from "./rules/rules-dialog.tsx";
import type { TabProps } from "./tab-props.ts";
import { Why } from "./why.tsx";

const route = getRouteApi("/batches/$id/{-$tab}");

export function BatchScreen() {
  const { id } = route.useParams();
  return <Screen key={id} id={id} />;
}

function Screen({ id }: { readonly id: string }) {
  const { batch, store, isFilled, error } = useBatch(id);
  const { data } = batch;
  const name = data ? nameOf(data) : id;
  const signal =
    data === undefined
      ? "calm"
      : data.status_counts.failure > 0
        ? "failed"
        : data.status === "running"
          ? "running"
          : "calm";
  usePage([{ text: "Batches", link: <Link to="/batches">Batches</Link> }, { text: name }], signal);
  const [act, setAct] = useState<Act>();
  return (
    <Asked query={batch}>
      {(found) => (
        <>
          <Head batch={found} name={name} ask={setAct} />
          <Why batch={found} store={store} />
          <Counters batch={found} store={store} isFilled={isFilled} />
          <Tabs batch={found} />
          {error ? <Failed error={error} /> : <Content batch={found} store={store} isFilled={isFilled} ask={setAct} />}
          <Rules batch={found} store={store} isFilled={isFilled} />
          <ActDialog act={act} close={() => setAct(undefined)} />
        </>
      )}
    </Asked>
  );
}

function Rules({ batch, store, isFilled }: Omit<TabProps, "ask"> & { readonly isFilled: boolean }) {
  const { rules } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <RulesDialog
      batch={batch}
      store={store}
      kind={isFilled ? rules : undefined}
      onKind={(kind) =>
        void navigate({ search: (old) => ({ ...old, rules: kind }), replace: true, resetScroll: false })
      }
    />
  );
}

function Content({ isFilled, ...props }: TabProps & { readonly isFilled: boolean }) {
  const { tab } = route.useParams();
  if (tab === "events") return <Events batch={props.batch} store={props.store} />;
  if (tab === "deliveries") return <BatchDeliveries batchId={props.batch.batch_id} />;
  if (tab === "definition") return <Definition batch={props.batch} />;
  if (!isFilled) return <section className="panel" style={{ flex: 1, minHeight: 420 }} aria-busy="true" />;
  if (tab === "tasks") return <TaskTable {...props} />;
  if (tab === "timeline") return <Timeline {...props} />;
  return <GraphTab {...props} />;
}

const tabs = [
  ...([
    ["Graph", undefined],
    ["Timeline", "timeline"],
    ["Tasks", "tasks"],
    ["Events", "events"],
  ] as const),
  ...([
    ["Deliveries", "deliveries"],
    ["Definition", "definition"],
  ] as const),
];

function Tabs({ batch }: { readonly batch: Batch }) {
  const { tab: open } = route.useParams();
  const { task } = route.useSearch();
  // It holds headers, which only those may see who may do everything.
  const isAllowed = mayOperate(useStore(whoami));
  const shown = tabs.filter(([, tab]) => tab !== "definition" || isAllowed);
  return (
    <TabBar label="Of this batch" open={open}>
      {shown.map(([text, tab]) => (
        <Link
          key={text}
          to="/batches/$id/{-$tab}"
          params={{ id: batch.batch_id, tab }}
          search={{ task }}
          aria-current={open === tab ? "page" : undefined}
          activeProps={{}}
          activeOptions={{ exact: true, includeSearch: false }}
        >
          {text}
          {tab === "tasks" && <em className="num">{numberText(batch.total_tasks)}</em>}
        </Link>
      ))}
    </TabBar>
  );
}

/** The bar and the counts, live: each count leads to these tasks. */
function Counters({
  batch,
  store,
  isFilled,
}: {
  readonly batch: Batch;
  readonly store: BatchStore;
  readonly isFilled: boolean;
}) {
  const version = useSyncExternalStore(store.subscribe, store.getVersion);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the counts in the store.
  const counts = useMemo((): Counts => {
    const of = (i: number, state: (typeof states)[number]) =>
      isFilled ? (store.counts[i] ?? 0) : batch.status_counts[state.toLowerCase() as keyof typeof batch.status_counts];
    return Object.fromEntries(states.map((state, i) => [state, of(i, state)]));
  }, [batch, store, version, isFilled]);
  const shown = [7, 3, 2, 4, 5, 1, 0, 6, 8, 9].map((i) => states[i]!).filter((state) => (counts[state] ?? 0) > 0);
  return (
    <div className="row wrap" style={{ gap: "8px 16px" }}>
      <div className="grow" style={{ minWidth: 200 }}>
        <Bar counts={counts} />
      </div>
      {shown.map((state) => (
        <Link
          key={state}
          className="row"
          style={{ gap: 6 }}
          to="/batches/$id/{-$tab}"
          params={{ id: batch.batch_id, tab: "tasks" }}
          search={{ status: state }}
          activeProps={{}}
        >
          <Shape state={state} />
          <span>
            <span className="num strong">{numberText(counts[state] ?? 0)}</span> <span className="soft">{state}</span>
          </span>
        </Link>
      ))}
    </div>
  );
}
