// The only caller of the task machine: restores a task from its row, asks whether an event may happen, and writes what
// the machine decided back into the row in memory. Pure but for the state it fills. A refused event changes nothing.
import { transition } from "xstate";
import { acts } from "#domain/action";
import { retryDelayMs } from "#domain/calls/retry";
import { type AcceptedVerb, acceptedVerbs } from "#domain/command";
import { type EventDetail, isFinal, type TaskRow } from "#domain/row";
import type { TurnState } from "#domain/turn/state";
import { earliest, limitOf, silenceSecs } from "#domain/values/clocks";
import { type TaskContext, type TaskEvent, taskMachine } from "#machines/task";
import { initialContext } from "#machines/task-words";

/** The transition, as events are recorded: what happened, why, and under which name. */
export interface Note {
  /** Also the task's `failure_reason` from now on; null: it has none. */
  readonly reason?: string | null;
  /** Set where the task keeps another reason than the event. */
  readonly failureReason?: string | null;
  readonly name?: string;
  /** The event is itself the outcome of the start call. */
  readonly answered?: boolean;
  /** When it may start; null: now. */
  readonly runAt?: Date | null;
  readonly detail?: EventDetail | undefined;
}

/** Lets `event` happen to the task if the machine accepts it now; says whether it did. */
export function advance(state: TurnState, row: TaskRow, event: TaskEvent, note: Note = {}): boolean {
  const step = stepOf(row, event);
  if (step === null) return false;
  const { to, actions } = step;
  const from = row.status;
  const callOpen = from === "Claimed" && !note.answered;
  state.touch(row);
  restoreContext(state, row, step);
  row.status = to;
  if (to !== "Claimed") row.owner = null;
  for (const action of actions) carryOut(state, row, action, callOpen, note);
  if (note.reason !== undefined)
    row.failureReason = note.failureReason === undefined ? note.reason : note.failureReason;
  // A late answer of a call in doubt: the row has forgotten when it was claimed.
  if (to === "Running" && row.startedAt === null) row.startedAt = state.now;
  if (from === to) return true;
  if (isFinal(to)) {
    // A call of it may still be open: an action in its answer is delivered at once.
    if (from !== "Running" && actions.includes("deliverCancel")) row.acts |= acts.stopped;
    row.endedAt = state.now;
    row.nextRetryAt = null;
    state.ended.push({ row, cause: state.cause });
  }
  state.record(row, from, note.name ?? event.type, note.reason ?? null, note.detail);
  return true;
}

/** What the machine accepts now, out of these. */
export function accepts<T extends TaskEvent["type"]>(row: TaskRow, types: readonly T[]): T[] {
  const snapshot = taskMachine.resolveState({ value: row.status, context: contextOf(row) });
  return types.filter((type) => snapshot.can({ type } as TaskEvent));
}

/** The same of a task of which only this is known: nothing else has a say in what clients may ask. */
export function acceptedVerbsOf({ status, inDoubt }: Pick<TaskRow, "status" | "inDoubt">): AcceptedVerb[] {
  const snapshot = taskMachine.resolveState({ value: status, context: { ...initialContext, inDoubt } });
  return acceptedVerbs.filter((type) => snapshot.can({ type } as TaskEvent));
}

const contextOf = (row: TaskRow): TaskContext => ({
  waitFinished: row.waitFinished,
  waitSuccess: row.waitSuccess,
  attempt: row.attempt,
  maxRetries: row.retry?.max_retries ?? 0,
  retryOn: row.retry?.retry_on ?? [],
  inDoubt: row.inDoubt,
  pauseRequested: row.pauseRequested,
  pausedByBatch: row.pausedByBatch,
  joinsAny: row.joinsAny,
  backoff: row.nextRetryAt !== null,
  wasClaimed: row.firstClaimedAt !== null && !isFirstClaim(row),
});

/** The task is claimed for the first time, and the claim may still be put back. */
const isFirstClaim = ({ status, firstClaimedAt, startedAt }: TaskRow): boolean =>
  status === "Claimed" && firstClaimedAt?.getTime() === startedAt?.getTime();

function restoreContext(state: TurnState, row: TaskRow, { to, context }: Step): void {
  row.waitFinished = context.waitFinished;
  row.waitSuccess = context.waitSuccess;
  row.inDoubt = context.inDoubt;
  row.pauseRequested = context.pauseRequested;
  row.pausedByBatch = context.pausedByBatch;
  if (!context.backoff) row.nextRetryAt = null;
  else if (row.nextRetryAt === null && row.retry !== null)
    row.nextRetryAt = state.later(retryDelayMs(row.retry, row.attempt + 1, state.env.random()));
  row.attempt = context.attempt;
  if (!context.wasClaimed && to !== "Claimed") row.firstClaimedAt = null;
}

/** What the machine's actions mean for the row and for the world. Those that only change its context are done already. */
function carryOut(state: TurnState, row: TaskRow, action: string, callOpen: boolean, note: Note): void {
  switch (action) {
    case "disarm":
      row.readyAt = null;
      arm(state, row, null);
      break;
    case "setRunAt":
      setRunAt(state, row, note.runAt ?? state.now);
      break;
    case "armTimeout":
      arm(state, row, state.later(silenceSecs(row) * 1000));
      break;
    case "armBackoff":
      holdBack(state, row, row.nextRetryAt as Date);
      break;
    case "armRunAt":
      row.readyAt = null;
      arm(state, row, null);
      if (row.runAt !== null && row.runAt > state.now) holdBack(state, row, row.runAt);
      break;
    case "resetCounters":
      row.success = 0;
      row.failures = 0;
      row.heard = false;
      break;
    case "forgetStart":
      row.startedAt = null;
      break;
    case "forgetUnsent":
      state.forgetUnsent(row);
      break;
    case "deliverSuccess":
      deliver(state, row, "success", callOpen);
      break;
    case "deliverFailure":
      deliver(state, row, "failure", callOpen);
      break;
    case "deliverCancel":
      deliver(state, row, "cancel", callOpen);
      break;
  }
}

/** A time that has passed is now. In back-off it is that of the next try. */
function setRunAt(state: TurnState, row: TaskRow, asked: Date): void {
  const at = asked > state.now ? asked : state.now;
  if (row.nextRetryAt !== null) row.nextRetryAt = at;
  else row.runAt = at;
}

/** Not claimed before this time. One that has passed, as that of a back-off that ended during a pause, is now. */
export function holdBack(state: TurnState, row: TaskRow, until: Date): void {
  row.readyAt = until > state.now ? until : state.now;
  arm(state, row, row.readyAt);
}

/** Sets its timer to `at`, or to the end of `max_duration_secs` if that is sooner; null: to that end alone. */
export function arm(state: TurnState, row: TaskRow, at: Date | null): void {
  row.dueAt = earliest(at, limitOf(row));
  state.changed.add(row);
  if (row.dueAt !== null) state.earliestDue = earliest(state.earliestDue, row.dueAt);
}

function deliver(state: TurnState, row: TaskRow, on: "success" | "failure" | "cancel", callOpen: boolean): void {
  if ((row.acts & acts[on]) === 0) return;
  // The start call is still open: it is answered first, or its worker's lease runs out.
  const holdUntil = callOpen ? state.later(state.env.leaseMs) : null;
  state.pendingDeliveries.push({ row, on, attempt: row.attempt, holdUntil });
}

/** What the machine makes of an event. */
interface Step {
  readonly to: TaskRow["status"];
  readonly context: TaskContext;
  readonly actions: readonly string[];
}

// The machine is pure, and nearly all tasks ask it the same few questions, so decisions are cached. What is asked anew, as by a task
// for each of its many parents, costs some 20 µs.
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

function transit(value: TaskRow["status"], context: TaskContext, event: TaskEvent): Step | null {
  const before = taskMachine.resolveState({ value, context });
  if (!before.can(event)) return null;
  const [after, actions] = transition(taskMachine, before, event);
  return { to: after.value as TaskRow["status"], context: after.context, actions: actions.map(({ type }) => type) };
}
