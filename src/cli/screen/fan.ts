// Draws a DAG that is too large for one line a task: totals, and a bar for each group of tasks. Pure.
// A group is what stands before the last "-" of the tasks' names in the example (orders-17 is of orders).
import type { ListedTask } from "../../sdk/client.ts";
import { hasEnded, headline, looks, type Picture, tally } from "./picture.ts";
import { bar, padded, type Terminal, thousands, width } from "./terminal.ts";

export const fan: Picture = (view, terminal) => {
  const { tasks } = view.dag;
  const groups = groupsOf(tasks);
  const names = Math.max(...groups.keys().map(width), "counted".length);
  const columns = Math.min(Math.max(terminal.columns - names - 32, 12), 50);
  const row = (name: string, done: number, all: number, style: "green" | "cyan") => {
    const share = all > 0 ? done / all : 1;
    const { full, rest } = bar(share, columns);
    const numbers = `${thousands(done)} of ${thousands(all)}`;
    const filled = terminal.paint(share === 1 ? "green" : style, full);
    return `  ${padded(name, names)}  ${filled}${terminal.paint("dim", rest)}  ${numbers}`;
  };
  const { counted, expected } = countersOf(tasks);
  const finished = (group: readonly ListedTask[]) => group.filter((task) => hasEnded(task)).length;
  return [
    "",
    headline(view, terminal),
    "",
    ...groups.entries().map(([name, group]) => row(name, finished(group), group.length, "cyan")),
    "",
    row("tasks", finished(tasks), tasks.length, "cyan"),
    row("counted", counted, expected, "cyan"),
    "",
    `  ${states(tasks, terminal)}`,
    "",
  ];
};

/** Items counted so far, whether they succeeded or failed, and how many are expected in all. */
export function countersOf(tasks: readonly ListedTask[]): { readonly counted: number; readonly expected: number } {
  let counted = 0;
  let expected = 0;
  for (const task of tasks) {
    counted += task.success + task.failures;
    expected += task.expected_count ?? 0;
  }
  return { counted, expected };
}

/** "Running 64 · Success 250", each in its colour. */
export const states = (tasks: readonly ListedTask[], { paint }: Pick<Terminal, "paint">): string =>
  tally(tasks)
    .map(([status, count]) => `${paint(looks[status].style, status)} ${thousands(count)}`)
    .join(" · ");

function groupsOf(tasks: readonly ListedTask[]): Map<string, readonly ListedTask[]> {
  const numbered = (task: ListedTask) => /^(.+)-\d+$/.exec(task.local_id)?.[1];
  const prefix = (task: ListedTask) => /^(.+)-[^-]+$/.exec(task.local_id)?.[1];
  return Map.groupBy(tasks, (task) => numbered(task) ?? prefix(task) ?? task.local_id);
}
