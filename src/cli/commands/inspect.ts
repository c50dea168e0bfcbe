// `baton get`, `why` and `events`: what there is, and why it is so.
import type { Batch, Task, TaskEvent } from "../../sdk/client.ts";
import { Mistake } from "../arguments.ts";
import { contextOf, exits, idOf, type Settings, shortId, thingOf } from "../context.ts";
import { interruption } from "../interrupt.ts";
import { type Next, waitsForTasks, whyLines } from "../screen/why.ts";
import { taskTable } from "./list.ts";

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
  if (!options.follow) {
    const what = id === undefined ? "those of all" : "those of a batch";
    throw new Mistake(
      `${what} are followed as they happen\nTry: baton events${id === undefined ? "" : ` ${id}`} --follow`,
    );
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
