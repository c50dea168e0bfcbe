// Plans a batch: from sound input to the rows that one transaction writes. Pure; it only makes ids.
// Dependencies are wired to ids here, and what each task waits for is counted here and nowhere else.
import { type Action, actsOf, type LaterAction, receiverOf } from "#domain/action";
import type { RetryPolicy } from "#domain/retry";
import { tidyAction } from "#domain/schema/action";
import type { NewBatch } from "#domain/schema/batch";
import type { NewTask } from "#domain/schema/task";
import { readTime } from "#domain/schema/text";
import { noCounts } from "#domain/state";
import { uuidv7 } from "#domain/uuid";
import { batchKey } from "#domain/webhook";

export interface PlannedTask {
  readonly id: string;
  readonly batch_id: string;
  /** Position in the call, from 0: the last word in the order of starting. */
  readonly pos: number;
  readonly status: "Pending" | "Waiting";
  readonly kind: string;
  readonly priority: number;
  readonly receiver: string | null;
  readonly wait_finished: number;
  readonly wait_success: number;
  kids: number;
  readonly expected_count: number | null;
  readonly timeout: number;
  readonly retry: RetryPolicy | null;
  readonly acts: number;
  readonly dead_end_barrier: boolean;
  /** Not before this time; a delay counts from creation, by the clock of Postgres. */
  readonly run_at: string | null;
  readonly delay_secs: number | null;
}

export interface PlannedSpec {
  readonly id: string;
  readonly batch_id: string;
  readonly local_id: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly rules: readonly unknown[];
  readonly dedupe: readonly unknown[];
  readonly start_action: Action | null;
  readonly actions: readonly LaterAction[];
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
  /** Tasks and specs in the order sent, at the same positions. */
  readonly tasks: readonly PlannedTask[];
  readonly specs: readonly PlannedSpec[];
  readonly links: readonly PlannedLink[];
}

/** `omitted`: positions that were deduplicated; a dependency on one counts as met. `now`: wall clock in ms, for the ids. */
export function planBatch(batch: NewBatch, id: string, now: number, omitted: ReadonlySet<number> = none): BatchPlan {
  const tasks: PlannedTask[] = [];
  const specs: PlannedSpec[] = [];
  const links: PlannedLink[] = [];
  const byName = new Map<string, PlannedTask>();
  for (const [position, sent] of batch.tasks.entries()) {
    if (omitted.has(position)) continue;
    const taskId = uuidv7(now);
    const edges: Edge[] = [];
    for (const { id: name, requires_success = null, condition = null } of sent.dependencies ?? []) {
      const parent = byName.get(name);
      if (parent !== undefined) edges.push({ parent, requires_success, condition });
    }
    const spec = planSpec(sent, taskId, id);
    const task = planTask(sent, spec, { batch_id: id, pos: position }, wire(taskId, edges, links));
    tasks.push(task);
    specs.push(spec);
    byName.set(sent.id, task);
  }
  return { id, scope: batch.scope, metadata: batch.metadata, onComplete: batch.onComplete, tasks, specs, links };
}

const none: ReadonlySet<number> = new Set();

/** A dependency on a task that is planned already. */
export interface Edge {
  readonly parent: PlannedTask;
  readonly requires_success: boolean | null;
  readonly condition: string | null;
}

type Waits = Pick<PlannedTask, "status" | "wait_finished" | "wait_success">;

/** What a task with these dependencies begins with. Adds its links to `links`, and itself to the kids of its parents. */
export function wire(child_id: string, edges: readonly Edge[], links: PlannedLink[]): Waits {
  let wait_success = 0;
  for (const { parent, requires_success, condition } of edges) {
    parent.kids++;
    if (requires_success === true || condition === "on_success") wait_success++;
    links.push({ parent_id: parent.id, child_id, requires_success, condition });
  }
  return { status: edges.length === 0 ? "Pending" : "Waiting", wait_finished: edges.length, wait_success };
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

/** How long after `now` (ms) the first task of the batch may start that may not start at once; undefined: none waits for a time. */
export function firstDelayMs(plan: BatchPlan, now: number): number | undefined {
  const delays = plan.tasks
    .filter(({ status, run_at, delay_secs }) => status === "Pending" && (run_at !== null || delay_secs !== null))
    .map(({ run_at, delay_secs }) => (run_at === null ? (delay_secs ?? 0) * 1000 : Date.parse(run_at) - now));
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
  for (const spec of plan.specs) {
    const level = Math.max(-1, ...(parents.get(spec.id) ?? []).map((link) => depth.get(link.parent_id) ?? -1)) + 1;
    depth.set(spec.id, level);
    const here = levels[level];
    if (here) here.push(spec.local_id);
    else levels[level] = [spec.local_id];
  }
  return levels;
}

function planTask(
  sent: NewTask,
  spec: PlannedSpec,
  place: { readonly batch_id: string; readonly pos: number },
  waits: Waits,
): PlannedTask {
  const runAt = readTime(sent.run_at);
  return {
    id: spec.id,
    ...place,
    ...waits,
    kind: sent.kind,
    priority: sent.priority ?? 0,
    receiver: receiverOf(spec.start_action),
    kids: 0,
    expected_count: sent.expected_count ?? null,
    timeout: sent.timeout ?? defaultTimeoutSecs,
    retry: planRetry(sent.retry),
    acts: actsOf(spec.start_action, spec.actions),
    dead_end_barrier: sent.dead_end_barrier ?? false,
    run_at: runAt === undefined ? null : new Date(runAt).toISOString(),
    delay_secs: sent.delay_secs ?? null,
  };
}

const defaultTimeoutSecs = 60;

function planSpec(sent: NewTask, id: string, batch_id: string): PlannedSpec {
  const actions: LaterAction[] = [];
  for (const action of sent.on_success ?? [])
    actions.push({ ...tidyAction(action as Action), trigger: "End", on: "success" });
  for (const action of sent.on_failure ?? [])
    actions.push({ ...tidyAction(action as Action), trigger: "End", on: "failure" });
  for (const action of sent.on_cancel ?? []) actions.push({ ...tidyAction(action as Action), trigger: "Cancel" });
  return {
    id,
    batch_id,
    local_id: sent.id,
    name: sent.name,
    metadata: sent.metadata ?? null,
    rules: sent.rules ?? [],
    dedupe: sent.dedupe_strategy ?? [],
    start_action: sent.on_start ? tidyAction(sent.on_start as Action) : null,
    actions,
  };
}

function planRetry(sent: NewTask["retry"]): RetryPolicy | null {
  if (!sent) return null;
  return {
    max_retries: sent.max_retries,
    initial_delay_secs: sent.initial_delay_secs ?? 5,
    backoff_multiplier: sent.backoff_multiplier ?? 2,
    max_delay_secs: sent.max_delay_secs ?? 300,
    retry_on: sent.retry_on ?? ["timeout", "start_failure", "explicit"],
  };
}
