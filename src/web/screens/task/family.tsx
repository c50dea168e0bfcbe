// What the task needs, and what needs it. Of very large batches the graph shows it, and this does not ask for all of it.
import { useQuery } from "@tanstack/react-query";
import type { Dag, ListedTask, Task } from "../../../sdk/client.ts";
import { baton } from "../../data/session.ts";
import { TaskLink } from "../../parts/links.tsx";
import { Panel } from "../../parts/panel.tsx";
import { Shape } from "../../parts/state.tsx";

const tasksMax = 2_000;
const shownMax = 12;

export function Family({ task }: { readonly task: Task }) {
  const batch = useQuery({ queryKey: ["batch", task.batch_id], queryFn: () => baton().batch(task.batch_id) });
  const isSmall = (batch.data?.total_tasks ?? Number.POSITIVE_INFINITY) <= tasksMax;
  const { data } = useQuery({
    ...{ queryKey: ["batch", task.batch_id, "dag"], enabled: isSmall },
    queryFn: () => baton().dag(task.batch_id),
  });
  if (!data) return null;
  const { parents, children } = familyOf(data, task.id);
  return (
    <>
      <List title="Needs" members={parents} />
      <List title="Needed by" members={children} />
    </>
  );
}

interface Member {
  readonly task: ListedTask;
  readonly edge: string;
}

function familyOf({ tasks, links }: Dag, id: string) {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const members = (isMine: (link: Dag["links"][number]) => string | undefined): Member[] =>
    links.flatMap((link) => {
      const task = byId.get(isMine(link) ?? "");
      const edge = link.requires_success ? "needs success" : (link.condition ?? "always").replace("_", " ");
      return task ? [{ task, edge }] : [];
    });
  return {
    parents: members(({ child_id, parent_id }) => (child_id === id ? parent_id : undefined)),
    children: members(({ child_id, parent_id }) => (parent_id === id ? child_id : undefined)),
  };
}

function List({ title, members }: { readonly title: string; readonly members: readonly Member[] }) {
  if (members.length === 0) return null;
  return (
    <Panel title={title} more={members.length}>
      <ul className="body">
        {members.slice(0, shownMax).map(({ task, edge }) => (
          <li key={task.id} className="row" style={{ padding: "3px 0" }}>
            <Shape state={task.status} label={task.status} />
            <span className="cut grow">
              <TaskLink id={task.id} name={task.name} />
            </span>
            <span className="faint">{edge}</span>
          </li>
        ))}
        {members.length > shownMax && <li className="soft">and {members.length - shownMax} more, in the graph</li>}
      </ul>
    </Panel>
  );
}
