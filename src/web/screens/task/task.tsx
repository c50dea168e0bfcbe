// A task: its state, why it waits or failed in a sentence, the way that it took, its attempts, what it gave, and what can be done.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Task } from "../../../sdk/client.ts";
import { useLive } from "../../data/live/live.ts";
import { queries } from "../../data/queries.ts";
import { baton } from "../../data/session.ts";
import { isFinalState } from "../../data/states.ts";
import { type Act, ActDialog } from "../../parts/act.tsx";
import { Code } from "../../parts/code.tsx";
import { Asked, Panel } from "../../parts/panel.tsx";
import { State } from "../../parts/state.tsx";
import { TabBar } from "../../parts/tabs.tsx";
import { usePage } from "../../shell/page.tsx";
import { nameOf } from "../batches/name.ts";
import { DeliveryList } from "../control/delivery-list.tsx";
import { TaskActs } from "./acts.tsx";
import { TaskEvents } from "./events.tsx";
import { TaskOverview } from "./overview.tsx";
import { TaskWhy } from "./why.tsx";

const route = getRouteApi("/tasks/$id/{-$tab}");

export function TaskScreen() {
  const { id } = route.useParams();
  return <Screen key={id} id={id} />;
}

function Screen({ id }: { readonly id: string }) {
  const task = useQuery({
    ...{ queryKey: ["task", id], queryFn: () => baton().task(id) },
    // Progress makes no event.
    refetchInterval: ({ state }) => (state.data?.status === "Running" ? 2_000 : false),
  });
  const found = task.data;
  const batch = useQuery({
    ...{ queryKey: ["batch", found?.batch_id], enabled: found !== undefined },
    queryFn: () => baton().batch(found?.batch_id ?? ""),
  });
  useLive(found === undefined || isFinalState(found.status) ? undefined : found.batch_id, (events) => {
    if (events.some(({ task_id }) => task_id === id)) void queries.invalidateQueries({ queryKey: ["task", id] });
    else if (found?.status === "Waiting" || found?.status === "Pending") void task.refetch();
  });
  const batchName = batch.data ? nameOf(batch.data) : "batch";
  usePage(
    [
      { text: "Batches", link: <Link to="/batches">Batches</Link> },
      { text: batchName, link: found && <BatchCrumb task={found} name={batchName} /> },
      { text: found?.name ?? id },
    ],
    found?.status === "Failure" ? "failed" : found && !isFinalState(found.status) ? "running" : "calm",
  );
  const [act, setAct] = useState<Act>();
  return (
    <Asked query={task}>
      {(data) => (
        <>
          <Head task={data} ask={setAct} />
          <TaskWhy task={data} />
          <Tabs task={data} />
          <Content task={data} />
          <ActDialog act={act} close={() => setAct(undefined)} />
        </>
      )}
    </Asked>
  );
}

const BatchCrumb = ({ task, name }: { readonly task: Task; readonly name: string }) => (
  <Link to="/batches/$id/{-$tab}" params={{ id: task.batch_id, tab: undefined }} search={{ task: task.id }}>
    {name}
  </Link>
);

function Head({ task, ask }: { readonly task: Task; readonly ask: (act: Act) => void }) {
  return (
    <div className="row wrap" style={{ alignItems: "flex-start" }}>
      <div className="row wrap grow" style={{ minWidth: 260 }}>
        <h1>{task.name}</h1>
        <State state={task.status} big />
        <code className="tag">{task.kind}</code>
        <span className="soft">
          attempt {task.attempt + 1}
          {task.retry && ` of ${task.retry.max_retries + 1}`}
          {task.priority !== 0 && `, priority ${task.priority}`}
        </span>
      </div>
      <div className="row wrap">
        <TaskActs task={task} ask={ask} />
      </div>
    </div>
  );
}

const tabs = [
  ...([
    ["Overview", undefined],
    ["Events", "events"],
    ["Deliveries", "deliveries"],
    ["Definition", "definition"],
  ] as const),
];

function Tabs({ task }: { readonly task: Task }) {
  const { tab: open } = route.useParams();
  return (
    <TabBar label="Of this task" open={open}>
      {tabs.map(([text, tab]) => (
        <Link
          key={text}
          to="/tasks/$id/{-$tab}"
          params={{ id: task.id, tab }}
          aria-current={open === tab ? "page" : undefined}
          activeProps={{}}
          activeOptions={{ exact: true }}
        >
          {text}
        </Link>
      ))}
    </TabBar>
  );
}

function Content({ task }: { readonly task: Task }) {
  const { tab } = route.useParams();
  if (tab === "events") return <TaskEvents id={task.id} />;
  if (tab === "deliveries") return <DeliveryList filter={{ task_id: task.id }} empty="This task notifies nobody" />;
  if (tab === "definition") return <Definition task={task} />;
  return <TaskOverview task={task} />;
}

const Definition = ({ task: { actions, rules, metadata, ...fields } }: { readonly task: Task }) => (
  <>
    {[
      ["Actions", actions] as const,
      ["Rules", rules] as const,
      ["Metadata", metadata] as const,
      ["Everything else", fields] as const,
    ].map(([title, value]) => (
      <Panel key={title} title={title}>
        <div className="body">
          <Code value={value ?? "none"} label={title} />
        </div>
      </Panel>
    ))}
  </>
);
