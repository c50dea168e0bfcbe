// What rules limit: each limit with how much of it is used, by whom, and how many wait for it.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Limit } from "../../../sdk/client.ts";
import { durationText, numberText } from "../../data/format.ts";
import { baton, mayOperate, whoami } from "../../data/session.ts";
import { useStore } from "../../data/store.ts";
import { TaskLink } from "../../parts/links.tsx";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { usePage } from "../../shell/page.tsx";

const valuesText = ({ fields, values }: Limit): string =>
  fields.map((field, i) => `${field} = ${JSON.stringify(values[i] ?? null)}`).join(", ") || "all of the kind";

const typeText = ({ type, per_secs }: Limit): string =>
  per_secs === null ? type : `${type}, in ${durationText(per_secs * 1_000)}`;

const columns: readonly Column<Limit>[] = [
  { head: "Limit", cell: (limit) => <span className="strong">{typeText(limit)}</span> },
  { head: "Kind", cell: ({ kind }) => <code>{kind}</code>, isCut: true },
  { head: "Of", cell: (limit) => <span className="soft">{valuesText(limit)}</span>, isCut: true },
  { head: "Used", cell: (limit) => <Used {...limit} /> },
  { head: "Waiting", cell: ({ waiting }) => numberText(waiting), isRight: true },
  {
    head: "In use by",
    cell: (limit) => limit.holders.slice(0, 3).map((id) => <TaskLink key={id} id={id} />),
    isCut: true,
  },
  { head: "Change", cell: (limit) => <Change {...limit} />, isRight: true, isQuiet: true },
];

/** Rules belong to the tasks of a batch: a limit is changed where those that are in it have it from. */
function Change({ holders: [holder] }: Limit) {
  const isAllowed = mayOperate(useStore(whoami));
  const { data } = useQuery({
    ...{ queryKey: ["task", holder], enabled: isAllowed && holder !== undefined, staleTime: 5_000 },
    queryFn: () => baton().task(holder ?? ""),
  });
  if (!isAllowed || data === undefined) return null;
  return (
    <Link
      className="btn"
      to="/batches/$id/{-$tab}"
      params={{ id: data.batch_id, tab: "tasks" }}
      search={{ rules: data.kind }}
    >
      Change…
    </Link>
  );
}

function Used({ used, limit }: Limit) {
  const isFull = used >= limit;
  return (
    <span className="row" style={{ minWidth: 150 }}>
      <span className="bar grow" role="img" aria-label={`${used} of ${limit}`}>
        <i
          style={
            { "--c": isFull ? "var(--paused)" : "var(--claimed)", flex: used, minWidth: used > 0 ? 2 : 0 } as never
          }
        />
        <span style={{ flex: Math.max(0, limit - used) }} />
      </span>
      <span className="num">
        {numberText(used)} / {numberText(limit)}
      </span>
    </span>
  );
}

export function Limits() {
  usePage([{ text: "Limits" }]);
  return (
    <>
      <Intro title="Limits">
        What rules limit: a row for each kind with its values. A full one lets the next task start when one of those in
        it ends.
      </Intro>
      <Listing
        path="/limits"
        label="Limits"
        columns={columns}
        keyOf={(limit) => JSON.stringify([limit.type, limit.kind, limit.fields, limit.values, limit.limit])}
        empty={
          <Nothing title="No task has a rule">
            Rules of tasks limit how many of a kind run at once, or how much work they have left.
          </Nothing>
        }
      />
    </>
  );
}
