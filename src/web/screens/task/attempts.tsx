// The attempts of a task: a row for each claim, with what came of its start call and how long each phase took, and what went wrong
// in a row of its own below it.
import { useQuery } from "@tanstack/react-query";
import type { TaskAttempt } from "../../../sdk/client.ts";
import { durationText } from "../../data/format.ts";
import { baton } from "../../data/session.ts";
import { type Column, Table } from "../../parts/lists/table.tsx";
import { Asked, Empty, Panel } from "../../parts/panel.tsx";
import { Time } from "../../parts/time.tsx";

const columns: readonly Column<TaskAttempt>[] = [
  {
    head: "Attempt",
    cell: ({ attempt, waited_for }) => (
      <span className="num">
        {attempt + 1} {waited_for && <span className="faint">after {waited_for.replace("_", " ")}</span>}
      </span>
    ),
  },
  { head: "Claimed", cell: ({ claimed_at }) => <Time at={claimed_at} /> },
  {
    head: "Answer",
    cell: ({ status, started_at }) => <code>{status ?? (started_at === null ? "no call" : "none")}</code>,
  },
  {
    head: "Connect",
    cell: ({ ms }) => (ms.connect === null ? "–" : ms.connect === 0 ? "kept open" : durationText(ms.connect)),
  },
  { head: "Answered in", cell: ({ ms }) => (ms.answer === null ? "–" : durationText(ms.answer)) },
  { head: "Worker", cell: ({ worker }) => <code className="faint">{worker}</code> },
];

export function Attempts({ id }: { readonly id: string }) {
  const attempts = useQuery({ queryKey: ["task", id, "attempts"], queryFn: () => baton().attempts(id) });
  return (
    <Panel title="Attempts" more="a row for each claim">
      <Asked query={attempts}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No worker has claimed it yet" />
          ) : (
            <Table
              label="Attempts"
              rows={rows}
              columns={columns}
              keyOf={({ claimed_at }) => claimed_at}
              under={({ error }) => error !== null && <span className="soft">{error}</span>}
            />
          )
        }
      </Asked>
    </Panel>
  );
}
