// What each kind of command means: the event it asks of the machine, the fields it changes, the answer it gets.
// Pure: fills the state. A command that is refused changes nothing; a refused report leaves one event behind.

import { acts, type LaterAction } from "#domain/action";
import { afterUnsent, type Unsendable } from "#domain/calls/unsent";
import {
  type Answer,
  acceptedVerbs,
  type ClientCommand,
  type Fields,
  invalidAnswer,
  type Override,
  staleness,
} from "#domain/command";
import { beyond } from "#domain/counters/counts";
import { Faults } from "#domain/faults";
import { type EventDetail, isFinal, type TaskRow } from "#domain/row";
import type { LocalCommand } from "#domain/turn/items";
import type { TurnState } from "#domain/turn/state";
import { accepts, advance, arm, holdBack } from "#domain/turn/step";
import {
  earliest,
  expiredReason,
  firstHeard,
  heardAt,
  isAwaited,
  isHeartbeat,
  isWordOfWork,
  limitOf,
  mayBeAtWork,
  overrunReason,
  silenceSecs,
  silentUntil,
} from "#domain/values/clocks";
import { limits } from "#limits";
import type { TaskEvent } from "#machines/task";

const yearMs = 365 * 86_400_000;

/** Decides what a client asked of one task. `acceptedMs`: when JetStream stored that, by the clock of Postgres. */
export function decideTask(state: TurnState, command: ClientCommand, acceptedMs = state.now.getTime()): Answer {
  const { target: id, verb, fields = {} } = command;
  const row = state.rows.get(id);
  if (!row) return { status: 404, id, error: "No such task", code: "unknown_task" };
  if (command.states !== undefined && !command.states.includes(row.status)) return refused(row, 409, verb);
  if (isReport(verb)) return report(state, row, command, verb);
  const faults = overflow(row, fields);
  if (!faults.none) return invalidAnswer(id, faults);
  // A service that ran an earlier attempt cannot speak for this one. It is no report, so no event is kept.
  if (command.attempt !== undefined && command.attempt !== row.attempt)
    return refused(row, 409, verb, staleness(row.attempt, command.attempt));
  if (verb === "override") return override(state, row, command.override as Override);
  if (verb === "update" && fields.run_at !== undefined) return reschedule(state, row, fields, fields.run_at);
  const { lastUpdated } = row;
  const reason = verb === "cancel" ? (command.reason ?? "Canceled by request") : undefined;
  if (!advance(state, row, { type: verb } as TaskEvent, reason === undefined ? {} : { reason }))
    return refused(row, verb === "update" ? 409 : 400, verb);
  if (verb === "update" && isHeartbeat(fields)) row.lastUpdated = heardAt(lastUpdated, acceptedMs, state.now);
  change(state, row, fields);
  if (verb === "update" && isWordOfWork(fields)) hear(state, row);
  return done(row);
}

function reschedule(state: TurnState, row: TaskRow, fields: Fields, at: string | null): Answer {
  const runAt = at === null ? null : new Date(at);
  const faults = new Faults();
  if (runAt !== null && runAt > state.later(yearMs))
    faults.add(["run_at"], "out_of_range", "must be at most one year (365 days) ahead", at);
  if (!faults.none) return invalidAnswer(row.id, faults);
  if (!advance(state, row, { type: "reschedule" }, { runAt })) return refused(row, 409, "another run_at");
  change(state, row, fields);
  return done(row);
}

/** An operator says how a task ends. */
function override(state: TurnState, row: TaskRow, { status, reason, result }: Override): Answer {
  const failureReason = status === "Success" ? null : reason;
  if (!advance(state, row, { type: "override", as: status }, { reason, failureReason }))
    return refused(row, 409, "override");
  if (result !== undefined) state.changeSpec({ id: row.id, result });
  return done(row);
}

/** A worker has taken its message. */
function hear(state: TurnState, row: TaskRow): void {
  if (!isAwaited(row) || !mayBeAtWork(row)) return;
  Object.assign(row, firstHeard(row));
  state.changed.add(row);
  state.earliestDue = earliest(state.earliestDue, row.dueAt);
}

const reportedAs = { succeed: "Success", fail: "Failure", skip: "Skipped" } as const;
type ReportVerb = keyof typeof reportedAs;
const isReport = (verb: string): verb is ReportVerb => Object.hasOwn(reportedAs, verb);

function report(state: TurnState, row: TaskRow, command: ClientCommand, verb: ReportVerb): Answer {
  const { fields = {}, attempt } = command;
  const stale = attempt !== undefined && attempt !== row.attempt;
  if (row.status === reportedAs[verb] && !stale) {
    // A repetition is answered only when the work of the first command is done.
    state.await(row.batchId, state.cause);
    return done(row);
  }
  const faults = overflow(row, fields);
  if (!faults.none) return invalidAnswer(row.id, faults);
  const reason = fields.failure_reason ?? (verb === "fail" ? "Failed" : null);
  if (stale || !advance(state, row, { type: verb }, { reason })) {
    const wrong = stale ? staleness(row.attempt, attempt) : undefined;
    keepRefused(state, row, verb, wrong ?? reason);
    return refused(row, 409, verb, wrong);
  }
  change(state, row, fields);
  return done(row);
}

/** Decides what this worker learned. `false`: stale, the task has moved on. */
export function settle(state: TurnState, command: TaskOutcome): boolean {
  const row = state.rows.get(command.task);
  if (!row) return false;
  if (command.type === "due") return ring(state, row);
  if (row.claimId !== command.claimId) return false;
  if (command.type === "lease_expired") {
    if (row.status !== "Claimed" || !advance(state, row, { type: "lease_expired" }, { detail: detailOf(command) }))
      return false;
    if (command.wasSent) state.forgetUnsent(row);
    return true;
  }
  // From here on no call is open: deliveries that waited for its end may go out.
  if (isFinal(row.status) && (row.acts & ~acts.start) !== 0) state.releasedDeliveries.add(row.id);
  return settleCall(state, row, command);
}

/** What concerns one task. */
export type TaskOutcome = Exclude<LocalCommand, { readonly type: "deadline" }>;
type CallOutcome = Exclude<TaskOutcome, { readonly type: "due" } | { readonly type: "lease_expired" }>;

const detailOf = ({ call }: LocalCommand): EventDetail | undefined => call && { call };

function settleCall(state: TurnState, row: TaskRow, command: CallOutcome): boolean {
  const detail = detailOf(command);
  switch (command.type) {
    case "joined":
      return advance(state, row, { type: "succeed" }, { reason: null, name: "join", answered: true });
    case "released":
      if (row.status !== "Claimed" || !advance(state, row, { type: "released" })) return false;
      state.giveBack(command.claimId);
      return true;
    case "start_failed":
    case "start_unanswered":
      return advance(state, row, { type: command.type }, { reason: command.reason, answered: true, detail });
    case "start_deferred":
      if (!advance(state, row, { type: "start_deferred" }, { detail })) return false;
      state.forgetUnsent(row);
      defer(state, row, state.later(command.waitMs));
      return true;
    case "start_unsent":
      return unsent(state, row, command, detail);
    case "answered":
      if (!advance(state, row, { type: "succeed" }, { reason: null, name: "answered", answered: true, detail }))
        return false;
      if (command.result !== null) state.changeSpec({ id: row.id, result: command.result });
      if (command.ignored !== undefined) state.record(row, row.status, "result_ignored", command.ignored);
      return true;
    case "started": {
      const { cancelAction, ignored } = command;
      const moved = advance(state, row, { type: "started" }, { detail });
      // After a commit of unknown outcome it may have moved already, and must not count twice.
      if (moved && ignored !== undefined) state.record(row, row.status, "cancel_action_ignored", ignored);
      if (cancelAction && (moved || isStopped(row)))
        addCancel(state, row, { ...cancelAction, trigger: "Cancel", answered: true });
      return moved;
    }
  }
}

/** A timer went off. A task whose timer is no longer due is left alone. */
function ring(state: TurnState, row: TaskRow): boolean {
  if (row.dueAt === null || row.dueAt > state.now) return false;
  const limit = limitOf(row);
  const isOver = limit !== null && limit <= state.now;
  // Only a batch turn may end a task; the next sweep asks for one.
  if ((isOver || row.status === "Running") && !state.batches.has(row.batchId)) return false;
  if (isOver) return endInTime(state, row);
  const { readyAt } = row;
  if (row.status === "Running") return timeOut(state, row);
  if (readyAt === null || readyAt <= state.now) {
    if (row.status === "Pending") return advance(state, row, { type: "run_at_reached" });
    if (row.status === "Retrying") return advance(state, row, { type: "backoff_elapsed" });
  }
  arm(state, row, readyAt);
  return true;
}

/** The time of the whole task is over. */
const endInTime = (state: TurnState, row: TaskRow): boolean =>
  row.firstClaimedAt === null
    ? advance(state, row, { type: "expire" }, { reason: expiredReason(row) })
    : advance(state, row, { type: "overrun" }, { reason: overrunReason(row) });

function timeOut(state: TurnState, row: TaskRow): boolean {
  // Progress does not move the timer, so the time since the last sign of life is checked now.
  const until = silentUntil(row);
  if (!isAwaited(row) && until > state.now) {
    arm(state, row, until);
    return true;
  }
  return advance(state, row, { type: "timeout" }, { reason: `Timeout after ${silenceSecs(row)} s` });
}

/** A call that could not be sent: it is tried again later, or its last try failed. */
function unsent(
  state: TurnState,
  row: TaskRow,
  why: Unsendable & { readonly claimId: number },
  detail: EventDetail | undefined,
): boolean {
  const next = afterUnsent(state.unsentOf(row), why, state.now, state.env.startRetryMs);
  if (next === null) {
    // In doubt: an earlier call of this attempt may have arrived, and its service may be at work.
    const type = row.inDoubt ? "start_unanswered" : "start_failed";
    return advance(state, row, { type }, { reason: `on_start failed: ${why.error}`, answered: true, detail });
  }
  if (!advance(state, row, { type: "start_unsent" }, { reason: why.error, failureReason: row.failureReason, detail }))
    return false;
  state.giveBack(why.claimId);
  if (row.status !== "Pending") return true;
  state.changedUnsent.set(row.id, next);
  defer(state, row, next.until);
  return true;
}

/** Not called again before this time. */
function defer(state: TurnState, row: TaskRow, until: Date): void {
  row.runAt = until;
  if (row.status === "Pending") holdBack(state, row, until);
}

const isStopped = (row: TaskRow): boolean => (row.acts & acts.stopped) !== 0;

/** Delivered at once if the task was canceled or overridden while the call was open; otherwise kept for a cancel. */
function addCancel(state: TurnState, row: TaskRow, action: LaterAction): void {
  if (isStopped(row)) {
    state.pendingDeliveries.push({ row, on: "cancel", attempt: row.attempt, holdUntil: null, only: action });
    return;
  }
  row.acts |= acts.cancel;
  state.changed.add(row);
  state.changeSpec({ id: row.id, addActions: [action] });
}

function change(state: TurnState, row: TaskRow, fields: Fields): void {
  row.success += fields.new_success ?? 0;
  row.failures += fields.new_failures ?? 0;
  if (fields.expected_count !== undefined) row.expectedCount = fields.expected_count;
  if (fields.priority !== undefined) row.priority = fields.priority;
  if (fields.failure_reason !== undefined) row.failureReason = fields.failure_reason;
  if (fields.metadata !== undefined || fields.result !== undefined)
    state.changeSpec({
      id: row.id,
      ...(fields.metadata !== undefined ? { metadata: fields.metadata } : {}),
      ...(fields.result !== undefined ? { result: fields.result } : {}),
    });
}

/** A sum that JSON could not carry is refused, never clamped. */
export const overflow = (row: TaskRow, fields: Pick<Fields, "new_success" | "new_failures">): Faults =>
  beyond(row, { success: fields.new_success ?? 0, failures: fields.new_failures ?? 0 });

function keepRefused(state: TurnState, row: TaskRow, event: string, reason: string | null): void {
  if (row.rejected >= limits.rejectedEventsMax) return;
  row.rejected++;
  state.changed.add(row);
  state.record(row, row.status, event, reason);
}

const done = (row: TaskRow): Answer => ({ status: 200, id: row.id, state: row.status, attempt: row.attempt });

const refused = (row: TaskRow, status: number, verb: string, why?: string): Answer => ({
  status,
  id: row.id,
  state: row.status,
  attempt: row.attempt,
  error: why ?? `A task that is ${row.status} does not accept ${verb}`,
  code: why === undefined ? "not_in_this_state" : "wrong_attempt",
  ...(status === 400 ? { details: [`status: ${row.status} does not allow ${verb}`] } : {}),
  allowed: accepts(row, acceptedVerbs),
});
