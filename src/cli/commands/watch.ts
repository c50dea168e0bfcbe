// `baton watch` and `baton submit`: a batch from its file to its verdict. The exit code is the verdict. Ctrl-C ends the watching; the
// batch goes on.
import { setTimeout as sleep } from "node:timers/promises";
import { type Batch, BatonRefused, BatonUnreachable, type Dag, type DryRun } from "../../sdk/client.ts";
import { placed, readBatchFile, valuesOf } from "../batch-file.ts";
import { type Context, contextOf, exits, idOf, type Settings, shortId } from "../context.ts";
import { interruption } from "../interrupt.ts";
import { fan } from "../screen/fan.ts";
import { history } from "../screen/journal.ts";
import { type DemoView, headline, looks } from "../screen/picture.ts";
import { table } from "../screen/table.ts";
import { thousands } from "../screen/terminal.ts";

export interface SubmitOptions extends Settings {
  readonly watch?: boolean;
  readonly dryRun?: boolean;
  readonly set?: readonly string[];
  readonly key?: string;
}

export async function submit(file: string, options: SubmitOptions): Promise<number> {
  const context = contextOf(options);
  const source = await readBatchFile(file, valuesOf(options.set ?? []));
  try {
    if (options.dryRun) return dryRun(context, await context.baton.dryRun(source.batch));
    const { batchId, tasks } = await context.baton.create(source.batch, options.key);
    if (!options.watch) {
      context.show({ batch_id: batchId, tasks }, () => [
        `batch ${batchId}: ${tasks.length === 1 ? "1 task" : `${thousands(tasks.length)} tasks`}`,
        `Try: baton watch ${batchId}`,
      ]);
      return exits.success;
    }
    return await follow(context, batchId);
  } catch (error) {
    throw placed(error, source);
  }
}

export async function watch(id: string, options: Settings): Promise<number> {
  const context = contextOf(options);
  return follow(context, await idOf(context.baton, id, "batch"));
}

function dryRun({ show, terminal }: Context, plan: DryRun): number {
  show(plan, () => [
    ...plan.levels.map((ids, level) => `${terminal.paint("dim", `level ${level}`)}  ${ids.join(", ")}`),
    ...(plan.deduplicated.length > 0 ? [`left out, for they exist: ${plan.deduplicated.join(", ")}`] : []),
    ...plan.warnings.map((warning) => terminal.paint("yellow", `warning: ${warning}`)),
    terminal.paint("dim", "nothing was created"),
  ]);
  return exits.success;
}

const verdicts: Readonly<Record<string, number>> = {
  success: exits.success,
  failure: exits.failure,
  canceled: exits.canceled,
};
/** Of more tasks than this only sums are shown. */
const tasksShownMax = 2_000;
const rowsMax = 40;
/** What stands around a table, and the line of the shell below. */
const rowsAround = 5;
const pollMs = 150;
/** So long a stream of events may take to open, and its last events to come. */
const streamMs = 2_000;

interface Look {
  readonly batch: Batch;
  readonly dag: Dag;
}

/** Shows the batch until it is complete. */
export async function follow(context: Context, id: string): Promise<number> {
  const interrupt = interruption();
  const over = new AbortController();
  try {
    const code = await shown(context, id, AbortSignal.any([interrupt, over.signal]));
    if (code !== undefined) return code;
  } finally {
    over.abort();
  }
  if (!context.json) context.terminal.print(`The batch goes on. Try: baton watch ${id}, or baton cancel ${id}`);
  return exits.interrupted;
}

/** Resolves with the exit code of its verdict; undefined: aborted before. */
async function shown(context: Context, id: string, signal: AbortSignal): Promise<number | undefined> {
  const { terminal } = context;
  let log: ReturnType<typeof printing> | undefined;
  let last: Look | undefined;
  for (let frame = 0; !signal.aborted; frame += 1) {
    const beganMs = performance.now();
    const seen = await look(context, id);
    if (typeof seen === "string") {
      if (last && terminal.live) terminal.draw(pictured(context, last, frame, seen));
    } else {
      last = seen;
      if (terminal.live) terminal.draw(pictured(context, seen, frame));
      else if (!context.json) {
        log ??= printing(context, seen.batch, signal);
        log.look(seen.dag);
      }
      const code = verdicts[seen.batch.status];
      if (code !== undefined) {
        await log?.end(seen.dag);
        context.show(seen.batch, () => ended(context, seen.batch));
        return code;
      }
    }
    // A large batch is not asked for more often than it takes to answer.
    await sleep(Math.max(pollMs, 2 * (performance.now() - beganMs)), undefined, { signal }).catch(() => {});
  }
  return undefined;
}

/** Where nothing can be redrawn: a line for each transition, from the stream of events, or from the looks where there is none. */
function printing({ baton, terminal }: Context, batch: Batch, signal: AbortSignal) {
  const { batch_id: id, total_tasks: count, scope, created_at: at } = batch;
  terminal.print(`${scope ?? "batch"} ${id}: ${count === 1 ? "1 task" : `${thousands(count)} tasks`}`);
  const { event, named, hasAll, seen } = history(terminal, Date.parse(at));
  let stream: "awaited" | "open" | "none" = count > tasksShownMax ? "none" : "awaited";
  const given = new AbortController();
  const onState = () => {
    stream = "open";
  };
  const read = async () => {
    const asked = { batchId: id, lastEventId: 0, signal: AbortSignal.any([signal, given.signal]), onState };
    for await (const one of baton.follow(asked)) event(one);
  };
  const giveUp = () => {
    stream = "none";
    given.abort();
  };
  // It is refused, or the events are gone that retention deletes.
  if (stream === "awaited") read().catch(giveUp);
  const awaitedMs = performance.now() + streamMs;
  return {
    look(dag: Dag): void {
      named(dag);
      if (stream === "awaited" && performance.now() > awaitedMs) giveUp();
      if (stream === "none") seen(dag);
    },
    /** After the last look, whose events may still be on their way. */
    async end(dag: Dag): Promise<void> {
      const endMs = performance.now() + streamMs;
      while (stream !== "none" && !hasAll(dag) && performance.now() < endMs && !signal.aborted) await sleep(pollMs / 3);
      seen(dag);
    },
  };
}

/** A text says why there is no answer just now. */
async function look({ baton }: Context, id: string): Promise<Look | string> {
  const now = baton.with({ retries: 0 });
  try {
    const batch = await now.batch(id);
    const dag = batch.total_tasks > tasksShownMax ? { tasks: [], links: [] } : byLevel(await now.dag(id));
    return { batch, dag };
  } catch (error) {
    if (error instanceof BatonUnreachable) return "no answer, asking again ...";
    if (error instanceof BatonRefused && error.status === 503) return "not available just now, asking again ...";
    throw error;
  }
}

function pictured({ terminal }: Context, { batch, dag }: Look, frame: number, trouble?: string): string[] {
  const nowMs = batch.completed_at ? Date.parse(batch.completed_at) : Date.now();
  const view: DemoView = {
    ...{ title: `${batch.scope ?? "batch"} ${shortId(batch.batch_id)}`, dag, frame, trouble },
    ...{ beganMs: Date.parse(batch.created_at), nowMs },
  };
  if (dag.tasks.length === 0) return ["", headline(view, terminal), "", `  ${counted(batch, terminal)}`, ""];
  const fits = dag.tasks.length <= Math.min(rowsMax, terminal.rows - rowsAround);
  return (fits ? table : fan)(view, terminal);
}

/** Parents before children, level by level; within one as they were sent. */
export function byLevel(dag: Dag): Dag {
  const parents = Map.groupBy(dag.links, (link) => link.child_id);
  const levels = new Map<string, number>();
  const open = new Set(dag.tasks.map(({ id }) => id));
  for (let level = 0, left = -1; open.size > 0 && open.size !== left; level += 1) {
    left = open.size;
    const free = [...open].filter((id) => (parents.get(id) ?? []).every((link) => !open.has(link.parent_id)));
    for (const id of free) levels.set(id, level);
    for (const id of free) open.delete(id);
  }
  const tasks = dag.tasks.toSorted((a, b) => (levels.get(a.id) ?? 0) - (levels.get(b.id) ?? 0));
  return { ...dag, tasks };
}

function counted({ status_counts }: Batch, { paint }: Context["terminal"]): string {
  return Object.entries(looks)
    .map(([status, { style }]) => {
      const count = status_counts[status.toLowerCase() as keyof typeof status_counts];
      return count > 0 ? `${paint(style, status)} ${thousands(count)}` : "";
    })
    .filter((text) => text !== "")
    .join(" · ");
}

function ended({ terminal }: Context, batch: Batch): string[] {
  const { paint } = terminal;
  const tookMs = Date.parse(batch.completed_at ?? batch.created_at) - Date.parse(batch.created_at);
  const style = batch.status === "success" ? "green" : batch.status === "failure" ? "red" : "magenta";
  const lines = [
    `${paint([style, "bold"], batch.status)} after ${(tookMs / 1000).toFixed(1)} s: ${counted(batch, terminal) || "no tasks"}`,
  ];
  const { first_failure: first } = batch;
  if (first) {
    const others = first.followed > 0 ? `, and ${thousands(first.followed)} more with it` : "";
    lines.push(`${first.local_id} failed first: ${first.reason}${others}`);
    lines.push(`Try: baton events ${first.task_id}`, ` or: baton rerun ${batch.batch_id}`);
  }
  return lines;
}
