/**
 * The HTTP API of the fake Baton, as far as services and clients of a pipeline use it: reports, counters, what a task adds, creating
 * and looking. The rest is answered 501.
 */
import { BuildError } from "../build/batch.ts";
import type { BatchInput, TaskInput, TaskOverride, TaskPatch, TaskStatus } from "../types.ts";
import type { LiveBatch } from "./batch.ts";
import type { Note } from "./decider.ts";
import { hasEnded } from "./edges.ts";
import { isActive, type Life, type LifeEvent, takenIn } from "./life.ts";
import { bytesOf } from "./starts.ts";
import { batchOf, taskOf } from "./view.ts";

/** What the API answers from. */
export interface Store {
  readonly batches: ReadonlyMap<string, LiveBatch>;
  readonly now: () => number;
  create(input: BatchInput): LiveBatch;
  add(batch: LiveBatch, tasks: readonly TaskInput[]): Life[];
}

interface Said {
  readonly status: number;
  readonly body?: unknown;
  readonly batchId?: string;
}

interface Ask {
  readonly store: Store;
  readonly id: string;
  readonly query: URLSearchParams;
  // biome-ignore lint/suspicious/noExplicitAny: it is what a caller sent
  readonly body: any;
}

const resultBytesMax = 65_536;
const id = "([0-9a-f-]{36})";
const routes: readonly (readonly [method: string, path: RegExp, answer: (ask: Ask) => Said])[] = [
  ["POST", /^\/task()$/, create],
  ["GET", /^\/task()$/, list],
  [
    "GET",
    new RegExp(`^/task/${id}$`),
    (ask) => withTask(ask, (life, batch) => ({ status: 200, body: taskOf(life, batch) })),
  ],
  ["PATCH", new RegExp(`^/task/${id}$`), (ask) => withTask(ask, (life, batch) => patch(ask, life, batch))],
  ["PUT", new RegExp(`^/task/${id}$`), (ask) => withTask(ask, (life) => count(ask, life))],
  ["DELETE", new RegExp(`^/task/${id}$`), (ask) => withTask(ask, (life, batch) => cancel(ask, life, batch))],
  ["POST", new RegExp(`^/task/${id}/override$`), (ask) => withTask(ask, (life, batch) => override(ask, life, batch))],
  ["POST", new RegExp(`^/task/${id}/tasks$`), (ask) => withTask(ask, (life, batch) => addByTask(ask, life, batch))],
  ["GET", new RegExp(`^/batch/${id}$`), (ask) => withBatch(ask, (batch) => ({ status: 200, body: batchOf(batch) }))],
  ["POST", new RegExp(`^/batch/${id}/tasks$`), (ask) => withBatch(ask, (batch) => add(ask, batch))],
  ["POST", new RegExp(`^/batch/${id}/close$`), (ask) => withBatch(ask, close)],
  ["DELETE", new RegExp(`^/batch/${id}$`), (ask) => withBatch(ask, stop)],
];

/** A `fetch` that leads to the fake Baton; `known` keeps the answers of keys. */
export function fetchOf(store: Store, base: string) {
  const known = new Map<string, Said>();
  return async (url: URL, init: RequestInit = {}): Promise<Response> => {
    const { method = "GET" } = init;
    const path = url.pathname.slice(new URL(base).pathname.replace(/\/$/, "").length);
    const key = new Headers(init.headers).get("idempotency-key");
    const name = `${key} ${method} ${path}`;
    const body = typeof init.body === "string" && init.body !== "" ? JSON.parse(init.body) : {};
    const said = (key === null ? undefined : known.get(name)) ?? answer(store, method, path, url.searchParams, body);
    if (key !== null && said.status < 300) known.set(name, said);
    const headers: Record<string, string> = said.batchId === undefined ? {} : { "x-batch-id": said.batchId };
    return new Response(said.body === undefined ? null : JSON.stringify(said.body), { status: said.status, headers });
  };
}

function answer(store: Store, method: string, path: string, query: URLSearchParams, body: unknown): Said {
  for (const [verb, pattern, say] of routes) {
    const found = verb === method ? pattern.exec(path) : null;
    if (!found) continue;
    try {
      return say({ store, id: found[1] ?? "", query, body });
    } catch (error) {
      if (error instanceof BuildError) return refused(400, "validation_failed", "Validation failed", error.faults);
      throw error;
    }
  }
  return refused(501, "", `the fake Baton does not do ${method} ${path}`);
}

const refused = (
  status: number,
  code: string,
  error: string,
  details: readonly string[] = [],
  more: object = {},
): Said => ({
  status,
  body: { error, code, details, faults: [], ...more },
});

function withTask({ store, id, query }: Ask, say: (life: Life, batch: LiveBatch) => Said): Said {
  for (const batch of store.batches.values())
    for (const life of batch.decider.lives.values()) {
      if (life.id !== id) continue;
      const attempt = query.get("attempt");
      if (attempt === null || Number(attempt) === life.attempt) return say(life, batch);
      return refused(409, "wrong_attempt", `attempt ${attempt} is over; ${life.attempt} is the present one`);
    }
  return refused(404, "unknown_task", `no task ${id}`);
}

function withBatch({ store, id }: Ask, say: (batch: LiveBatch) => Said): Said {
  const batch = store.batches.get(id);
  return batch ? say(batch) : refused(404, "unknown_batch", `no batch ${id}`);
}

function create({ store, body }: Ask): Said {
  const batch = store.create(Array.isArray(body) ? { tasks: body } : body);
  return created(batch, [...batch.decider.lives.values()]);
}

const created = (batch: LiveBatch, made: readonly Life[]): Said =>
  made.length === 0
    ? { status: 204, batchId: batch.id }
    : { status: 201, batchId: batch.id, body: made.map((life) => taskOf(life, batch)) };

function list({ store, query }: Ask): Said {
  const statuses = query.get("status")?.split(",");
  const rows = [...store.batches.values()]
    .filter((batch) => [null, batch.id].includes(query.get("batch_id")))
    .flatMap((batch) => [...batch.decider.lives.values()].map((life) => taskOf(life, batch)))
    .filter(({ status, name, kind }) => {
      const [ofName, ofKind] = [query.get("name") ?? "", query.get("kind") ?? ""];
      return (statuses?.includes(status) ?? true) && name.includes(ofName) && kind.includes(ofKind);
    });
  return { status: 200, body: rows };
}

const verbs = { Success: "succeed", Failure: "fail", Skipped: "skip" } as const satisfies Record<string, LifeEvent>;

function patch({ store, body }: Ask, life: Life, batch: LiveBatch): Said {
  const change: TaskPatch = body;
  const done = (): Said => ({ status: 200, body: { id: life.id, status: life.status, attempt: life.attempt } });
  if (change.status === life.status) return done();
  const faults = [
    ...(change.status === "Failure" && !change.failure_reason ? ["failure_reason: is required with Failure"] : []),
    ...(change.result !== undefined && bytesOf(change.result) > resultBytesMax
      ? [`result: takes ${bytesOf(change.result)} bytes as compact JSON, at most ${resultBytesMax} are kept`]
      : []),
  ];
  if (faults.length > 0) return refused(400, "validation_failed", "Validation failed", faults);
  const event = change.status && verbs[change.status];
  if (hasEnded(life) || (event && takenIn[event]?.includes(life.status) === false))
    return notNow(life, event ?? "update");
  tally(life, change, store.now());
  if (change.metadata) Object.assign(life.input, { metadata: change.metadata });
  if (event) return tell(batch, life, event, { reason: change.failure_reason ?? null, result: change.result });
  if (change.result !== undefined) life.result = change.result;
  return done();
}

function tally(life: Life, { new_success = 0, new_failures = 0 }: TaskPatch, now: number): void {
  life.success += new_success;
  life.failures += new_failures;
  life.lastUpdated = now;
  life.isAwaited = false;
}

function tell(batch: LiveBatch, life: Life, event: LifeEvent, note: Note): Said {
  if (!batch.tell(life, event, note)) return notNow(life, event);
  return { status: 200, body: { id: life.id, status: life.status, attempt: life.attempt } };
}

function notNow(life: Life, event: string): Said {
  const allowed = Object.values(verbs).filter((verb) => !hasEnded(life) && takenIn[verb]?.includes(life.status));
  const more = { current_status: life.status, allowed: hasEnded(life) ? [] : [...allowed, "cancel", "update"] };
  return refused(409, "not_in_this_state", `the task is ${life.status}, which does not take ${event}`, [], more);
}

function count({ store, body }: Ask, life: Life): Said {
  if (hasEnded(life)) return notNow(life, "progress");
  tally(life, body, store.now());
  return { status: 202, body: {} };
}

function cancel({ query }: Ask, life: Life, batch: LiveBatch): Said {
  const said = tell(batch, life, "cancel", { reason: query.get("reason") ?? "Canceled by request" });
  return said.status === 409 ? { ...said, status: 400 } : said;
}

function override({ body }: Ask, life: Life, batch: LiveBatch): Said {
  const { status: as, reason, result }: TaskOverride = body;
  return tell(batch, life, "override", { as, reason, result });
}

function add({ store, body }: Ask, batch: LiveBatch): Said {
  if (batch.decider.isComplete || batch.decider.isStopped)
    return refused(409, "batch_complete", "the batch is complete");
  return created(batch, store.add(batch, Array.isArray(body) ? body : body.tasks));
}

function addByTask(ask: Ask, life: Life, batch: LiveBatch): Said {
  if (!isActive(life)) return notNow(life, "tasks");
  const said = add(ask, batch);
  if (said.status === 201) life.hasAdded = true;
  return said;
}

function close(batch: LiveBatch): Said {
  batch.close();
  return { status: 200, body: { batch_id: batch.id, open: false } };
}

function stop(batch: LiveBatch): Said {
  const were: Partial<Record<TaskStatus, number>> = {};
  for (const { status } of batch.decider.lives.values()) were[status] = (were[status] ?? 0) + 1;
  batch.stop();
  const n = (status: TaskStatus) => were[status] ?? 0;
  const body = {
    ...{ batch_id: batch.id, canceled_waiting: n("Waiting"), canceled_pending: n("Pending") },
    ...{ canceled_claimed: n("Claimed"), canceled_running: n("Running"), canceled_paused: 0 },
    canceled_retrying: n("Retrying"),
    already_terminal: n("Success") + n("Failure") + n("Canceled") + n("Skipped"),
  };
  return { status: 200, body };
}
