// The only caller of the task machine: restores a task from its row, asks whether an event may happen, and writes what
// the machine decided back into the row in memory. Pure but for the scene it fills. A refused event changes nothing.
import { type AnyActorScope, createActor } from "xstate";
import type { Scene } from "#actor/scene";
import { acts } from "#domain/action";
import { retryDelayMs } from "#domain/retry";
import { isFinal, type TaskRow } from "#domain/row";
import { type TaskContext, type TaskEvent, taskMachine } from "#machines/task";

/** The transition, as events are recorded: what happened, why, and under which name. */
export interface Note {
  readonly reason?: string | null;
  readonly name?: string;
  /** The event is itself the outcome of the start call. */
  readonly answered?: boolean;
}

/** Lets `event` happen to the task if the machine accepts it now; says whether it did. */
export function advance(scene: Scene, row: TaskRow, event: TaskEvent, note: Note = {}): boolean {
  const step = stepOf(row, event);
  if (step === null) return false;
  const { to, context, actions } = step;
  const from = row.status;
  const callOpen = from === "Claimed" && !note.answered;
  scene.touch(row);
  restoreContext(scene, row, context);
  row.status = to;
  if (to !== "Claimed") row.owner = null;
  for (const action of actions) carryOut(scene, row, action, callOpen);
  if (note.reason !== undefined) row.failureReason = note.reason;
  // A late answer of a call that was in doubt: when it was claimed is forgotten.
  if (to === "Running" && row.startedAt === null) row.startedAt = scene.now;
  if (from === to) return true;
  if (isFinal(to)) {
    row.endedAt = scene.now;
    row.nextRetryAt = null;
    scene.ended.push(row);
  }
  scene.record(row, from, note.name ?? event.type, note.reason ?? null);
  return true;
}

/** What the machine accepts now, out of these. */
export function accepts<T extends TaskEvent["type"]>(row: TaskRow, types: readonly T[]): T[] {
  const snapshot = taskMachine.resolveState({ value: row.status, context: contextOf(row) });
  return types.filter((type) => snapshot.can({ type } as TaskEvent));
}

const contextOf = (row: TaskRow): TaskContext => ({
  waitFinished: row.waitFinished,
  waitSuccess: row.waitSuccess,
  attempt: row.attempt,
  maxRetries: row.retry?.max_retries ?? 0,
  retryOn: row.retry?.retry_on ?? [],
  inDoubt: row.inDoubt,
  pauseRequested: row.pauseRequested,
  backoff: row.nextRetryAt !== null,
});

function restoreContext(scene: Scene, row: TaskRow, context: TaskContext): void {
  row.waitFinished = context.waitFinished;
  row.waitSuccess = context.waitSuccess;
  row.inDoubt = context.inDoubt;
  row.pauseRequested = context.pauseRequested;
  if (!context.backoff) row.nextRetryAt = null;
  else if (row.nextRetryAt === null && row.retry !== null)
    row.nextRetryAt = scene.later(retryDelayMs(row.retry, row.attempt + 1, scene.ground.random()));
  row.attempt = context.attempt;
}

/** What the machine's actions mean for the row and for the world. Those that only change its context are done already. */
function carryOut(scene: Scene, row: TaskRow, action: string, callOpen: boolean): void {
  switch (action) {
    case "disarm":
      row.dueAt = null;
      break;
    case "armTimeout":
      arm(scene, row, scene.later(row.timeout * 1000));
      break;
    case "armBackoff":
      arm(scene, row, row.nextRetryAt as Date);
      break;
    case "armRunAt":
      row.dueAt = null;
      if (row.runAt !== null && row.runAt > scene.now) arm(scene, row, row.runAt);
      break;
    case "forgetStart":
      row.startedAt = null;
      break;
    case "deliverSuccess":
      owe(scene, row, "success", callOpen);
      break;
    case "deliverFailure":
      owe(scene, row, "failure", callOpen);
      break;
    case "deliverCancel":
      owe(scene, row, "cancel", callOpen);
      break;
  }
}

export function arm(scene: Scene, row: TaskRow, at: Date): void {
  row.dueAt = at;
  scene.changed.add(row);
  if (scene.earliestDue === null || at < scene.earliestDue) scene.earliestDue = at;
}

function owe(scene: Scene, row: TaskRow, on: "success" | "failure" | "cancel", callOpen: boolean): void {
  if ((row.acts & acts[on]) === 0) return;
  // The start call is still open: it is answered first, or its worker's lease runs out.
  const holdUntil = callOpen ? scene.later(scene.ground.leaseMs) : null;
  scene.owed.push({ row, on, attempt: row.attempt, holdUntil });
}

/** What the machine makes of an event. */
interface Step {
  readonly to: TaskRow["status"];
  readonly context: TaskContext;
  readonly actions: readonly string[];
}

// The machine is pure, and nearly all tasks ask it the same few questions: what it decided once it need not decide again.
const decided = new Map<string, Step | null>();
const decidedMax = 1_000;

/** Null where the machine refuses the event now. */
function stepOf(row: TaskRow, event: TaskEvent): Step | null {
  const context = contextOf(row);
  const question = JSON.stringify([row.status, event, context]);
  let step = decided.get(question);
  if (step === undefined) {
    step = transit(row.status, context, event);
    if (decided.size >= decidedMax) decided.clear();
    decided.set(question, step);
  }
  return step;
}

// `transition()` builds an inert actor for every call, at five times the cost; this one serves them all. It keeps
// nothing between calls but the list of actions.
let collected: string[] = [];
const self = createActor(taskMachine);
const scope = {
  self,
  id: "",
  sessionId: "",
  system: self.system,
  logger: () => {},
  defer: () => {},
  emit: () => {},
  stopChild: () => {},
  actionExecutor: (action: { type: string }) => {
    collected.push(action.type);
  },
} as unknown as AnyActorScope;

function transit(value: TaskRow["status"], context: TaskContext, event: TaskEvent): Step | null {
  const before = taskMachine.resolveState({ value, context });
  if (!before.can(event)) return null;
  collected = [];
  const after = taskMachine.transition(before, event, scope as never);
  return { to: after.value as TaskRow["status"], context: after.context, actions: collected };
}
