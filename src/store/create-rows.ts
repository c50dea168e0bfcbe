// The rows of planned batches, in one statement, which is one transaction by itself: all or none.
// Foreign keys are checked at its end, so the order of its parts does not matter; parts without rows are left out.
import { receiverOf } from "#domain/action";
import { type BatchPlan, completionOf, type PlannedLink, type PlannedSpec, type PlannedTask } from "#domain/batch";
import { type Column, type Scalar, type Shared, unnest, values } from "#store/arrays";
import type { Sql } from "#store/client";
import { type Lanes, lanesOf, wakesOf } from "#store/create-lanes";

/** Returns the time of creation, by the clock of Postgres. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertPlans(sql: Sql, plans: readonly BatchPlan[], now: number): Promise<Date> {
  const tasks = plans.flatMap((plan) => plan.tasks);
  const specs = plans.flatMap((plan) => plan.specs);
  const links = plans.flatMap((plan) => plan.links);
  const described = plans.filter((plan) => plan.scope !== null || plan.metadata !== null || plan.onComplete.length > 0);
  const deliveries = plans.flatMap((plan) => (plan.tasks.length === 0 ? completionOf(plan, now) : []));
  const lanes = await lanesOf(sql, plans);
  const wakes = wakesOf(plans, lanes);
  const params: (string | null)[] = [];
  const parts = [`b as (${intoBatch(params, plans)})`];
  if (described.length > 0) parts.push(`bs as (${intoBatchSpec(params, described)})`);
  if (tasks.length > 0) parts.push(`t as (${intoTask(params, tasks, lanes)})`, `s as (${intoTaskSpec(params, specs)})`);
  if (links.length > 0) parts.push(`l as (${intoLink(params, links)})`);
  if (deliveries.length > 0) parts.push(`d as (${intoDelivery(params, deliveries)})`);
  if (wakes.length > 0) parts.push(`w as (${intoWake(params, wakes)})`);
  const statement = `with ${parts.join(", ")} select now() as created_at`;
  const found = await sql.unsafe<{ created_at: Date }[]>(statement, params, { prepare: true });
  return (found[0] as { created_at: Date }).created_at;
}

/** A column that has the name of its field. */
const own = <Field extends string>(name: Field, type: string): Column<Field> => [name, type, name];
const names = (columns: readonly Column<string>[]): string => columns.map(([name]) => name).join(", ");
/** As the text of JSON; null is no value. */
const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const intoBatch = (params: (string | null)[], plans: readonly BatchPlan[]) => `
  insert into batch (id, total, unfinished, completed_at)
  select id, n, n, case when n = 0 then now() end
  from ${unnest(
    params,
    [own("id", "uuid"), own("n", "int")],
    plans.map(({ id, tasks }) => ({ id, n: tasks.length })),
  )}`;

const intoBatchSpec = (params: (string | null)[], plans: readonly BatchPlan[]) => `
  insert into batch_spec (id, scope, metadata, on_complete)
  select id, scope, metadata, actions
  from ${unnest(
    params,
    [own("id", "uuid"), own("scope", "text"), own("metadata", "jsonb"), own("actions", "jsonb")],
    plans.map(({ id, scope, metadata, onComplete }) => ({
      id,
      scope,
      metadata: json(metadata),
      actions: json(onComplete),
    })),
  )}`;

const taskColumns = [
  own("id", "uuid"),
  own("batch_id", "uuid"),
  own("pos", "int"),
  own("status", "task_status"),
  own("kind", "text"),
  own("priority", "smallint"),
  own("receiver", "text"),
  own("wait_finished", "int"),
  own("wait_success", "int"),
  own("kids", "int"),
  own("expected_count", "bigint"),
  own("timeout", "int"),
  own("retry", "jsonb"),
  own("acts", "smallint"),
  own("dead_end_barrier", "boolean"),
] as const;
const otherColumns = [own("lane", "int"), own("run_at", "timestamptz"), own("delay_secs", "int")] as const;

const taskFields = [...taskColumns, ...otherColumns];
type TaskField = (typeof taskFields)[number][2];
/** In which columns the tasks of most batches are alike. */
const alikeMostly = [
  "priority",
  "expected_count",
  "timeout",
  "retry",
  "dead_end_barrier",
  "lane",
  "run_at",
  "delay_secs",
] as const;
const alikeTasks: readonly Shared<TaskField>[] = [
  ["status", "kind", "receiver", "wait_finished", "wait_success", "kids", "acts", ...alikeMostly],
  alikeMostly,
];

function intoTask(params: (string | null)[], tasks: readonly PlannedTask[], lanes: Lanes): string {
  const read = (task: PlannedTask, field: TaskField) => taskValue(task, field, lanes);
  const { names: all, from } = values(params, taskFields, tasks, alikeTasks, read);
  const of = (field: TaskField) => all[taskFields.findIndex(([name]) => name === field)];
  return `
  insert into task (${names(taskColumns)}, lane, last_updated, run_at, due_at)
  select ${all.slice(0, taskColumns.length).join(", ")}, ${of("lane")}, t.created, r.run_at,
    -- the timer of Pending; a Waiting task gets it when it becomes Pending
    case when ${of("status")} = 'Pending' and r.run_at > t.created then r.run_at end
  from ${from}
    cross join (select date_trunc('milliseconds', now()) as created) t
    cross join lateral (select coalesce(${of("run_at")}, t.created + ${of("delay_secs")} * interval '1 second') as run_at) r`;
}

function taskValue(task: PlannedTask, field: keyof PlannedTask | "lane", lanes: Lanes): Scalar {
  if (field === "lane") return lanes.get(task.id) ?? 0;
  return field === "retry" ? json(task.retry) : task[field];
}

const wakeColumns = [own("lane", "int"), own("priority", "smallint"), own("pos", "int")] as const;

const intoWake = (params: (string | null)[], wakes: ReturnType<typeof wakesOf>) => `
  insert into wake (${names(wakeColumns)}) select ${names(wakeColumns)} from ${unnest(params, wakeColumns, wakes)}`;

const plainSpec = [own("id", "uuid"), own("batch_id", "uuid"), own("local_id", "text"), own("name", "text")] as const;
const jsonSpec = [
  own("metadata", "jsonb"),
  own("rules", "jsonb"),
  own("dedupe", "jsonb"),
  own("start_action", "jsonb"),
  own("actions", "jsonb"),
] as const;
const specColumns = [...plainSpec, ...jsonSpec];
const jsonFields: ReadonlySet<string> = new Set(jsonSpec.map(([name]) => name));

const alikeSpecs: readonly Shared<keyof PlannedSpec>[] = [
  ["metadata", "rules", "dedupe", "start_action", "actions"],
  ["metadata", "rules", "dedupe"],
];

function intoTaskSpec(params: (string | null)[], specs: readonly PlannedSpec[]): string {
  const read = (spec: PlannedSpec, field: keyof PlannedSpec) =>
    jsonFields.has(field) ? json(spec[field]) : (spec[field] as string);
  const { names: all, from } = values(params, specColumns, specs, alikeSpecs, read);
  return `insert into task_spec (${names(specColumns)}) select ${all.join(", ")} from ${from}`;
}

const linkColumns = [
  own("parent_id", "uuid"),
  own("child_id", "uuid"),
  own("requires_success", "boolean"),
  own("condition", "text"),
] as const;

const intoLink = (params: (string | null)[], links: readonly PlannedLink[]) => `
  insert into link (${names(linkColumns)}) select ${names(linkColumns)} from ${unnest(params, linkColumns, links)}`;

const deliveryColumns = [
  own("id", "uuid"),
  own("key", "text"),
  own("batch_id", "uuid"),
  own("action", "jsonb"),
  own("receiver", "text"),
  own("counts", "jsonb"),
] as const;

const intoDelivery = (params: (string | null)[], deliveries: ReturnType<typeof completionOf>) => `
  insert into delivery (id, key, batch_id, trigger, action, receiver, facts)
  select u.id, u.key, u.batch_id, 'end', u.action, u.receiver, jsonb_build_object('batch_id', u.batch_id, 'counts', u.counts,
    'completed_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
  from ${unnest(
    params,
    deliveryColumns,
    deliveries.map((one) => ({
      ...one,
      receiver: receiverOf(one.action),
      action: json(one.action),
      counts: json(one.counts),
    })),
  )}`;
