// What the start call of a task is sent from the results of tasks above it: which part of whose, and what that is now.
import { useQueries, useQuery } from "@tanstack/react-query";
import type { Dag, Input, ListedTask, Task } from "../../../sdk/client.ts";
import { baton } from "../../data/session.ts";
import { TaskLink } from "../../parts/links.tsx";
import { type Column, Table } from "../../parts/lists/table.tsx";
import { Panel } from "../../parts/panel.tsx";
import { valueAt } from "./value-at.ts";

interface Row {
  readonly name: string;
  readonly input: Input;
  readonly source: ListedTask | undefined;
}

const asked = ({ actions }: Task) =>
  actions.find(({ trigger }) => trigger === "Start")?.params.inputs as "parents" | Record<string, Input> | undefined;

export function Inputs({ task }: { readonly task: Task }) {
  const inputs = asked(task);
  const dag = useQuery({
    ...{ queryKey: ["batch", task.batch_id, "dag"], enabled: inputs !== undefined },
    queryFn: () => baton().dag(task.batch_id),
  });
  if (inputs === undefined || dag.data === undefined) return null;
  const rows = rowsOf(inputs, dag.data, task.id);
  return (
    <Panel title="Inputs" more="of the results of tasks above, read when it is claimed">
      <Values rows={rows} />
    </Panel>
  );
}

function rowsOf(inputs: "parents" | Record<string, Input>, { tasks, links }: Dag, id: string): Row[] {
  if (inputs !== "parents") {
    const byLocalId = new Map(tasks.map((task) => [task.local_id, task]));
    return Object.entries(inputs).map(([name, input]) => ({ name, input, source: byLocalId.get(input.task) }));
  }
  const parents = new Set(links.filter(({ child_id }) => child_id === id).map(({ parent_id }) => parent_id));
  return tasks
    .filter((task) => parents.has(task.id))
    .map((source) => ({ name: source.local_id, input: { task: source.local_id }, source }));
}

function Values({ rows }: { readonly rows: readonly Row[] }) {
  const ids = [...new Set(rows.flatMap(({ source }) => source?.id ?? []))];
  const found = useQueries({
    queries: ids.map((id) => ({ queryKey: ["task", id], queryFn: () => baton().task(id), staleTime: 5_000 })),
  });
  const results = new Map(found.flatMap(({ data }) => (data ? [[data.id, data.result] as const] : [])));
  const columns: readonly Column<Row>[] = [
    { head: "Input", cell: ({ name }) => <code>{name}</code> },
    {
      head: "From",
      cell: ({ source, input }) =>
        source ? (
          <TaskLink id={source.id} name={source.name} />
        ) : (
          <span className="soft">{input.task}, of the batch before</span>
        ),
    },
    { head: "Which part", cell: ({ input }) => <code>{input.pointer || "the whole"}</code> },
    {
      head: "Is now",
      cell: (row) => <code>{textOf(row, results)}</code>,
      title: (row) => textOf(row, results),
      isCut: true,
    },
  ];
  return <Table label="Inputs" rows={rows} columns={columns} keyOf={({ name }) => name} />;
}

function textOf({ source, input }: Row, results: ReadonlyMap<string, unknown>): string {
  if (source === undefined || !results.has(source.id)) return "…";
  return JSON.stringify(valueAt(results.get(source.id), input.pointer ?? "", input.default ?? null));
}
