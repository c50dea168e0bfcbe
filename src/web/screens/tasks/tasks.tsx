// Tasks of all batches, by state, kind, name and metadata: where the figures of the overview lead.
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ListedTask } from "../../../sdk/client.ts";
import { filterOf } from "../../data/search.ts";
import { baton } from "../../data/session.ts";
import { AddFilter, FilterChips, NextPage } from "../../parts/lists.tsx";
import { Asked, Empty } from "../../parts/panel.tsx";
import { scrolls } from "../../parts/scroll.ts";
import { State } from "../../parts/state.tsx";
import { Time, Took } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";

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
const fields = ["kind", "name", "metadata", "start_kind"] as const;

export function Tasks() {
  usePage([{ text: "Tasks" }]);
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const filter = filterOf(search);
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
        <button type="button" className="btn" onClick={() => void query.refetch()}>
          Refresh
        </button>
      </div>
      <Filters />
      <section className="panel" aria-label="Tasks">
        <Asked query={query}>
          {({ pages }) => {
            const rows = pages.flatMap(({ rows: page }) => page);
            if (rows.length > 0) return <Table rows={rows} />;
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
    </>
  );
}

function Filters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const isKnown = choices.some(([, status]) => status === search.status);
  return (
    <div className="row wrap">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a layout of its own. */}
      <span className="seg" role="group" aria-label="State">
        {choices.map(([name, status]) => (
          <Link
            key={name}
            to="/tasks"
            search={{ ...search, status }}
            className={search.status === status ? "on" : undefined}
            activeProps={{}}
          >
            {name}
          </Link>
        ))}
        {!isKnown && <span className="on">{search.status}</span>}
      </span>
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

const Table = ({ rows }: { readonly rows: readonly ListedTask[] }) => (
  <div {...scrolls}>
    <table className="grid" aria-label="Tasks, newest first">
      <thead>
        <tr>
          {["Task", "State", "Kind", "Created", "Took", "Why"].map((text) => (
            <th key={text} scope="col" className={text === "Created" || text === "Took" ? "right" : ""}>
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((task) => (
          <tr key={task.id}>
            <td className="cut">
              <Link className="strong" to="/tasks/$id/{-$tab}" params={{ id: task.id, tab: undefined }}>
                {task.name}
              </Link>
            </td>
            <td>
              <State state={task.status} />
            </td>
            <td className="cut">
              <code>{task.kind}</code>
            </td>
            <td className="right">
              <Time at={task.created_at} />
            </td>
            <td className="right soft">
              <Took from={task.started_at} to={task.ended_at} />
            </td>
            <td className="cut soft" title={task.failure_reason ?? ""}>
              {task.failure_reason}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
