// Plans a batch: from sound input to the rows that one transaction writes. Pure; it only makes ids. Dependencies are wired to ids
// here, and what each task waits for is counted here and nowhere else.
import { type Action, actsOf, queueTimeoutOf, receiverOf } from "#domain/action";
import type { RetryPolicy } from "#domain/calls/retry";
import { batchKey } from "#domain/calls/webhook";
import { orderOf } from "#domain/create/order";
import { type PlannedSpec, planRetry, planSpec } from "#domain/create/spec";
import { warningsOf } from "#domain/create/warnings";
import { type DeadEnd, type Edge, edgeOf, type Waits, waitsOf } from "#domain/propagation/edges";
import type { NewBatch } from "#domain/schema/batch";
import type { NewTask } from "#domain/schema/task";
import { readTime } from "#domain/schema/text";
import { noCounts } from "#domain/state";
import { uuidv7 } from "#domain/values/uuid";

export interface PlannedTask {
  readonly id: string;
  readonly batch_id: string;
  /** Position in the call, from 0: the last word in the order of starting. */
  readonly pos: number;
  /** A topological number in the batch: parents stand before children. */
  readonly rank: number;
  readonly status: "Pending" | "Waiting" | "Paused";
  /** Paused because its batch is. */
  readonly paused_by_batch: boolean;
  readonly kind: string;
  readonly priority: number;
  readonly receiver: string | null;
  readonly wait_finished: number;
  readonly wait_success: number;
  readonly children: number;
  readonly expected_count: number | null;
  readonly timeout: number;
  readonly max_duration_secs: number | null;
  readonly expires_secs: number | null;
  /** Of a start that is a message. */
  readonly queue_timeout_secs: number | null;
  readonly retry: RetryPolicy | null;
  readonly acts: number;
  readonly dead_end_barrier: boolean;
  readonly dead_end_keep: boolean;
  readonly joins_any: boolean;
  /** Not before this time; a delay counts from creation, by the clock of Postgres. */
  readonly run_at: string | null;
  readonly delay_secs: number | null;
  /** It ends as soon as it exists, by a parent that is not in the batch. */
  readonly lost?: { readonly as: "Failure" | "Skipped"; readonly reason: string };
}

export interface PlannedLink {
  readonly parent_id: string;
  readonly child_id: string;
  readonly requires_success: boolean | null;
  readonly condition: string | null;
}

export interface BatchPlan {
  readonly id: string;
  readonly scope: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly onComplete: readonly Action[];
  readonly paused: boolean;
  /** Does not complete before it is closed. */
  readonly open?: boolean;
  /** Counts from creation. */
  readonly deadlineSecs?: number | null;
  /** As it was sent, for tasks that are added later. */
  readonly deadEnd: DeadEnd | null;
  /** The batch that this one runs again. */
  readonly rerunOf?: string;
  /** Its links are those between these tasks of that batch, so many: the new ids by the old ones. */
  readonly copied?: { readonly ids: ReadonlyMap<string, string>; readonly links: number };
  /** Tasks and specs in the order sent, at the same positions. */
  readonly tasks: readonly PlannedTask[];
  readonly specs: readonly PlannedSpec[];
  readonly links: readonly PlannedLink[];
  /** Local ids of the tasks that were left out. */
  readonly deduplicated: readonly string[];
  /** For the client. */
  readonly warnings: readonly string[];
}

/** A plan that is carried out. */
export interface AskedPlan extends BatchPlan {
  /** An `actor`. */
  readonly createdBy: string;
  /** Of which schedule, and for which time; null: for now. */
  readonly schedule?: { readonly name: string; readonly at: Date | null };
}

/** A rerun without tasks makes no batch. */
export const isNothing = ({ rerunOf, tasks }: BatchPlan): boolean => rerunOf !== undefined && tasks.length === 0;

/**
 * `omitted`: positions that were deduplicated; a dependency on one counts as met. `now`: wall clock in ms, for the ids. `isThere`:
 * whether the batch to which the tasks are added has a task of this name.
 */
export function planBatch(
  batch: NewBatch,
  id: string,
  now: number,
  omitted: ReadonlySet<number> = none,
  isThere: (name: string) => boolean = () => false,
): BatchPlan {
  const kept = batch.tasks.flatMap((sent, position) => (omitted.has(position) ? [] : [{ sent, position }]));
  const names = new Set(kept.map(({ sent }) => sent.id));
  const isHere = (name: string) => names.has(name) || isThere(name);
  const specs = kept.map(({ sent }) => planSpec(sent, uuidv7(now), id, isHere));
  const idOf = new Map(specs.map((spec) => [spec.local_id, spec.id]));
  const links: PlannedLink[] = [];
  const waits = kept.map(({ sent }, i) => {
    const child_id = (specs[i] as PlannedSpec).id;
    const dependencies = sent.dependencies ?? [];
    const open: Edge[] = [];
    for (const { id: name, requires_success = null, condition = null } of dependencies) {
      const parent_id = idOf.get(name);
      if (parent_id === undefined) continue;
      open.push(edgeOf(requires_success, condition));
      links.push({ parent_id, child_id, requires_success, condition });
    }
    return waitsOf(open, dependencies.length - open.length, sent.join === "any");
  });
  const inGraph = graphOf(specs, links);
  const tasks = kept.map(({ sent, position }, i) => {
    const spec = specs[i] as PlannedSpec;
    const place = { batch_id: id, pos: position, ...inGraph(spec.id) };
    return planTask(
      { ...sent, dead_end: sent.dead_end ?? batch.deadEnd },
      spec,
      place,
      begun(waits[i] as Waits, spec, batch),
    );
  });
  const deduplicated = batch.tasks.filter((_, position) => omitted.has(position)).map((task) => task.id);
  const { scope, metadata, onComplete, paused, open = false, deadlineSecs = null, deadEnd } = batch;
  return {
    ...{ id, scope, metadata, onComplete, paused, open, deadlineSecs, deadEnd },
    ...{ tasks, specs, links, deduplicated, warnings: warningsOf(batch, omitted) },
  };
}

const none: ReadonlySet<number> = new Set();

/** Paused where the task or its batch is; a resume of the batch opens only what is not paused by itself. */
export function begun(
  waits: Waits,
  { paused }: Pick<PlannedSpec, "paused">,
  batch: Pick<BatchPlan, "paused">,
): Pick<PlannedTask, "status" | "wait_finished" | "wait_success" | "paused_by_batch"> {
  if (!paused && !batch.paused) return { ...waits, paused_by_batch: false };
  return { ...waits, status: "Paused", paused_by_batch: !paused };
}

/** Where each task stands in the graph: a topological number, and how many tasks depend on it. */
function graphOf(
  specs: readonly PlannedSpec[],
  links: readonly PlannedLink[],
): (id: string) => Pick<PlannedTask, "rank" | "children"> {
  const ranks = new Map(parentsFirst(specs, links).map(({ id }, rank) => [id, rank]));
  const children = new Map<string, number>();
  for (const { parent_id } of links) children.set(parent_id, (children.get(parent_id) ?? 0) + 1);
  return (id) => ({ rank: ranks.get(id) as number, children: children.get(id) ?? 0 });
}

/** The tasks, each behind all that it depends on; otherwise as they stand. */
function parentsFirst<T extends { readonly id: string }>(
  tasks: readonly T[],
  links: readonly PlannedLink[],
): readonly T[] {
  const at = new Map(tasks.map(({ id }, i) => [id, i]));
  const parents: number[][] = tasks.map(() => []);
  for (const { parent_id, child_id } of links) {
    const [parent, child] = [at.get(parent_id), at.get(child_id)];
    if (parent !== undefined && child !== undefined) parents[child]?.push(parent);
  }
  return orderOf(parents).order.map((i) => tasks[i] as T);
}

/** The deliveries of a batch that is complete as soon as it exists. */
export function completionOf(plan: BatchPlan, now: number) {
  return plan.onComplete.map((action, i) => ({
    id: uuidv7(now),
    batch_id: plan.id,
    key: batchKey(plan.id, i + 1),
    action,
    counts: noCounts(),
  }));
}

/** How long after `now` (ms) the first timer of the batch goes off: a start, an expiry, the deadline; undefined: it has none. */
export function firstDelayMs(plan: BatchPlan, now: number): number | undefined {
  const delays = plan.tasks
    .filter(({ status, run_at, delay_secs }) => status === "Pending" && (run_at !== null || delay_secs !== null))
    .map(({ run_at, delay_secs }) => (run_at === null ? (delay_secs ?? 0) * 1000 : Date.parse(run_at) - now));
  for (const { expires_secs } of plan.tasks) if (expires_secs !== null) delays.push(expires_secs * 1000);
  if (typeof plan.deadlineSecs === "number") delays.push(plan.deadlineSecs * 1000);
  return delays.length === 0
    ? undefined
    : Math.max(
        0,
        delays.reduce((least, ms) => Math.min(least, ms)),
      );
}

/** Local names by how far they are from the start, for a dry run. */
export function levelsOf(plan: BatchPlan): string[][] {
  const levels: string[][] = [];
  const depth = new Map<string, number>();
  const parents = Map.groupBy(plan.links, (link) => link.child_id);
  for (const { id } of parentsFirst(plan.specs, plan.links))
    depth.set(id, Math.max(-1, ...(parents.get(id) ?? []).map((link) => depth.get(link.parent_id) ?? -1)) + 1);
  for (const { id, local_id } of plan.specs) {
    const level = depth.get(id) as number;
    const here = levels[level];
    if (here) here.push(local_id);
    else levels[level] = [local_id];
  }
  return levels;
}

function planTask(
  sent: NewTask,
  spec: PlannedSpec,
  place: Pick<PlannedTask, "batch_id" | "pos" | "rank" | "children">,
  waits: ReturnType<typeof begun>,
): PlannedTask {
  const runAt = readTime(sent.run_at);
  return {
    id: spec.id,
    ...place,
    ...waits,
    kind: sent.kind,
    priority: sent.priority ?? 0,
    receiver: receiverOf(spec.start_action),
    expected_count: sent.expected_count ?? null,
    timeout: sent.timeout ?? (spec.start_action?.kind === "Wait" ? gateTimeoutSecs : defaultTimeoutSecs),
    max_duration_secs: sent.max_duration_secs ?? null,
    expires_secs: sent.expires_secs ?? null,
    queue_timeout_secs: queueTimeoutOf(spec.start_action),
    retry: planRetry(sent.retry),
    acts: actsOf(spec.start_action, spec.actions),
    dead_end_barrier: sent.dead_end_barrier ?? false,
    dead_end_keep: sent.dead_end === "keep",
    joins_any: sent.join === "any",
    run_at: runAt === undefined ? null : new Date(runAt).toISOString(),
    delay_secs: sent.delay_secs ?? null,
  };
}

const defaultTimeoutSecs = 60;
/** A person takes longer. */
const gateTimeoutSecs = 365 * 86_400;
