// The rows of planned batches, in one statement, which is one transaction by itself: all or none. Only very many links follow.
// Foreign keys are checked at its end, so the order of its parts does not matter; parts without rows are left out.
import { receiverOf } from "#domain/action";
import { type AskedPlan, type BatchPlan, completionOf, type PlannedTask } from "#domain/create/batch";
import type { PlannedSpec } from "#domain/create/spec";
import { copyLinks, insertLinks, intoLink, linksInOne } from "#store/create/links";
import { endLost } from "#store/create/lost";
import { noteOmitted } from "#store/create/omitted";
import { type Queues, queuesOf, signalsOf } from "#store/create/queues";
import type { Sql } from "#store/pg/pool";
import { array, type Column, names, own, type Scalar, type Shared, unnest, values } from "#store/pg/unnest";

/** Returns the time of creation, by the clock of Postgres. `now`: wall clock in ms, for the ids of deliveries. */
export async function insertPlans(sql: Sql, plans: readonly AskedPlan[], now: number): Promise<Date> {
  const tasks = plans.flatMap((plan) => plan.tasks);
  const specs = plans.flatMap((plan) => plan.specs);
  const links = plans.flatMap((plan) => plan.links);
  const described = plans.filter(isDescribed);
  const deliveries = plans.flatMap((plan) => (plan.tasks.length === 0 && !plan.open ? completionOf(plan, now) : []));
  const queues = await queuesOf(sql, plans);
  const signals = signalsOf(plans, queues);
  const params: (string | null)[] = [];
  const parts = [`b as (${intoBatch(params, plans)})`];
  if (tasks.length > 0) parts.push(`k as (${intoBatchKind(params, plans)})`);
  if (described.length > 0) parts.push(`bs as (${intoBatchSpec(params, described)})`);
  if (tasks.length > 0)
    parts.push(`t as (${intoTask(params, tasks, queues)})`, `s as (${intoTaskSpec(params, specs, tasks)})`);
  const isMany = plans.length === 1 && links.length > linksInOne;
  if (links.length > 0 && !isMany) parts.push(`l as (${intoLink(params, links)})`);
  if (deliveries.length > 0) parts.push(`d as (${intoDelivery(params, deliveries)})`);
  if (signals.length > 0) parts.push(`w as (${intoSignal(params, signals)})`);
  const statement = `with ${parts.join(", ")} select now() as created_at`;
  const found = await sql.unsafe<{ created_at: Date }[]>(statement, params, { prepare: true });
  if (isMany) await insertLinks(sql, links);
  for (const plan of plans) {
    if (plan.copied) await copyLinks(sql, plan);
    if (plan.deduplicated.length > 0) await noteOmitted(sql, plan, null);
    if (plan.tasks.some(({ lost }) => lost !== undefined)) await endLost(sql, plan, now);
  }
  return (found[0] as { created_at: Date }).created_at;
}

const isDescribed = ({ scope, metadata, onComplete, paused, deadlineSecs = null, deadEnd }: BatchPlan): boolean =>
  [scope, metadata, deadlineSecs, deadEnd].some((one) => one !== null) || onComplete.length > 0 || paused;

/** As the text of JSON; null is no value. */
const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

/** Each once, sorted. */
export const kindsOf = ({ tasks }: BatchPlan): string[] => [...new Set(tasks.map(({ kind }) => kind))].sort();

const batchColumns = [
  own("id", "uuid"),
  own("n", "int"),
  own("kinds", "text"),
  own("rerun_of", "uuid"),
  own("created_by", "text"),
  own("paused", "boolean"),
  own("open", "boolean"),
  own("links", "int"),
  own("deadline_secs", "int"),
] as const;

/** Only sent where some batch is of a schedule. */
const scheduleColumns = [own("schedule", "text"), own("schedule_at", "timestamptz")] as const;
const scheduleOf = `,
    schedule, case when schedule is not null then coalesce(schedule_at, date_trunc('milliseconds', now())) end`;

function intoBatch(params: (string | null)[], plans: readonly AskedPlan[]): string {
  const isScheduled = plans.some(({ schedule }) => schedule !== undefined);
  return `
  insert into batch (id, total, unfinished, kinds, rerun_of, created_by, paused, open, links, deadline_at, completed_at${isScheduled ? `, ${names(scheduleColumns)}` : ""})
  select id, n, n, kinds::text[], rerun_of, created_by, paused and (n > 0 or open), open, links,
    date_trunc('milliseconds', now()) + deadline_secs * interval '1 second', case when n = 0 and not open then now() end${isScheduled ? scheduleOf : ""}
  from ${unnest(
    params,
    isScheduled ? [...batchColumns, ...scheduleColumns] : batchColumns,
    plans.map((plan) => ({
      id: plan.id,
      n: plan.tasks.length,
      kinds: array(kindsOf(plan)),
      rerun_of: plan.rerunOf ?? null,
      created_by: plan.createdBy,
      paused: plan.paused,
      open: plan.open ?? false,
      links: plan.copied?.links ?? plan.links.length,
      deadline_secs: plan.deadlineSecs ?? null,
      schedule: plan.schedule?.name ?? null,
      schedule_at: plan.schedule?.at ?? null,
    })),
  )}`;
}

const intoBatchKind = (params: (string | null)[], plans: readonly BatchPlan[]) => `
  insert into batch_kind (batch_id, kind) select batch_id, kind
  from ${unnest(
    params,
    [own("batch_id", "uuid"), own("kind", "text")],
    plans.flatMap((plan) => kindsOf(plan).map((kind) => ({ batch_id: plan.id, kind }))),
  )}`;

const intoBatchSpec = (params: (string | null)[], plans: readonly BatchPlan[]) => `
  insert into batch_spec (id, scope, metadata, dead_end, on_complete, paused, deadline_secs)
  select id, scope, metadata, dead_end, actions, paused, deadline_secs
  from ${unnest(
    params,
    [
      own("id", "uuid"),
      own("scope", "text"),
      own("metadata", "jsonb"),
      own("dead_end", "text"),
      own("actions", "jsonb"),
      own("paused", "boolean"),
      own("deadline_secs", "int"),
    ],
    plans.map(({ id, scope, metadata, deadEnd, onComplete, paused, deadlineSecs = null }) => ({
      id,
      scope,
      metadata: json(metadata),
      dead_end: deadEnd,
      actions: json(onComplete),
      paused,
      deadline_secs: deadlineSecs,
    })),
  )}`;

const taskColumns = [
  own("id", "uuid"),
  own("batch_id", "uuid"),
  own("pos", "int"),
  own("rank", "int"),
  own("status", "task_status"),
  own("paused_by_batch", "boolean"),
  own("kind", "text"),
  own("priority", "smallint"),
  own("receiver", "text"),
  own("wait_finished", "int"),
  own("wait_success", "int"),
  own("children", "int"),
  own("expected_count", "bigint"),
  own("timeout", "int"),
  own("retry", "jsonb"),
  own("acts", "smallint"),
  own("dead_end_barrier", "boolean"),
  own("dead_end_keep", "boolean"),
  own("joins_any", "boolean"),
] as const;
const otherColumns = [own("queue", "int"), own("run_at", "timestamptz"), own("delay_secs", "int")] as const;

/** Only sent where some task has one of them. */
const limitColumns = [
  own("max_duration_secs", "int"),
  own("expires_secs", "int"),
  own("queue_timeout_secs", "int"),
] as const;
const isLimited = (task: PlannedTask): boolean => limitColumns.some(([, , field]) => task[field] !== null);

type TaskField = [...typeof taskColumns, ...typeof limitColumns, ...typeof otherColumns][number][2];
/** In which columns the tasks of most batches are alike. */
const alikeMostly = [
  "paused_by_batch",
  "priority",
  "expected_count",
  "timeout",
  "max_duration_secs",
  "expires_secs",
  "queue_timeout_secs",
  "retry",
  "dead_end_barrier",
  "dead_end_keep",
  "joins_any",
  "queue",
  "run_at",
  "delay_secs",
] as const;
const alikeTasks: readonly Shared<TaskField>[] = [
  ["status", "kind", "receiver", "wait_finished", "wait_success", "children", "acts", ...alikeMostly],
  alikeMostly,
];

export function intoTask(params: (string | null)[], tasks: readonly PlannedTask[], queues: Queues): string {
  const read = (task: PlannedTask, field: TaskField) => taskValue(task, field, queues);
  const isSomeLimited = tasks.some(isLimited);
  const kept: readonly Column<TaskField>[] = [...taskColumns, ...(isSomeLimited ? limitColumns : [])];
  const fields = [...kept, ...otherColumns];
  const { names: all, from } = values(params, fields, tasks, alikeTasks, read);
  const of = (field: TaskField) => all[fields.findIndex(([name]) => name === field)];
  // the timer of Pending; a Waiting task gets it when it becomes Pending
  const ready = `case when ${of("status")} = 'Pending' and r.run_at > t.created then r.run_at end`;
  const due = isSomeLimited ? `least(${ready}, t.created + ${of("expires_secs")} * interval '1 second')` : ready;
  return `
  insert into task (${names(kept)}, open_children, queue, last_updated, run_at, ready_at, due_at)
  select ${all.slice(0, kept.length).join(", ")}, ${of("children")}, ${of("queue")}, t.created, r.run_at, ${ready}, ${due}
  from ${from}
    cross join (select date_trunc('milliseconds', now()) as created) t
    cross join lateral (select coalesce(${of("run_at")}, t.created + ${of("delay_secs")} * interval '1 second') as run_at) r`;
}

function taskValue(task: PlannedTask, field: Exclude<keyof PlannedTask, "lost"> | "queue", queues: Queues): Scalar {
  if (field === "queue") return queues.get(task.id) ?? 0;
  return field === "retry" ? json(task.retry) : task[field];
}

const signalColumns = [own("queue", "int"), own("priority", "smallint"), own("pos", "int")] as const;

export const intoSignal = (params: (string | null)[], signals: ReturnType<typeof signalsOf>) => `
  insert into signal (${names(signalColumns)}) select ${names(signalColumns)} from ${unnest(params, signalColumns, signals)}`;

const plainSpec = [
  own("id", "uuid"),
  own("batch_id", "uuid"),
  own("rank", "int"),
  own("local_id", "text"),
  own("name", "text"),
  own("paused", "boolean"),
  own("delay_secs", "int"),
] as const;
const jsonSpec = [
  own("metadata", "jsonb"),
  own("rules", "jsonb"),
  own("dedupe", "jsonb"),
  own("start_action", "jsonb"),
  own("actions", "jsonb"),
] as const;
const specColumns = [...plainSpec, ...jsonSpec];
const jsonFields: ReadonlySet<string> = new Set([...jsonSpec.map(([name]) => name), "sources"]);

const alikeSpecs: readonly Shared<SpecField>[] = [
  ["paused", "delay_secs", "metadata", "rules", "dedupe", "start_action", "actions"],
  ["paused", "delay_secs", "metadata", "rules", "dedupe"],
];

/** Only sent where some task has it. */
const sourcesColumn = own("sources", "jsonb");

type SpecField = keyof PlannedSpec | "rank";

export function intoTaskSpec(
  params: (string | null)[],
  specs: readonly PlannedSpec[],
  tasks: readonly PlannedTask[],
): string {
  const ranks = new Map(tasks.map(({ id, rank }) => [id, rank]));
  const read = (spec: PlannedSpec, field: SpecField): Scalar => {
    if (field === "rank") return ranks.get(spec.id) as number;
    return jsonFields.has(field) ? json(spec[field] ?? null) : (spec[field] as Scalar);
  };
  const hasSources = specs.some(({ sources }) => sources !== undefined);
  const fields: readonly Column<SpecField>[] = hasSources ? [...specColumns, sourcesColumn] : specColumns;
  const { names: all, from } = values(params, fields, specs, alikeSpecs, read);
  return `insert into task_spec (${names(fields)}) select ${all.join(", ")} from ${from}`;
}

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
