// What the demo's pictures are drawn from: the batch as it was seen last, and how each state looks. Pure.
import type { Dag, ListedTask, TaskStatus } from "../../sdk/client.ts";
import type { Style, Terminal } from "./terminal.ts";

export interface DemoView {
  readonly title: string;
  readonly dag: Dag;
  /** Now, by the server's clock, in ms since 1970. */
  readonly nowMs: number;
  readonly beganMs: number;
  /** Counts the pictures, so that something turns. */
  readonly frame: number;
  /** Set when the server did not answer the last time. */
  readonly trouble?: string | undefined;
}

export type Picture = (view: DemoView, terminal: Pick<Terminal, "paint" | "columns">) => string[];

interface Look {
  readonly icon: string;
  readonly style: Style;
}

export const looks = {
  Waiting: { icon: "·", style: "dim" },
  Pending: { icon: "○", style: "yellow" },
  Claimed: { icon: "◔", style: "cyan" },
  Running: { icon: "●", style: "cyan" },
  Retrying: { icon: "↻", style: "yellow" },
  Paused: { icon: "‖", style: "yellow" },
  Success: { icon: "✔", style: "green" },
  Failure: { icon: "✘", style: "red" },
  Canceled: { icon: "⊘", style: "magenta" },
  Skipped: { icon: "↷", style: "gray" },
} as const satisfies Record<TaskStatus, Look>;

export const statuses = Object.keys(looks) as readonly TaskStatus[];
const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

export const icon = (status: TaskStatus, frame: number): string =>
  status === "Running" ? (spinner[frame % spinner.length] as string) : looks[status].icon;

/** Whether a task is final: final states, and only they, have an end. */
export const hasEnded = (task: ListedTask): boolean => task.ended_at !== null;

/** How many tasks are in each state, the states in their order, empty ones left out. */
export function tally(tasks: readonly ListedTask[]): readonly (readonly [TaskStatus, number])[] {
  const counts = new Map<TaskStatus, number>();
  for (const { status } of tasks) counts.set(status, (counts.get(status) ?? 0) + 1);
  return statuses.flatMap((status) => (counts.has(status) ? [[status, counts.get(status) as number] as const] : []));
}

/** The time from a task's start to its end, or to now; undefined when it never started. */
export function span(task: ListedTask, nowMs: number): { readonly fromMs: number; readonly toMs: number } | undefined {
  if (!task.started_at) return undefined;
  const fromMs = Date.parse(task.started_at);
  return { fromMs, toMs: Math.max(task.ended_at ? Date.parse(task.ended_at) : nowMs, fromMs) };
}

/** The line above every picture. */
export function headline(view: DemoView, { paint }: Pick<Terminal, "paint">): string {
  const { title, nowMs, beganMs, trouble, dag } = view;
  const time = `${((nowMs - beganMs) / 1000).toFixed(1)} s`;
  const ended = dag.tasks.length > 0 ? `  ${dag.tasks.filter(hasEnded).length} of ${dag.tasks.length} ended` : "";
  return `  ${paint("bold", title)}  ${paint("dim", `${time}${ended}`)}${trouble ? `  ${paint("yellow", trouble)}` : ""}`;
}
