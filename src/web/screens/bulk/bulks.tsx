// Bulk operations, newest first: what each does to what, how far it is, who asked for it and why.
import { Link } from "@tanstack/react-router";
import type { BulkOperation } from "../../../sdk/client.ts";
import { Intro, Listing, Nothing } from "../../parts/lists/listing.tsx";
import type { Column } from "../../parts/lists/table.tsx";
import { Time } from "../../parts/time.tsx";
import { usePage } from "../../shell/page.tsx";
import { BulkBar, BulkState } from "./progress.tsx";
import { actionWords, filterText, nounOf } from "./words.ts";

const columns: readonly Column<BulkOperation>[] = [
  {
    head: "Operation",
    cell: (operation) => (
      <Link className="strong" to="/bulk/$id" params={{ id: operation.bulk_id }}>
        {actionWords[operation.action]} {nounOf(operation)}
      </Link>
    ),
  },
  { head: "That match", cell: (operation) => <code>{filterText(operation)}</code>, title: filterText, isCut: true },
  { head: "State", cell: (operation) => <BulkState operation={operation} /> },
  { head: "Progress", cell: (operation) => <BulkBar operation={operation} /> },
  { head: "Why", cell: ({ reason }) => <span className="soft">{reason}</span>, isCut: "rest" },
  { head: "Who", cell: ({ actor }) => <code className="faint">{actor}</code> },
  { head: "Asked", cell: ({ created_at }) => <Time at={created_at} />, isRight: true },
];

export function Bulks() {
  usePage([{ text: "Bulk" }]);
  return (
    <>
      <Intro title="Bulk operations">
        Each asks something of all that matched a filter, in portions, and counts what became of them. They are kept 30
        days after their end.
      </Intro>
      <Listing
        path="/bulk"
        label="Bulk operations"
        columns={columns}
        keyOf={({ bulk_id }) => bulk_id}
        againMs={2_000}
        empty={
          <Nothing title="No bulk operations yet">
            Filter a list of tasks, batches or deliveries, and act on all that matches.
          </Nothing>
        }
      />
    </>
  );
}
