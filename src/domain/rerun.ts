// Plans the rerun of a batch that has ended: a new batch of the same tasks, as they are kept now, under new ids. Pure.
// `all` is everything. `failed` is everything that is not Success, save what could not run this time either: a task that is
// not run again has its end already, and a step whose conditions that end rules out would only be skipped, and is left out.
import { type Action, actsOf, type LaterAction, receiverOf } from "#domain/action";
import { type BatchPlan, type Edge, type PlannedLink, type PlannedSpec, type PlannedTask, wire } from "#domain/batch";
import { uuidv7 } from "#domain/uuid";
import type { TaskState } from "#machines/task";

export const rerunKinds = ["failed", "all"] as const;
export type RerunKind = (typeof rerunKinds)[number];

/** What is kept of a task, as far as a rerun needs it. */
export interface KeptTask
  extends Pick<PlannedTask, "pos" | "kind" | "priority" | "expected_count" | "timeout" | "retry" | "dead_end_barrier">,
    Pick<PlannedSpec, "id" | "local_id" | "name" | "metadata" | "rules" | "dedupe"> {
  readonly status: TaskState;
  readonly run_at: Date | null;
  readonly start_action: Action | null;
  readonly actions: readonly LaterAction[];
}

/** A batch that has ended. Tasks in the order of the call, so that each stands behind those that it depends on. */
export interface KeptBatch extends Pick<BatchPlan, "scope" | "metadata" | "onComplete"> {
  readonly tasks: readonly KeptTask[];
  readonly links: readonly PlannedLink[];
}

/**
 * `id`: of the new batch; `now`: wall clock in ms. Counters, attempts and results begin anew. Dedupe is kept and not applied:
 * to run again is what was asked for. `run_at` is kept while it is ahead. Of a delay only the time is kept that it led
 * to, so it does not begin again. `deadEnds`: whether a task that nobody needs is canceled (DEAD_END_CANCEL_ENABLED).
 */
export function planRerun(
  batch: KeptBatch,
  only: RerunKind,
  { id, now, deadEnds }: { readonly id: string; readonly now: number; readonly deadEnds: boolean },
): BatchPlan {
  const above = Map.groupBy(batch.links, (link) => link.child_id);
  const ends: Ends = only === "all" ? new Map() : endsOf(batch.tasks, above);
  if (deadEnds) leaveDeadEnds(batch, ends);
  const tasks: PlannedTask[] = [];
  const specs: PlannedSpec[] = [];
  const links: PlannedLink[] = [];
  const copies = new Map<string, PlannedTask>();
  for (const kept of batch.tasks) {
    if (ends.has(kept.id)) continue;
    const edges: Edge[] = [];
    for (const { parent_id, requires_success, condition } of above.get(kept.id) ?? []) {
      const parent = copies.get(parent_id);
      // A parent that is not run again has met the dependency: else the task would not be here.
      if (parent !== undefined) edges.push({ parent, requires_success, condition });
    }
    const spec = copySpec(kept, uuidv7(now), id);
    const task = { ...copyTask(kept, spec, now), ...wire(spec.id, edges, links) };
    tasks.push(task);
    specs.push(spec);
    copies.set(kept.id, task);
  }
  return { id, scope: batch.scope, metadata: batch.metadata, onComplete: batch.onComplete, tasks, specs, links };
}

/** How the tasks that are not run again have ended, or would end at once. */
type Ends = Map<string, "Success" | "Failure" | "Skipped" | "Canceled">;
type Links = ReadonlyMap<string, readonly PlannedLink[]>;

function endsOf(tasks: readonly KeptTask[], above: Links): Ends {
  const ends: Ends = new Map();
  for (const { id, status } of tasks) {
    const end = status === "Success" ? status : lost(above.get(id) ?? [], ends);
    if (end !== undefined) ends.set(id, end);
  }
  return ends;
}

/** How a task ends because of parents that have; undefined: it may still run. If a parent fails it and another skips it, it fails. */
function lost(links: readonly PlannedLink[], ends: Ends): "Failure" | "Skipped" | undefined {
  let skipped = false;
  for (const { parent_id, requires_success, condition } of links) {
    const end = ends.get(parent_id);
    if (end === undefined) continue;
    if (requires_success === true && end !== "Success") return "Failure";
    if (condition === "on_success" && end !== "Success") skipped = true;
    if (condition === "on_failure" && end !== "Failure") skipped = true;
  }
  return skipped ? "Skipped" : undefined;
}

/**
 * Leaves out, from the bottom up, what was canceled or skipped and would only serve tasks that are left out. What failed by
 * itself is run again all the same, and what has no children serves by itself. A barrier stops the climb, as it does in life.
 */
function leaveDeadEnds({ tasks, links }: KeptBatch, ends: Ends): void {
  const below = Map.groupBy(links, (link) => link.parent_id);
  const barriers = new Set(tasks.filter((task) => task.dead_end_barrier).map((task) => task.id));
  for (const { id, status } of tasks.toReversed()) {
    if (ends.has(id) || status === "Failure") continue;
    const kids = (below.get(id) ?? []).map((link) => link.child_id);
    const idle = kids.every((kid) => ends.has(kid) && ends.get(kid) !== "Success");
    if (idle && kids.some((kid) => ends.get(kid) !== "Canceled" || !barriers.has(kid))) ends.set(id, "Canceled");
  }
}

function copySpec(kept: KeptTask, id: string, batch_id: string): PlannedSpec {
  const { local_id, name, metadata, rules, dedupe, start_action, actions } = kept;
  // What a service answered to the start call was how to cancel that call; the next one has its own answer.
  const own = actions.filter((action) => action.trigger === "End" || action.answered !== true);
  return { id, batch_id, local_id, name, metadata, rules, dedupe, start_action, actions: own };
}

function copyTask(kept: KeptTask, spec: PlannedSpec, now: number): Omit<PlannedTask, "status" | `wait_${string}`> {
  const { pos, kind, priority, expected_count, timeout, retry, dead_end_barrier, run_at } = kept;
  return {
    id: spec.id,
    batch_id: spec.batch_id,
    pos,
    kind,
    priority,
    receiver: receiverOf(spec.start_action),
    kids: 0,
    expected_count,
    timeout,
    retry,
    acts: actsOf(spec.start_action, spec.actions),
    dead_end_barrier,
    run_at: run_at !== null && run_at.getTime() > now ? run_at.toISOString() : null,
    delay_secs: null,
  };
}
