// What of a batch can be taken along: all of it as JSON, its tasks as CSV, or one page for a ticket. Loaded when it is first wanted.
import type { Batch, Dag, Exchanged, ListedTask, TaskAttempt } from "../../../../sdk/client.ts";
import { baton, root } from "../../../data/session.ts";
import { layout } from "../../../graph/layout/layout.ts";
import { csvOf } from "./csv.ts";
import { pictureOf } from "./picture.ts";
import { ticketOf } from "./ticket.ts";

export type Format = "json" | "csv" | "html";

const types: Readonly<Record<Format, string>> = {
  ...{ json: "application/json", csv: "text/csv;charset=utf-8", html: "text/html;charset=utf-8" },
};
const pageSize = 5_000;
/** A ticket with a larger picture helps nobody, and beyond so many failures the first ones tell it. */
const [drawnMax, failuresMax] = [400, 20];

export async function exportBatch(batch: Batch, name: string, format: Format): Promise<void> {
  const dag = await wholeDag(batch.batch_id);
  save(`batch-${batch.batch_id}.${format}`, types[format], await textOf(batch, name, dag, format));
}

async function textOf(batch: Batch, name: string, dag: Dag, format: Format): Promise<string> {
  if (format === "json") return JSON.stringify({ batch, ...dag }, null, 2);
  if (format === "csv") return csvOf(dag.tasks);
  const url = new URL(`view/batches/${batch.batch_id}`, root).href;
  const [attempts, at] = [await attemptsOf(batch, dag.tasks), new Date().toISOString()];
  return ticketOf({ name, batch, tasks: dag.tasks, attempts, picture: draw(dag), url, at });
}

/** Page by page: one with many edges ends early, and the end is where no next one is named. */
async function wholeDag(id: string): Promise<Dag> {
  const pages: Dag[] = [];
  let query: Record<string, string> | undefined = { page_size: String(pageSize) };
  while (query !== undefined) {
    const page: Exchanged<Dag> = await baton().call("getDag", { path: { id }, query });
    pages.push(page.body);
    query = nextOf(page.headers);
  }
  return { tasks: pages.flatMap(({ tasks }) => tasks), links: pages.flatMap(({ links }) => links) };
}

function nextOf(headers: Headers): Record<string, string> | undefined {
  const next = /<[^>]*\?([^>]*)>;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
  return next === undefined ? undefined : Object.fromEntries(new URLSearchParams(next));
}

/** The first that failed, and the next ones. */
async function attemptsOf(batch: Batch, tasks: readonly ListedTask[]) {
  const first = batch.first_failure?.task_id;
  const failed = tasks
    .filter(({ status, attempt, started_at }) => status === "Failure" && (started_at !== null || attempt > 0))
    .sort((a, b) => Number(b.id === first) - Number(a.id === first))
    .slice(0, failuresMax);
  const rows = await Promise.all(failed.map(async ({ id }) => [id, await baton().attempts(id)] as const));
  return new Map<string, readonly TaskAttempt[]>(rows);
}

function draw({ tasks, links }: Dag): string {
  if (tasks.length === 0 || tasks.length > drawnMax) return "";
  const places = new Map(tasks.map(({ id }, i) => [id, i]));
  const known = links.filter(({ parent_id, child_id }) => places.has(parent_id) && places.has(child_id));
  const from = Int32Array.from(known, ({ parent_id }) => places.get(parent_id) ?? 0);
  const to = Int32Array.from(known, ({ child_id }) => places.get(child_id) ?? 0);
  const names = tasks.map((task) => task.name);
  const labelWidth = Float32Array.from(names, (text) => 42 + text.length * 6.7);
  const laid = layout({ n: tasks.length, from, to, labelWidth, width: 1_100, height: 560 });
  return pictureOf({ names, states: tasks.map(({ status }) => status), from, to }, laid);
}

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
