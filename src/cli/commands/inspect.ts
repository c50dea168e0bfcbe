// `baton get`, `why`, `list` and `events`: what there is, and why it is so.
import type { Batch, ListedBatch, ListedTask, Task, TaskEvent } from "../../sdk/client.ts";
import { numberOf } from "../arguments.ts";
import { type Context, contextOf, exits, idOf, type Settings, shortId, thingOf } from "../context.ts";
import { interruption } from "../interrupt.ts";
import { ago, columns } from "../screen/columns.ts";
import { looks } from "../screen/picture.ts";
import type { Style } from "../screen/terminal.ts";
import { type Next, waitsForTasks, whyLines } from "../screen/why.ts";

export async function get(id: string, options: Settings): Promise<number> {
  const context = contextOf(options);
  const thing = await thingOf(context.baton, id);
  if (thing.type === "task") {
    const task = await context.baton.task(thing.id);
    context.show(task, () => taskLines(task));
    return exits.success;
  }
  const batch = await context.baton.batch(thing.id);
  if (context.json) context.show(batch, () => []);
  else {
    const { tasks } = await context.baton.dag(thing.id);
    for (const line of [...batchLines(batch), "", ...taskTable(tasks, context)]) context.terminal.print(line);
  }
  return exits.success;
}

const taskLines = (task: Task): string[] =>
  pairs([
    ["task", `${task.id}  ${task.local_id}`],
    ["name", task.name],
    ["kind", task.kind],
    ["state", `${task.status}${task.attempt > 0 ? `, attempt ${task.attempt}` : ""}`],
    ["reason", task.failure_reason],
    ["batch", task.batch_id],
    ["created", task.created_at],
    ["started", task.started_at],
    ["ended", task.ended_at],
    ["counted", task.expected_count === null ? null : `${task.success + task.failures} of ${task.expected_count}`],
    ["result", task.result === null ? null : JSON.stringify(task.result)],
    ["next", task.ended_at === null ? `baton why ${task.id}` : null],
  ]);

const batchLines = (batch: Batch): string[] =>
  pairs([
    ["batch", batch.batch_id],
    ["scope", batch.scope],
    ["state", `${batch.status}${batch.paused ? ", paused" : ""}${batch.open ? ", open" : ""}`],
    ["created", `${batch.created_at} by ${batch.created_by}`],
    ["complete", batch.completed_at],
    ["deadline", batch.deadline_at],
    ["failed first", batch.first_failure && `${batch.first_failure.local_id}: ${batch.first_failure.reason}`],
  ]);

const pairs = (rows: readonly (readonly [string, string | null])[]): string[] =>
  rows.flatMap(([name, value]) => (value === null || value === "" ? [] : [`${name.padEnd(13)} ${value}`]));

const idStyle: Style = "cyan";

function taskTable(tasks: readonly ListedTask[], { terminal }: Context): string[] {
  const rows = tasks.map((task) => [
    ...[shortId(task.id), task.status, task.local_id, task.kind],
    task.failure_reason ?? (task.name === task.local_id ? "" : task.name),
  ]);
  return columns(["ID", "STATE", "NAME", "KIND", ""], rows, terminal, (text, row, column) => {
    if (column === 0) return terminal.paint(idStyle, text);
    return column === 1 ? terminal.paint(looks[tasks[row]?.status ?? "Waiting"].style, text) : text;
  });
}

export interface ListOptions extends Settings {
  readonly status?: string;
  readonly kind?: string;
  readonly scope?: string;
  readonly batch?: string;
  readonly limit: string;
}

/** `what`: batches or tasks. */
export async function list(what: "batches" | "tasks", options: ListOptions): Promise<number> {
  const context = contextOf(options);
  const { baton, terminal } = context;
  const most = numberOf("limit", options.limit, 1, 10_000);
  const { status, kind, scope } = options;
  const filter = { page_size: String(Math.min(most, 100)), ...(status ? { status } : {}), ...(kind ? { kind } : {}) };
  if (what === "tasks") {
    const batch = options.batch === undefined ? {} : { batch_id: await idOf(baton, options.batch, "batch") };
    const tasks = await taken(baton.every("listTasks", { ...filter, ...batch }), most);
    context.show(tasks, () => (tasks.length > 0 ? taskTable(tasks, context) : ["no tasks"]));
    return exits.success;
  }
  const batches = await taken(baton.every("listBatches", { ...filter, ...(scope ? { scope } : {}) }), most);
  context.show(batches, () => (batches.length > 0 ? batchTable(batches, terminal) : ["no batches"]));
  return exits.success;
}

async function taken<T>(rows: AsyncIterable<T>, most: number): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) if (all.push(row) >= most) break;
  return all;
}

const batchStyles: Readonly<Record<ListedBatch["status"], Style>> = {
  running: "cyan",
  paused: "yellow",
  success: "green",
  failure: "red",
  canceled: "magenta",
};

function batchTable(batches: readonly ListedBatch[], terminal: Context["terminal"]): string[] {
  const nowMs = Date.now();
  const rows = batches.map((batch) => {
    const { success, failure, canceled, skipped } = batch.status_counts;
    const done = `${success + failure + canceled + skipped}/${batch.total_tasks}`;
    return [
      shortId(batch.batch_id),
      batch.status,
      done,
      ago(batch.created_at, nowMs),
      batch.scope ?? "",
      batch.kinds.join(", "),
    ];
  });
  return columns(["ID", "STATE", "ENDED", "AGE", "SCOPE", "KINDS"], rows, terminal, (text, row, column) => {
    if (column === 0) return terminal.paint(idStyle, text);
    return column === 1 ? terminal.paint(batchStyles[batches[row]?.status ?? "running"], text) : text;
  });
}

export async function why(id: string, options: Settings): Promise<number> {
  const context = contextOf(options);
  const { baton } = context;
  const task = await baton.task(await idOf(baton, id, "task"));
  if (context.json) {
    context.show(
      { status: task.status, failure_reason: task.failure_reason, blocked_by: task.blocked_by ?? [] },
      () => [],
    );
    return exits.success;
  }
  const { tasks } = waitsForTasks(task) ? await baton.dag(task.batch_id) : { tasks: [] };
  for (const line of whyLines(task, tasks, nextFor(baton.url))) context.terminal.print(line);
  return exits.success;
}

/** Commands; a gate is answered by its handle. */
const nextFor =
  (url: string): Next =>
  (what, id) => {
    if (what === "complete") return `baton complete ${url}/task/${id}`;
    if (what === "fail") return `baton fail ${url}/task/${id} --reason "…"`;
    return `baton ${what}${id === undefined ? "" : ` ${id}`}`;
  };

export interface EventOptions extends Settings {
  readonly follow?: boolean;
}

/** Of a task: those so far. With `--follow`: as they happen, of a batch or of all. */
export async function events(id: string | undefined, options: EventOptions): Promise<number> {
  const context = contextOf(options);
  const thing = id === undefined ? undefined : await thingOf(context.baton, id);
  const print = (event: TaskEvent) =>
    process.stdout.write(`${context.json ? JSON.stringify(event) : eventLine(event)}\n`);
  if (thing?.type === "task") {
    for (const event of await context.baton.events(thing.id)) print(event);
    if (!options.follow) return exits.success;
  }
  const signal = interruption();
  const batch = thing?.type === "batch" ? { batchId: thing.id } : {};
  const past = thing?.type === "batch" ? { lastEventId: 0 } : {};
  for await (const event of context.baton.follow({ ...batch, ...past, signal })) {
    if (thing?.type === "task" && event.task_id !== thing.id) continue;
    print(event);
  }
  return exits.success;
}

const eventLine = ({ at, task_id, from, to, event, attempt, reason, actor }: TaskEvent): string =>
  `${at}  ${shortId(task_id)}  ${`${from} → ${to}`.padEnd(20)}  ${event.padEnd(18)} ${attempt > 0 ? `attempt ${attempt}  ` : ""}${actor}${reason ? `  ${reason}` : ""}`;
