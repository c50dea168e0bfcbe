// Tasks of all batches, by state, kind, name and metadata: where the figures of the overview lead.
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ListedTask } from "../../../sdk/client.ts";
import { selectionOf } from "../../data/search.ts";
import { baton } from "../../data/session.ts";
import { AddFilter, FilterChips, NextPage, StateChoice } from "../../parts/lists/filters.tsx";
import { type Column, Table } from "../../parts/lists/table.tsx";
import { Asked, Empty } from "../../parts/panel.tsx";
import { State } from "../../parts/state.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";
import { ActOnAll, SelectAll } from "../bulk/act-on-all.tsx";

const route = getRouteApi("/tasks");

const choices = [
  ...([
    ["All", undefined],
    ["Running", "Running,Claimed"],
    ["Waiting", "Waiting,Pending,Retrying,Paused"],
  ] as const),
  ...([
    ["Failed", "Failure"],
    ["Succeeded", "Success"],
    ["Canceled", "Canceled,Skipped"],
  ] as const),
];
const fields = ["kind", "name", "batch_id", "metadata", "start_kind"] as const;

export function Tasks() {
  usePage([{ text: "Tasks" }]);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const selection = selectionOf(search, navigate);
  const { filter } = selection;
  const query = useInfiniteQuery({
    queryKey: ["tasks", filter],
    queryFn: ({ pageParam }) => baton().taskPage({ ...filter, page_size: "50", ...pageParam }),
    initialPageParam: {} as Readonly<Record<string, string>>,
    getNextPageParam: ({ next }) => next,
  });
  return (
    <>
      <div className="row">
        <h1>Tasks</h1>
        <span className="soft hide-phone">newest first</span>
        <span className="grow" />
        <SelectAll {...selection} />
        <button type="button" className="btn" onClick={() => void query.refetch()}>
          Refresh
        </button>
      </div>
      <Filters />
      <section className="panel" aria-label="Tasks">
        <Asked query={query}>
          {({ pages }) => {
            const rows = pages.flatMap(({ rows: page }) => page);
            if (rows.length > 0)
              return <Table label="Tasks, newest first" rows={rows} columns={columns} keyOf={({ id }) => id} />;
            return (
              <Empty title="Nothing matches">
                <button type="button" className="btn" onClick={() => void navigate({ search: {} })}>
                  Clear the filters
                </button>
              </Empty>
            );
          }}
        </Asked>
      </section>
      <NextPage query={query} />
      <ActOnAll noun="tasks" {...selection} />
    </>
  );
}

function Filters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className="row wrap">
      <StateChoice to="/tasks" search={search} choices={choices} />
      <FilterChips
        fields={fields}
        search={search}
        onRemove={(field) => void navigate({ search: { ...search, [field]: undefined } })}
      />
      <AddFilter
        fields={fields}
        placeholderOf={() => "a part of it"}
        onAdd={(field, text) => void navigate({ search: { ...search, [field]: text } })}
      />
    </div>
  );
}

const columns: readonly Column<ListedTask>[] = [
  {
    head: "Task",
    cell: ({ id, name }) => (
      <Link className="strong" to="/tasks/$id/{-$tab}" params={{ id, tab: undefined }}>
        {name}
      </Link>
    ),
    isCut: true,
  },
  { head: "State", cell: ({ status }) => <State state={status} /> },
  { head: "Kind", cell: ({ kind }) => <code>{kind}</code>, isCut: true },
  { head: "Created", cell: ({ created_at }) => <Time at={created_at} />, isRight: true },
  { head: "Took", cell: ({ started_at, ended_at }) => <Took from={started_at} to={ended_at} />, isRight: true },
  {
    head: "Why",
    cell: ({ failure_reason }) => <span className="soft">{failure_reason}</span>,
    title: ({ failure_reason }) => failure_reason ?? "",
    isCut: "rest",
  },
];
