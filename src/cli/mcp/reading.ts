// The tools of `baton mcp` that only read: what there is, why it is so, and what a batch would become.
import type { Client, DryRun, Task } from "../../sdk/client.ts";
import { nextLink } from "../../sdk/exchange.ts";
import { thingOf } from "../context.ts";
import { type Next, waitsForTasks, whyLines } from "../screen/why.ts";
import type { Arguments } from "./input.ts";
import { batchSchema, parameter, parametersOf, type Tool } from "./tool.ts";

const listings = {
  batches: "listBatches",
  tasks: "listTasks",
  deliveries: "listDeliveries",
  schedules: "listSchedules",
  bulk: "listBulks",
  receivers: "listReceivers",
  limits: "listLimits",
  workers: "listWorkers",
  dead_letters: "listDeadLetters",
} as const;
type What = keyof typeof listings;

const rowsDefault = 20;
const tasksOfBatchMax = 200;
const eventsMax = 200;

export const id = {
  type: "string",
  description: "The id of the task or batch, whole or its first 13 characters or more.",
};

/** Of each listing the filters that it has, described as the API describes them. */
function filters(): Record<string, Record<string, unknown>> {
  const found: Record<string, Record<string, unknown>> = {};
  for (const [what, operation] of Object.entries(listings))
    for (const name of parametersOf(operation)) {
      if (name === "page" || name === "page_size" || name === "after") continue;
      const { description, ...schema } = parameter(operation, name);
      const before = found[name];
      const said = `${what}: ${description}`;
      // Where listings have other values under one name, the schema is that of none of them: Baton says what it takes.
      const same = before === undefined || JSON.stringify(withoutText(before)) === JSON.stringify(schema);
      found[name] = { ...(same ? schema : {}), description: before ? `${before.description} ${said}` : said };
    }
  return found;
}
const withoutText = ({ description: _, ...schema }: Record<string, unknown>) => schema;

/** As a query has it. */
const queryOf = (asked: Arguments): Record<string, string> =>
  Object.fromEntries(
    Object.entries(asked).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(",") : typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );

async function list(baton: Client, { what, limit = rowsDefault, ...filter }: Arguments) {
  const query = { page_size: String(limit), ...queryOf(filter) };
  const { body, headers } = await baton.call(listings[what as What], { query } as never);
  const link = nextLink(headers);
  const after = link === undefined ? null : new URL(link, baton.url).searchParams.get("after");
  return { content: { rows: body, ...(after ? { after } : {}) } };
}

const others = { schedule: "getSchedule", delivery: "getDelivery", bulk: "getBulk" } as const;

async function get(baton: Client, { what = "task or batch", id: asked }: Arguments) {
  const text = String(asked);
  if (what === "schedule")
    return { content: { schedule: (await baton.call("getSchedule", { path: { name: text } })).body } };
  if (what === "delivery" || what === "bulk")
    return { content: { [what]: (await baton.call(others[what], { path: { id: text } })).body } };
  const thing = await thingOf(baton, text);
  if (thing.type === "task") return { content: { task: await baton.task(thing.id) } };
  const query = { page_size: String(tasksOfBatchMax) };
  const [batch, dag] = await Promise.all([
    baton.batch(thing.id),
    baton.call("getDag", { path: { id: thing.id }, query }),
  ]);
  const tasks = dag.body.tasks.map(({ id: task, local_id, kind, status, attempt, failure_reason }) => ({
    ...{ id: task, local_id, kind, status },
    ...(attempt > 0 ? { attempt } : {}),
    ...(failure_reason === null ? {} : { failure_reason }),
  }));
  const left = batch.total_tasks - tasks.length;
  return { content: { batch, tasks, ...(left > 0 ? { tasks_left_out: left } : {}) } };
}

const next: Next = (what, of) => {
  if (what === "doctor") return "list with what=workers";
  if (what === "check-receiver") return `ask a person to run baton check-receiver ${of}`;
  return what === "complete" || what === "fail" ? `ask a person to ${what} it` : `${what} with ${of}`;
};

async function why(baton: Client, { id: asked }: Arguments) {
  const task: Task = await baton.task((await thingOf(baton, String(asked), "task")).id);
  const { tasks } = waitsForTasks(task) ? await baton.dag(task.batch_id) : { tasks: [] };
  const { id: whole, local_id, batch_id, status, attempt, failure_reason, blocked_by = [] } = task;
  const content = { id: whole, local_id, batch_id, status, attempt, failure_reason, blocked_by };
  return { text: whyLines(task, tasks, next).join("\n"), content };
}

async function events(baton: Client, { id: asked }: Arguments) {
  const { id: task } = await thingOf(baton, String(asked), "task");
  const [all, attempts] = await Promise.all([baton.events(task), baton.attempts(task)]);
  const left = all.length - eventsMax;
  return { content: { events: all.slice(-eventsMax), attempts, ...(left > 0 ? { older_events_left_out: left } : {}) } };
}

export const readingTools: readonly Tool[] = [
  {
    name: "overview",
    title: "How the cluster is",
    description:
      "The state of the whole cluster at a glance: what runs, what waits and for what, starts and ends of the last minute and hour, unhealthy receivers, dead letters, workers, and whether Postgres and NATS are up. Begin here when something is wrong and nothing else is known.",
    operations: ["getOverview", "getHealth"],
    input: { properties: {} },
    isIdempotent: true,
    run: async (baton) => {
      const [overview, health] = await Promise.all([baton.overview(), baton.health()]);
      return { content: { ...overview, health } };
    },
  },
  {
    name: "search",
    title: "Find tasks and batches",
    description:
      "Finds at most 20 tasks and batches, newest first: by an id or its first 13 characters, by the beginning of a name (case-sensitive), or by a whole scope.",
    operations: ["search"],
    input: { properties: { q: parameter("search", "q") }, required: ["q"] },
    isIdempotent: true,
    run: async (baton, { q }) => ({ content: { found: await baton.search(String(q)) } }),
  },
  {
    name: "list",
    title: "List what there is",
    description:
      "Lists batches, tasks, deliveries (notifications), schedules, bulk operations, receivers (services that are called), limits (rules and who uses them), workers or dead letters, newest or by name first. Filters are those of the listing; a filter that it does not have is refused. `after` of an answer continues it.",
    operations: Object.values(listings),
    input: {
      properties: {
        what: { type: "string", enum: Object.keys(listings), description: "What to list." },
        limit: {
          type: "integer",
          minimum: 1,
          maximum: 100,
          default: rowsDefault,
          description: "How many rows at most.",
        },
        after: { type: "string", description: "Goes on after a page: `after` of its answer, with the same filters." },
        ...filters(),
      },
      required: ["what"],
    },
    isIdempotent: true,
    run: list,
  },
  {
    name: "get",
    title: "Get one thing",
    description:
      "A task (its fields, actions, result, and what blocks it), or a batch with its first 200 tasks. With `what` a schedule by its name, a delivery or a bulk operation by its whole id.",
    operations: ["getTask", "getBatch", "getDag", "search", "getSchedule", "getDelivery", "getBulk"],
    input: {
      properties: {
        id: { ...id, description: `${id.description} Of a schedule: its name.` },
        what: { type: "string", enum: ["task or batch", ...Object.keys(others)], default: "task or batch" },
      },
      required: ["id"],
    },
    isIdempotent: true,
    run: get,
  },
  {
    name: "why",
    title: "Why a task does not run, or failed",
    description:
      "Says what an unfinished task waits for (parents, rules and who uses them, times, an unreachable receiver, a pause, free call slots), or how and why a finished one ended. Follow it from task to task to find the cause.",
    operations: ["search", "getTask", "getDag"],
    input: {
      properties: { id: { ...id, description: "The id of the task, whole or its first 13 characters or more." } },
      required: ["id"],
    },
    isIdempotent: true,
    run: why,
  },
  {
    name: "events",
    title: "What happened to a task",
    description:
      "Every transition of a task, oldest first (the newest 200), with who caused it and why, and its start calls: worker, HTTP status, error, milliseconds.",
    operations: ["search", "listTaskEvents", "listTaskAttempts"],
    input: {
      properties: { id: { ...id, description: "The id of the task, whole or its first 13 characters or more." } },
      required: ["id"],
    },
    isIdempotent: true,
    run: events,
  },
  {
    name: "dry_run",
    title: "Check a batch",
    description:
      "Checks a batch and says what creating it would do: the levels of its graph, tasks that would be left out as duplicates, rules, warnings. All faults at once, with their places. Writes nothing. Use it before `submit`.",
    operations: ["createBatch"],
    rehearses: true,
    input: {
      properties: { batch: withoutDefs(batchSchema) },
      required: ["batch"],
      $defs: batchSchema.$defs,
    },
    isIdempotent: true,
    run: async (baton, { batch }) => ({ content: { ...((await baton.dryRun(batch as never)) as DryRun) } }),
  },
];

function withoutDefs<T extends { readonly $defs: unknown }>({ $defs: _, ...rest }: T): Omit<T, "$defs"> {
  return rest;
}
