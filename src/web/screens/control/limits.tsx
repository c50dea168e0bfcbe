// What rules limit: each limit with how much of it is used, by whom, and how many wait for it.
import type { Limit } from "../../../sdk/client.ts";
import { numberText } from "../../data/format.ts";
import { TaskLink } from "../../parts/links.tsx";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { usePage } from "../../shell/page.tsx";

const valuesText = ({ fields, values }: Limit): string =>
  fields.map((field, i) => `${field} = ${JSON.stringify(values[i] ?? null)}`).join(", ") || "all of the kind";

const columns: readonly Column<Limit>[] = [
  { head: "Limit", cell: ({ type }) => <span className="strong">{type}</span> },
  { head: "Kind", cell: ({ kind }) => <code>{kind}</code>, isCut: true },
  { head: "Of", cell: (limit) => <span className="soft">{valuesText(limit)}</span>, isCut: true },
  { head: "Used", cell: (limit) => <Used {...limit} /> },
  { head: "Waiting", cell: ({ waiting }) => numberText(waiting), isRight: true },
  {
    head: "In use by",
    cell: (limit) => limit.holders.slice(0, 3).map((id) => <TaskLink key={id} id={id} />),
    isCut: true,
  },
];

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
