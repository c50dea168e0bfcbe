// The JSON Schemas of what the API takes and answers, by name: the components of the OpenAPI document.
// Requests are generated from the schemas that decode them; answers are written out here, and a test compares them.
import * as Schema from "effect/Schema";
import { taskVerbs } from "#domain/command";
import { Rule } from "#domain/rule";
import { LaterAction, StartAction } from "#domain/schema/action";
import { ReplaySince } from "#domain/schema/replay";
import { Patch, Put } from "#domain/schema/report";
import { Rerun } from "#domain/schema/rerun";
import { RulesPatch } from "#domain/schema/rules";
import { NewBatch, NewTask } from "#domain/schema/task";
import { taskStates } from "#domain/state";

type JsonSchema = Readonly<Record<string, unknown>>;

const string = { type: "string" } as const;
const integer = { type: "integer" } as const;
const boolean = { type: "boolean" } as const;
const uuid = { type: "string", format: "uuid" } as const;
const time = { type: "string", format: "date-time", description: "RFC 3339 in UTC with milliseconds." } as const;
const state = { type: "string", enum: taskStates } as const;
const free = { type: "object", additionalProperties: true } as const;
const orNull = (schema: JsonSchema) => ({ anyOf: [schema, { type: "null" }] });
const list = (items: JsonSchema) => ({ type: "array", items });
/** An object that always has all of these fields. */
const object = (properties: Readonly<Record<string, JsonSchema>>, optional: readonly string[] = []) => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
});

/** Parts of the requests that are named, smallest first: where they occur, the larger ones refer to them. */
const parts = { StartAction, LaterAction, Rule, NewTask };

function requestsOf(): Record<
  keyof typeof parts | "NewBatch" | "TaskPatch" | "Counters" | "ReplaySince" | "Rerun" | "RulesPatch",
  JsonSchema
> {
  const named = new Map<string, string>();
  const made: Record<string, JsonSchema> = {};
  for (const [name, schema] of Object.entries({
    ...parts,
    NewBatch,
    TaskPatch: Patch,
    Counters: Put,
    ReplaySince,
    Rerun,
    RulesPatch,
  })) {
    const { schema: json } = Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" } as never);
    const plain = withoutNulls(json);
    made[name] = referring(plain, named) as JsonSchema;
    named.set(JSON.stringify(plain), name);
  }
  return made as ReturnType<typeof requestsOf>;
}

/** `null` is only another way to leave a field out: documented once, in words, and not at every field. */
function withoutNulls(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutNulls);
  if (typeof json !== "object" || json === null) return json;
  const { anyOf, ...rest } = json as { anyOf?: { type?: string }[] };
  const left = anyOf?.filter((member) => member.type !== "null");
  if (left?.length === 1) return withoutNulls({ ...rest, ...left[0] });
  const entries = Object.entries(left ? { ...rest, anyOf: left } : rest);
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutNulls(value)]));
}

function referring(json: unknown, named: ReadonlyMap<string, string>): unknown {
  if (typeof json !== "object" || json === null) return json;
  const name = named.get(JSON.stringify(json));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(json)) return json.map((item) => referring(item, named));
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, referring(value, named)]));
}

export const ref = (name: keyof typeof shapes): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
export const listOf = (name: keyof typeof shapes): JsonSchema => list(ref(name));

const listed = {
  id: uuid,
  local_id: { ...string, description: "The id by which the call named it." },
  name: string,
  kind: string,
  status: state,
  timeout: { ...integer, description: "Seconds without an update before a Running task is timed out." },
  priority: integer,
  created_at: time,
  started_at: orNull(time),
  ended_at: orNull(time),
  last_updated: time,
  success: integer,
  failures: integer,
  expected_count: orNull(integer),
  failure_reason: orNull(string),
  batch_id: uuid,
  dead_end_barrier: boolean,
  attempt: { ...integer, description: "0 for the first run, one more for each retry." },
  next_retry_at: orNull(time),
  run_at: orNull(time),
  result: { description: "What the service reported; any JSON." },
};

const action = object(
  {
    kind: { type: "string", enum: ["Webhook", "Nats"] },
    trigger: { type: "string", enum: ["Start", "End", "Cancel"] },
    on: { type: "string", enum: ["success", "failure"] },
    params: free,
  },
  ["on"],
);

const blocker = object(
  {
    type: { type: "string", enum: ["dependency", "rule", "run_at", "backoff", "paused", "circuit", "slots"] },
    task_id: uuid,
    until: time,
    host: { ...string, description: "Host and port whose circuit is not closed." },
    rule: free,
    used: integer,
    limit: integer,
    holders: { ...list(uuid), description: "Who holds its places now, at most 100 of them." },
    missing: { ...list(string), description: "What the rule asks for and the task does not have." },
  },
  ["task_id", "until", "host", "rule", "used", "limit", "holders", "missing"],
);

const count = (what: string) => ({ ...integer, description: what });

const deliveryState = { type: "string", enum: ["pending", "success", "exhausted"] } as const;

const delivery = {
  id: uuid,
  task_id: orNull(uuid),
  batch_id: uuid,
  trigger: { type: "string", enum: ["end", "cancel"] },
  key: string,
  status: deliveryState,
  attempts: integer,
  next_at: time,
  last_status: orNull(integer),
  last_error: orNull(string),
  created_at: time,
};

export const shapes = {
  ...requestsOf(),
  ListedTask: object(listed),
  Task: object(
    { ...listed, rules: list(free), metadata: orNull(free), actions: list(action), blocked_by: list(blocker) },
    ["blocked_by"],
  ),
  Event: object({
    id: integer,
    task_id: uuid,
    batch_id: uuid,
    from: state,
    to: state,
    event: string,
    at: time,
    attempt: integer,
    reason: orNull(string),
    actor: string,
  }),
  Batch: object({
    batch_id: uuid,
    total_tasks: integer,
    total_success: integer,
    total_failures: integer,
    total_expected: { ...orNull(integer), description: "null where any task has no expected_count." },
    status_counts: object(Object.fromEntries(taskStates.map((name) => [name.toLowerCase(), integer]))),
    scope: orNull(string),
    metadata: orNull(free),
    created_at: time,
  }),
  Dag: object({
    tasks: list({ $ref: "#/components/schemas/ListedTask" }),
    links: list(
      object({
        parent_id: uuid,
        child_id: uuid,
        requires_success: orNull(boolean),
        condition: orNull({ type: "string", enum: ["always", "on_success", "on_failure"] }),
      }),
    ),
  }),
  Delivery: object(delivery),
  DeliveryHistory: object({
    ...delivery,
    history: list(
      object({
        n: count("From 1; goes on over a replay, while `attempts` begins at 0 again."),
        at: { ...time, description: "When the attempt began." },
        status: { ...orNull(integer), description: "HTTP status; null where there was no answer, or no HTTP." },
        duration_ms: integer,
        error: orNull(string),
        answer: { ...orNull(string), description: "The first 2 KB of what was answered." },
      }),
    ),
  }),
  DeliveryState: object({ id: uuid, status: deliveryState }),
  DeliveryConflict: object({
    error: string,
    current_status: deliveryState,
    allowed: { ...list(string), description: "Always empty." },
  }),
  Replayed: object({ replayed: count("How many deliveries are due again.") }),
  Circuit: object({
    receiver: { ...string, description: "Scheme, host and port, as actions name it." },
    host: { ...string, description: "Host and port." },
    state: { type: "string", enum: ["closed", "open", "half_open"] },
    failures: { ...integer, description: "Failures in a row." },
    until: { ...orNull(time), description: "When it may be tried again; null while it is closed." },
  }),
  DryRun: object({
    levels: { ...list(list(string)), description: "Local ids, by how far each task is from the start." },
    deduplicated: list(string),
    rules: list(object({ id: string, rule: free })),
  }),
  TaskState: object({ id: uuid, status: state, attempt: integer }),
  Stopped: object({
    batch_id: uuid,
    canceled_waiting: integer,
    canceled_pending: integer,
    canceled_claimed: integer,
    canceled_running: integer,
    canceled_paused: integer,
    canceled_retrying: integer,
    already_terminal: integer,
  }),
  RulesSet: object({
    batch_id: uuid,
    kind: string,
    updated_count: count("How many unfinished tasks have these rules now."),
  }),
  Paused: object({ batch_id: uuid, paused: count("How many tasks were paused.") }),
  Resumed: object({ batch_id: uuid, resumed: count("How many tasks were resumed.") }),
  Accepted: object({ id: uuid }),
  Health: object({ status: { type: "string", enum: ["ok", "degraded"] } }),
  Ready: object({ ready: boolean, postgres: boolean, nats: boolean }),
  Error: object({ error: string, details: list({ ...string, description: "<path>: <what is wrong>" }) }),
  ValidationError: object({ error: string, batch_id: uuid, details: list(string) }),
  Conflict: object({
    error: string,
    current_status: state,
    allowed: {
      ...list({ type: "string", enum: taskVerbs }),
      description: "What the task accepts now; empty when it has ended.",
    },
  }),
} as const;
