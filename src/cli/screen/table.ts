// Draws a small DAG: one line a task, with its state, its time, when it ran, and what it waits for or how it ended. Pure.
import type { Dag, ListedTask } from "../../sdk/client.ts";
import { type DemoView, hasEnded, headline, icon, looks, type Picture, span } from "./picture.ts";
import { cut, padded, seconds, type Terminal, width } from "./terminal.ts";

// The time line does not shrink from the first task's end on, which would look like going backwards.
const shortestMs = 3000;
/** So wide are most notes. */
const notesWanted = 44;

export const table: Picture = (view, terminal) => {
  const { tasks } = view.dag;
  const names = Math.min(Math.max(...tasks.map((task) => width(task.local_id))), 24);
  const fixed = 2 + 2 + names + 2 + 8 + 2 + 8 + 2;
  // Where there is little place, what is said of a task goes before when it ran.
  const line = Math.min(Math.max(terminal.columns - fixed - notesWanted, 10), 44);
  const rest = terminal.columns - fixed - line - 3;
  const notes = noteOf(view.dag);
  const rows = tasks.map((task) => {
    const { style } = looks[task.status];
    const ran = span(task, view.nowMs);
    return [
      `  ${terminal.paint(style, icon(task.status, view.frame))}`,
      ` ${terminal.paint(hasEnded(task) ? [] : "bold", padded(cut(task.local_id, names), names))}`,
      `  ${terminal.paint(style, task.status.padEnd(8))}`,
      `  ${terminal.paint("dim", (ran ? seconds(ran.toMs - ran.fromMs) : "").padStart(8))}`,
      `  ${timeline(view, task, line, terminal)}`,
      `  ${terminal.paint("dim", fitting(notes(task), rest))}`,
    ].join("");
  });
  return ["", headline(view, terminal), "", ...rows, ""];
};

function timeline(view: DemoView, task: ListedTask, columns: number, { paint }: Pick<Terminal, "paint">): string {
  const ran = span(task, view.nowMs);
  if (!ran) return " ".repeat(columns);
  const scale = columns / Math.max(view.nowMs - view.beganMs, shortestMs);
  const from = Math.min(Math.max(Math.floor((ran.fromMs - view.beganMs) * scale), 0), columns - 1);
  const to = Math.min(Math.max(Math.ceil((ran.toMs - view.beganMs) * scale), from + 1), columns);
  return " ".repeat(from) + paint(looks[task.status].style, "━".repeat(to - from)) + " ".repeat(columns - to);
}

/** What to say of a task besides its state: whom it waits for, how far it is, why it ended so. */
export function noteOf({ tasks, links }: Dag): (task: ListedTask) => string {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const parents = (task: ListedTask) =>
    links
      .filter((link) => link.child_id === task.id)
      .map((link) => byId.get(link.parent_id))
      .filter((parent) => parent !== undefined);
  return (task) => {
    if (task.failure_reason) return named(task.failure_reason, byId);
    if (task.status === "Waiting") {
      const open = parents(task).filter((parent) => !hasEnded(parent));
      return open.length > 0 ? `after ${open.map((parent) => parent.local_id).join(", ")}` : "";
    }
    if (task.status === "Skipped") return "its condition could not be met";
    if (task.expected_count === null || task.success + task.failures === 0) return "";
    const failed = task.failures > 0 ? `, ${task.failures} failed` : "";
    return `${task.success + task.failures}/${task.expected_count}${failed}`;
  };
}

/** Baton's own reasons in fewer words, where they do not fit; what a service said is cut. */
function fitting(note: string, columns: number): string {
  if (width(note) <= columns) return note;
  const short = note
    .replace(/^Required parent task (.+) failed$/, "$1 failed")
    .replace(/^Condition (\S+) of (.+) not met: it is (\S+)$/, "$2 is $3")
    .replace(/^All child tasks already terminated$/, "no longer needed");
  return cut(short, columns);
}

// Reasons name tasks by their ids; people know them by the names they gave.
const named = (reason: string, byId: ReadonlyMap<string, ListedTask>): string =>
  reason
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => byId.get(id)?.local_id ?? id)
    .replace(" of parent task ", " of ");
