// Writes docs/edges.md from src/domain/propagation/edges.ts: what each edge leads to, by how its parent ended, as the engine decides it.
import { type Edge, edges, ends, isMet, lossBy } from "../src/domain/propagation/edges.ts";

export const edgesPath = "docs/edges.md";

const sent: Record<Edge, string> = {
  always: '`{"id": "p"}`, or with `"condition": "always"` or `"requires_success": false`',
  on_success: '`{"id": "p", "condition": "on_success"}`',
  on_failure: '`{"id": "p", "condition": "on_failure"}`',
  none_failed: '`{"id": "p", "condition": "none_failed"}`',
  requires_success: '`{"id": "p", "requires_success": true}`',
};

/** As Markdown; the README shows it, too. A test compares. */
export function edgeTable(): string {
  const rows = ends.map((end) => [end, ...edges.map((edge) => (isMet(edge, end) ? "starts" : lossBy(edge)))]);
  return [
    `| the parent ended in | ${edges.map((edge) => `\`${edge}\``).join(" | ")} |`,
    `|---|${edges.map(() => "---|").join("")}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

export const renderEdges = (): string => `# What an edge says

<!-- Generated from src/domain/propagation/edges.ts by \`npm run docs\`; do not edit. -->

A task depends on parents, each by an edge. The edge says what happens to the task when that parent has ended:

${edgeTable()}

"Starts" stands for: this dependency is met, and the task starts when all of its dependencies are. One that can never be met
ends the task at once, whatever its other parents do; where several do, Failure goes before Skipped. \`failure_reason\`
names the edge and the parent. A task that ends so is itself a parent that has ended, and the table is read again for its children.

| edge | how it is sent |
|---|---|
${edges.map((edge) => `| \`${edge}\` | ${sent[edge]} |`).join("\n")}

- With \`"join": "any"\` the task starts with the first dependency that is met. It is lost only when none of them can be met
  any more, and what its other parents do later changes nothing.
- A dependency on a task that was deduplicated counts as met.
- A task that is retried has not ended: its children hear of the last attempt.
- In a rerun, a parent that is left out counts as it ended in the first batch. Only the tasks that \`from\` names start whatever
  their left-out parents did.

## Dead ends

Baton cancels what nobody needs any more. When the last unfinished task that depends on a task has ended, that task is a dead end: it is
canceled ("All child tasks already terminated"), its \`on_cancel\` tells the service to stop, and then its own parents are looked at.
That saves a test run whose release can no longer happen. It is wrong for tasks that are wanted for themselves. In an ETL that
came from Airflow, three branches each write a table, and a report needs all three:

\`\`\`
             ┌─ load orders ────── Running ──┐
extract ─────┼─ load customers ─── Running ──┼─ report ─── notify
             └─ load prices ────── Failure ──┘

report requires all three (requires_success); notify runs whatever happened.

1. load prices fails. report requires it: Failure, without a start. notify starts.
2. report was the last unfinished child of load orders and load customers. They are dead ends: Canceled, while they write.
\`\`\`

Airflow would let both finish. Say so with \`dead_end\`, for each task or once for the batch:

\`\`\`json no-test: the tasks are left out
{ "dead_end": "keep", "tasks": [ … ] }
\`\`\`

\`\`\`
             ┌─ load orders ────── Success ──┐
extract ─────┼─ load customers ─── Success ──┼─ report ─── notify
             └─ load prices ────── Failure ──┘
\`\`\`

Then a rerun of what failed runs \`load prices\` and \`report\` alone, and \`notify\` as well with \`"dependents": true\`. [The example](../examples/etl-dead-ends.json)
is this DAG.

| | what it says |
|---|---|
| \`"dead_end": "keep"\` | the task is not canceled as a dead end, and neither are its parents because of it |
| \`"dead_end_barrier": true\` | the task may be canceled as a dead end; its parents are not, because of it |
| \`"dead_end": "cancel"\` | the default; on a task it overrules the \`keep\` of its batch |
| \`"open": true\` | while the batch is open no task of it is canceled as a dead end, and closing it cancels none ([growing.md](growing.md)) |
| the task has added tasks | while it is Claimed or Running it is not canceled as a dead end |
| \`DEAD_END_CANCEL_ENABLED=0\` | no dead ends at all, in any batch |

A batch in which tasks were only canceled as dead ends is not \`canceled\`: they are left aside when its \`status\` is said.
`;
