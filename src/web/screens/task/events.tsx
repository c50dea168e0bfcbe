// What happened to a task, who did it and why.
import { useQuery } from "@tanstack/react-query";
import type { TaskEvent } from "../../../sdk/client.ts";
import { baton } from "../../data/session.ts";
import { type Column, Table } from "../../parts/lists/table.tsx";
import { Asked, Empty, Panel } from "../../parts/panel.tsx";
import { State } from "../../parts/state.tsx";
import { Time } from "../../parts/time.tsx";

const columns: readonly Column<TaskEvent>[] = [
  { head: "When", cell: ({ at }) => <Time at={at} /> },
  { head: "Event", cell: ({ event }) => <code>{event}</code> },
  { head: "From", cell: ({ from }) => <State state={from} /> },
  {
    head: "To",
    cell: ({ from, to }) => (from === to ? <span className="soft">refused</span> : <State state={to} />),
  },
  { head: "Attempt", cell: ({ attempt }) => <span className="num">{attempt + 1}</span> },
  {
    head: "Why",
    cell: ({ reason }) => <span className="soft">{reason}</span>,
    title: ({ reason }) => reason ?? "",
    isCut: "rest",
  },
  { head: "Who", cell: ({ actor }) => <code className="faint">{actor}</code> },
];

export function TaskEvents({ id }: { readonly id: string }) {
  const query = useQuery({ queryKey: ["task", id, "events"], queryFn: () => baton().events(id) });
  return (
    <Panel title="Events" more="oldest first">
      <Asked query={query}>
        {(events) =>
          events.length === 0 ? (
            <Empty title="Nothing has happened yet" />
          ) : (
            <Table label="Events" rows={events} columns={columns} keyOf={({ id: key }) => key} />
          )
        }
      </Asked>
    </Panel>
  );
}
