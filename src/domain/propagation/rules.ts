// What an ended task means for its relatives, one step at a time: a child hears of one parent, a child that may be lost is
// judged by all its parents as they stand, a parent without unfinished children has nothing left to work for. Pure: works on
// the rows and links that the transaction has loaded.
import { acts } from "#domain/action";
import { isMet, lossOf, type Never, needsSuccess } from "#domain/propagation/edges";
import type { ChildLink, ParentLink } from "#domain/propagation/links";
import type { Step } from "#domain/propagation/work";
import { isFinal, type TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { advance } from "#domain/turn/step";

/** A child hears how one parent has ended; where that meets its dependency its row is in hand. */
export function tellChild(
  state: TurnState,
  batchId: string,
  { child, edge, rank }: ChildLink,
  ended: TaskRow["status"],
): void {
  if (rank === null || !state.isOpen(child)) return;
  const row = state.rows.get(child);
  if (!isMet(edge, ended)) state.push({ batchId, taskId: child, rank, ...toJudge });
  else if (row !== undefined) advance(state, row, { type: "parent_met", required: needsSuccess(edge) });
}

const toJudge = { step: "judge", status: null, children: 0, after: null, upto: -1 } as const;

/** Judges a task by all its parents; those that ended in this transaction did so after all others. */
export function judge(state: TurnState, task: TaskRow, links: readonly ParentLink[]): void {
  if (isFinal(task.status)) return;
  const here = new Map(state.finished.map(({ id }, i) => [id, i]));
  const parents = links.map((link) => ({ ...link, status: state.rows.get(link.parent)?.status ?? link.status }));
  const ended = parents.filter(({ status }) => isFinal(status));
  const never: Never[] = ended
    .filter(({ edge, status }) => !isMet(edge, status))
    .sort((a, b) => (here.get(a.parent) ?? -1) - (here.get(b.parent) ?? -1));
  const loss = lossOf(never, links.length, task.joinsAny);
  if (loss !== null) lose(state, task, loss.as, loss.by);
  else if (task.joinsAny && never.length > 0 && task.waitFinished > 0 && never.length === ended.length)
    advance(state, task, { type: "parents_left", count: links.length - never.length });
}

function lose(state: TurnState, task: TaskRow, as: "Failure" | "Skipped", by: Never): void {
  if (as === "Failure") state.followed.add(task.id);
  if (!advance(state, task, { type: "parent_lost", as }, { reason: "" })) return;
  const event = state.events.at(-1) as { reason: string | null };
  state.namedLosses.push({ row: task, event, as, by });
}

/** The last unfinished child of this task has ended: it is a dead end, unless something was added below it since. */
export function climb(state: TurnState, task: TaskRow): void {
  if (isFinal(task.status) || task.openChildren > 0 || isAdder(task)) return;
  state.deadEnds.add(task.id);
  advance(state, task, { type: "cancel" }, { reason: "All child tasks already terminated", name: "dead_end" });
}

/** An unfinished parent has one unfinished child less. */
export function childEnded(state: TurnState, parent: TaskRow, child: TaskRow): void {
  if (isFinal(parent.status)) return;
  parent.openChildren--;
  state.changed.add(parent);
  const isBarrier = child.deadEndBarrier && state.deadEnds.has(child.id);
  const isKept = parent.deadEndKeep || state.isBatchOpen(parent.batchId) || isAdder(parent);
  if (parent.openChildren === 0 && state.env.deadEnds && !isKept && !isBarrier) state.push(stepOf(parent, "up"));
}

/** It is at work and has added tasks to its batch, so it may add more. */
const isAdder = ({ status, acts: bits }: TaskRow): boolean =>
  (bits & acts.added) !== 0 && (status === "Claimed" || status === "Running");

/** Every task that ended since: it counts in its batch, and its children are to hear of it. Returns those that may have unfinished parents. */
export function countEnded(state: TurnState): TurnState["ended"] {
  const ended = state.ended.splice(0);
  for (const { row, cause } of ended) {
    state.cause = cause;
    state.finished.push(row);
    tally(state, row);
    if (row.openChildren > 0 && !state.quiet.has(row.id)) state.push(stepOf(row, "down"));
  }
  // A task that was ready has no unfinished parent, unless any one was enough for it.
  return ended.filter(({ row }) => (row.waitFinished > 0 || row.joinsAny) && !state.quiet.has(row.id));
}

const stepOf = (
  { id, batchId, rank, status, children }: TaskRow,
  step: "down" | "up",
): Omit<Step, "cause" | "lastCause"> => ({
  ...{ batchId, taskId: id, step, rank, status, children },
  ...{ after: null, upto: step === "down" ? maxRank : -1 },
});

/** The `upto` of a step that is taken in the transaction that made it, in which no child can be added. Written down, it is the highest rank there is. */
export const maxRank = 2 ** 31 - 1;

function tally(state: TurnState, { id, status, batchId }: TaskRow): void {
  const batch = state.batches.get(batchId);
  if (!batch) throw new Error(`task ${id} ended in a turn that does not hold its batch`);
  state.endedIn.set(batchId, (state.endedIn.get(batchId) ?? 0) + 1);
  if (status === "Success") batch.succeeded++;
  else if (status === "Skipped") batch.skipped++;
  else if (status === "Canceled") {
    batch.canceled++;
    if (state.deadEnds.has(id)) batch.deadEnds++;
  } else {
    batch.failed++;
    if (state.followed.has(id)) batch.followed++;
    else batch.firstFailed ??= id;
  }
}
