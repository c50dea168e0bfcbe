// Plans tasks that are added to a batch: from sound input, and what is known of the batch under its lock, to rows. Pure; it
// only makes ids. A parent that has ended counts at once, as the table of edges says: what propagation is outstanding is for
// tasks that were there before.
import { type BatchPlan, begun, type PlannedLink, type PlannedTask, planBatch } from "#domain/create/batch";
import { beginningOf, type Parent } from "#domain/create/begin";
import { warningsOf } from "#domain/create/warnings";
import { type DeadEnd, type Loss, reasonOf } from "#domain/propagation/edges";
import type { NewBatch } from "#domain/schema/batch";
import type { TaskState } from "#machines/task";

/** A batch under its lock, as far as tasks that are added have to know it. */
export interface GrownBatch {
  readonly id: string;
  /** Tasks that it has: ranks go on from there, so that what is under way for those never reaches an added one. */
  readonly total: number;
  /** Links that it has. */
  readonly links: number;
  readonly paused: boolean;
  readonly deadEnd: DeadEnd | null;
  readonly kinds: readonly string[];
  /** Those of its tasks that the call names, by local id. */
  readonly named: ReadonlyMap<string, Parent>;
  /** Ids of its tasks that only inputs name. */
  readonly read: ReadonlySet<string>;
}

/** `omitted`: positions that were deduplicated. `now`: wall clock in ms, for the ids. */
export function planGrowth(sent: NewBatch, to: GrownBatch, now: number, omitted: ReadonlySet<number>): BatchPlan {
  const batch = { ...sent, paused: to.paused, deadEnd: to.deadEnd };
  const plan = planBatch(batch, to.id, now, omitted, (name) => to.named.has(name) || to.read.has(name));
  const kept = batch.tasks.filter((_, position) => !omitted.has(position));
  const here = new Map<string, Parent>();
  const nameOf = new Map<string, string>();
  for (const [name, { id }] of to.named) nameOf.set(id, name);
  for (const [i, { local_id, id }] of plan.specs.entries()) {
    here.set(local_id, beforeLoss(plan.tasks[i] as PlannedTask));
    nameOf.set(id, local_id);
  }
  const parentOf = (name: string) => here.get(name) ?? to.named.get(name);
  const tasks = [...plan.tasks];
  const links: PlannedLink[] = [];
  // Parents first: one that is lost has ended for its children.
  for (const i of [...tasks.keys()].sort((a, b) => rankOf(tasks, a) - rankOf(tasks, b))) {
    const [task, spec, asked] = [tasks[i], plan.specs[i], kept[i]] as [
      PlannedTask,
      (typeof plan.specs)[0],
      (typeof kept)[0],
    ];
    const { waits, loss } = beginningOf(asked, parentOf);
    if (loss !== null) here.set(spec.local_id, { ...beforeLoss(task), status: loss.as });
    const rank = to.total + task.rank;
    tasks[i] = { ...task, rank, ...begun(waits, spec, batch), ...lostBy(loss, nameOf) };
    for (const { id: name, requires_success = null, condition = null } of asked.dependencies ?? []) {
      const parent = here.has(name) ? undefined : to.named.get(name);
      if (parent !== undefined) links.push({ parent_id: parent.id, child_id: task.id, requires_success, condition });
    }
  }
  return { ...plan, tasks, links: [...plan.links, ...links], warnings: warningsOf(sent, omitted, to.kinds) };
}

const rankOf = (tasks: readonly PlannedTask[], i: number): number => (tasks[i] as PlannedTask).rank;

/** Of tasks of the call, one that is lost ends after all that have ended before. */
const beforeLoss = ({ id, rank, status }: PlannedTask): Parent => ({
  ...{ id, rank, status: status as TaskState },
  endedAt: Number.POSITIVE_INFINITY,
});

const lostBy = (loss: Loss | null, nameOf: ReadonlyMap<string, string>): Pick<PlannedTask, "lost"> | object =>
  loss === null ? {} : { lost: { as: loss.as, reason: reasonOf(loss, nameOf.get(loss.by.parent) ?? "") } };

/** How each task of a plan began, by its position in the call: what a repetition of the call is answered by. */
export interface Began {
  readonly deadEnd: DeadEnd | null;
  readonly kinds: readonly string[];
  readonly tasks: readonly (readonly [status: TaskState, reason: string | null] | null)[];
}

export function beganOf({ tasks, deadEnd }: BatchPlan, { kinds }: Pick<GrownBatch, "kinds">): Began {
  const began: Began["tasks"][number][] = [];
  for (const { pos, status, lost } of tasks) {
    while (began.length < pos) began.push(null);
    began.push([lost?.as ?? status, lost?.reason ?? null]);
  }
  return { deadEnd, kinds, tasks: began };
}

/** The same plan again, as it was written: from the body, and from what was kept. `ids`: by position; null: deduplicated. */
export function planAgain(
  sent: NewBatch,
  kept: { readonly batchId: string; readonly tasks: readonly (string | null)[]; readonly created: Date },
  { deadEnd, kinds, tasks: began }: Began,
): BatchPlan {
  const omitted = new Set([...sent.tasks.keys()].filter((position) => !kept.tasks[position]));
  const plan = planBatch({ ...sent, deadEnd }, kept.batchId, kept.created.getTime(), omitted);
  const tasks = plan.tasks.map((task): PlannedTask => {
    const [status, reason] = began[task.pos] ?? ["Pending", null];
    const id = kept.tasks[task.pos] as string;
    if (status === "Failure" || status === "Skipped")
      return { ...task, id, lost: { as: status, reason: reason ?? "" } };
    return { ...task, id, status: status as PlannedTask["status"] };
  });
  return { ...plan, tasks, warnings: warningsOf(sent, omitted, kinds) };
}
