// `baton list`: batches, tasks, and what operators look at, each as a table that fits, or as Baton gives it.
import type {
  DeadLetter,
  Delivery,
  Limit,
  ListedBatch,
  ListedTask,
  Receiver,
  WorkerProcess,
} from "../../sdk/client.ts";
import { numberOf } from "../arguments.ts";
import { type Context, contextOf, exits, idOf, type Settings, shortId } from "../context.ts";
import { ago, columns } from "../screen/columns.ts";
import { looks } from "../screen/picture.ts";
import { type Style, type Terminal, thousands } from "../screen/terminal.ts";

type What = keyof typeof operations;

export interface ListOptions extends Settings {
  readonly status?: string;
  readonly kind?: string;
  readonly scope?: string;
  readonly batch?: string;
  readonly receiver?: string;
  readonly limit: string;
}

/** A filter that the listing does not have is refused by Baton, which names those that it has. */
export async function list(what: What, options: ListOptions): Promise<number> {
  const context = contextOf(options);
  const { baton } = context;
  const most = numberOf("limit", options.limit, 1, 10_000);
  const { status, kind, scope, receiver } = options;
  const batch = options.batch === undefined ? undefined : await idOf(baton, options.batch, "batch");
  const given = { page_size: String(Math.min(most, 100)), status, kind, scope, receiver, batch_id: batch };
  const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
  const found = await taken<unknown>(baton.every(operations[what], filter), most);
  context.show(found, () =>
    found.length > 0 ? tables[what](found as never, context) : [`no ${what.replace("-", " ")}`],
  );
  return exits.success;
}

const operations = {
  batches: "listBatches",
  tasks: "listTasks",
  deliveries: "listDeliveries",
  receivers: "listReceivers",
  limits: "listLimits",
  workers: "listWorkers",
  "dead-letters": "listDeadLetters",
} as const;

async function taken<T>(rows: AsyncIterable<T>, most: number): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) if (all.push(row) >= most) break;
  return all;
}

type Table<Row> = (rows: readonly Row[], context: Context) => string[];

const idStyle: Style = "cyan";

/** The first two columns are an id and a state. */
const painted =
  <Row>(terminal: Terminal, rows: readonly Row[], styleOf: (row: Row) => Style) =>
  (text: string, row: number, column: number): string => {
    if (column === 0) return terminal.paint(idStyle, text);
    return column === 1 ? terminal.paint(styleOf(rows[row] as Row), text) : text;
  };

export const taskTable: Table<ListedTask> = (tasks, { terminal }) => {
  const rows = tasks.map((task) => [
    ...[shortId(task.id), task.status, task.local_id, task.kind],
    task.failure_reason ?? (task.name === task.local_id ? "" : task.name),
  ]);
  const paint = painted(terminal, tasks, ({ status }) => looks[status].style);
  return columns(["ID", "STATE", "NAME", "KIND", ""], rows, terminal, paint);
};

const batchStyles: Readonly<Record<ListedBatch["status"], Style>> = {
  running: "cyan",
  paused: "yellow",
  success: "green",
  failure: "red",
  canceled: "magenta",
};

const batchTable: Table<ListedBatch> = (batches, { terminal }) => {
  const nowMs = Date.now();
  const rows = batches.map((batch) => {
    const { success, failure, canceled, skipped } = batch.status_counts;
    const done = `${success + failure + canceled + skipped}/${batch.total_tasks}`;
    const age = ago(batch.created_at, nowMs);
    return [shortId(batch.batch_id), batch.status, done, age, batch.scope ?? "", batch.kinds.join(", ")];
  });
  const paint = painted(terminal, batches, ({ status }) => batchStyles[status]);
  return columns(["ID", "STATE", "ENDED", "AGE", "SCOPE", "KINDS"], rows, terminal, paint);
};

const deliveryStyles: Readonly<Record<Delivery["status"], Style>> = {
  pending: "cyan",
  success: "green",
  exhausted: "red",
};

const deliveryTable: Table<Delivery> = (deliveries, { terminal }) => {
  const nowMs = Date.now();
  const rows = deliveries.map((one) => [
    ...[shortId(one.id), one.status, String(one.attempts), ago(one.created_at, nowMs), one.receiver ?? "a message"],
    `${one.trigger} of ${one.task_id === null ? `batch ${shortId(one.batch_id)}` : shortId(one.task_id)}`,
    one.last_error ?? (one.last_status === null ? "" : `HTTP ${one.last_status}`),
  ]);
  const paint = painted(terminal, deliveries, ({ status }) => deliveryStyles[status]);
  return columns(["ID", "STATE", "TRIES", "AGE", "TO", "WHAT", "LAST"], rows, terminal, paint);
};

const receiverTable: Table<Receiver> = (receivers, { terminal }) => {
  const rows = receivers.map((one) => [
    ...[one.receiver, one.circuit, thousands(one.calls_open), thousands(one.waiting), one.last_error ?? ""],
  ]);
  const paint = painted(terminal, receivers, ({ circuit }) => (circuit === "closed" ? "green" : "red"));
  return columns(["RECEIVER", "CIRCUIT", "OPEN", "WAITING", "LAST ERROR"], rows, terminal, paint);
};

const limitTable: Table<Limit> = (limits, { terminal }) => {
  const rows = limits.map((one) => [
    ...[one.kind, one.per_secs === null ? one.type : `${one.type} in ${one.per_secs} s`],
    one.fields.map((field, i) => `${field}=${JSON.stringify(one.values[i])}`).join(" "),
    ...[`${thousands(one.used)} of ${thousands(one.limit)}`, thousands(one.waiting)],
  ]);
  return columns(["KIND", "RULE", "VALUES", "USED", "WAITING"], rows, terminal);
};

const workerTable: Table<WorkerProcess> = (workers, { terminal }) => {
  const nowMs = Date.now();
  const rows = workers.map((one) => [
    ...[String(one.id), one.roles.join(","), one.version, ago(one.started_at, nowMs)],
    ...[thousands(one.calls_open), `${one.lag_ms} ms`, `${one.skew_ms} ms`],
  ]);
  return columns(["ID", "ROLES", "VERSION", "AGE", "CALLS", "LAG", "SKEW"], rows, terminal);
};

const deadLetterTable: Table<DeadLetter> = (letters, { terminal }) => {
  const nowMs = Date.now();
  const rows = letters.map((one) => [shortId(one.id), ago(one.at, nowMs), one.subject, one.reason]);
  return columns(["ID", "AGE", "SUBJECT", "REASON"], rows, terminal);
};

const tables = {
  batches: batchTable,
  tasks: taskTable,
  deliveries: deliveryTable,
  receivers: receiverTable,
  limits: limitTable,
  workers: workerTable,
  "dead-letters": deadLetterTable,
} as const satisfies Record<What, Table<never>>;
