// What each kind of command means: the event it asks of the machine, the fields it changes, the answer it gets.
// Pure: fills the scene. A command that is refused changes nothing; a refused report leaves one event behind.

import type { LocalCommand } from "#actor/mailbox";
import type { Scene } from "#actor/scene";
import { accepts, advance, arm } from "#actor/step";
import { limits } from "#config";
import { acts, type LaterAction } from "#domain/action";
import { type Answer, type ClientCommand, type Fields, taskVerbs } from "#domain/command";
import { isFinal, type TaskRow } from "#domain/row";
import type { TaskEvent } from "#machines/task";

/** Decides what a client asked of one task. */
export function decide(scene: Scene, command: ClientCommand): Answer {
  const { target: id, verb, fields = {} } = command;
  const row = scene.rows.get(id);
  if (!row) return { status: 404, id, error: "Task not found" };
  if (verb === "succeed" || verb === "fail") return report(scene, row, command);
  const fault = overflow(row, fields);
  if (fault) return { status: 400, id, error: "Validation failed", details: [fault] };
  // Who did an earlier attempt knows nothing of this one. It is no report, so nothing is kept of it.
  if (command.attempt !== undefined && command.attempt !== row.attempt)
    return refused(row, 409, verb, staleness(row, command.attempt));
  const reason = verb === "cancel" ? (fields.failure_reason ?? "Canceled by request") : undefined;
  if (!advance(scene, row, { type: verb } as TaskEvent, reason === undefined ? {} : { reason }))
    return refused(row, verb === "update" ? 409 : 400, verb);
  change(scene, row, fields);
  return done(row);
}

function report(scene: Scene, row: TaskRow, command: ClientCommand): Answer {
  const { verb, fields = {}, attempt } = command;
  const wanted = verb === "succeed" ? "Success" : "Failure";
  const stale = attempt !== undefined && attempt !== row.attempt;
  if (row.status === wanted && !stale) return done(row);
  const fault = overflow(row, fields);
  if (fault) return { status: 400, id: row.id, error: "Validation failed", details: [fault] };
  const reason = verb === "succeed" ? null : (fields.failure_reason ?? "Failed");
  if (stale || !advance(scene, row, { type: verb as "succeed" | "fail" }, { reason })) {
    const wrong = stale ? staleness(row, attempt) : undefined;
    keepRefused(scene, row, verb, wrong ?? reason);
    return refused(row, 409, verb, wrong);
  }
  change(scene, row, fields);
  return done(row);
}

/** Decides what this worker learned. `false`: moot, the world has moved on. */
export function settle(scene: Scene, command: LocalCommand): boolean {
  const row = scene.rows.get(command.task);
  if (!row) return false;
  if (command.type === "due") return ring(scene, row);
  if (row.claimId !== command.claimId) return false;
  if (command.type === "lease_expired")
    return row.status === "Claimed" && advance(scene, row, { type: "lease_expired" });
  // From here on no call is open any more: what waited for that may go out.
  if (isFinal(row.status) && (row.acts & ~acts.start) !== 0) scene.unheld.add(row.id);
  return settleCall(scene, row, command);
}

type CallOutcome = Exclude<LocalCommand, { readonly type: "due" } | { readonly type: "lease_expired" }>;

function settleCall(scene: Scene, row: TaskRow, command: CallOutcome): boolean {
  switch (command.type) {
    case "joined":
      return advance(scene, row, { type: "succeed" }, { reason: null, name: "join", answered: true });
    case "released":
      return row.status === "Claimed" && advance(scene, row, { type: "released" });
    case "start_failed":
      return advance(scene, row, { type: "start_failed" }, { reason: command.reason, answered: true });
    case "start_deferred":
      if (!advance(scene, row, { type: "start_deferred" })) return false;
      defer(scene, row, scene.later(command.waitMs));
      return true;
    case "answered":
      if (!advance(scene, row, { type: "succeed" }, { reason: null, name: "answered", answered: true })) return false;
      if (command.result !== null) scene.changeSpec({ id: row.id, result: command.result });
      return true;
    case "started": {
      const { cancelAction, ignored } = command;
      const moved = advance(scene, row, { type: "started" });
      // Taken again after a commit of unknown outcome it has moved already, and must not count twice.
      if (moved && ignored !== undefined) scene.record(row, row.status, "cancel_action_ignored", ignored);
      if (cancelAction && (moved || row.status === "Canceled"))
        addCancel(scene, row, { ...cancelAction, trigger: "Cancel", answered: true });
      return moved;
    }
  }
}

/** A timer went off. What is no longer due is left alone. */
function ring(scene: Scene, row: TaskRow): boolean {
  if (row.dueAt === null || row.dueAt > scene.now) return false;
  if (row.status === "Pending") return advance(scene, row, { type: "run_at_reached" });
  if (row.status === "Retrying") return advance(scene, row, { type: "backoff_elapsed" });
  // Only a turn that holds the batch may end a task; the next sweep asks for one.
  if (!scene.batches.has(row.batchId)) return false;
  // Progress does not move the timer: whether the task was silent for so long is looked at now.
  const silentUntil = new Date(row.lastUpdated.getTime() + row.timeout * 1000);
  if (silentUntil > scene.now) {
    arm(scene, row, silentUntil);
    return true;
  }
  return advance(scene, row, { type: "timeout" }, { reason: "Timeout" });
}

/** The receiver asked to be left alone until then. */
function defer(scene: Scene, row: TaskRow, until: Date): void {
  row.runAt = until;
  if (row.status === "Pending") arm(scene, row, until);
}

/** Of a task that was canceled while the call was open, it is delivered at once; else it is kept for a cancel. */
function addCancel(scene: Scene, row: TaskRow, action: LaterAction): void {
  if (row.status === "Canceled") {
    scene.owed.push({ row, on: "cancel", attempt: row.attempt, holdUntil: null, only: action });
    return;
  }
  row.acts |= acts.cancel;
  scene.changed.add(row);
  scene.changeSpec({ id: row.id, addActions: [action] });
}

function change(scene: Scene, row: TaskRow, fields: Fields): void {
  row.success += fields.new_success ?? 0;
  row.failures += fields.new_failures ?? 0;
  if (fields.expected_count !== undefined) row.expectedCount = fields.expected_count;
  if (fields.priority !== undefined) row.priority = fields.priority;
  if (fields.failure_reason !== undefined) row.failureReason = fields.failure_reason;
  if (fields.metadata !== undefined || fields.result !== undefined)
    scene.changeSpec({
      id: row.id,
      ...(fields.metadata !== undefined ? { metadata: fields.metadata } : {}),
      ...(fields.result !== undefined ? { result: fields.result } : {}),
    });
}

/** A sum that JSON could not carry is refused, never clamped. */
export function overflow(row: TaskRow, fields: Pick<Fields, "new_success" | "new_failures">): string | null {
  if (row.success + (fields.new_success ?? 0) > Number.MAX_SAFE_INTEGER)
    return "new_success: the sum would exceed 2^53-1";
  if (row.failures + (fields.new_failures ?? 0) > Number.MAX_SAFE_INTEGER)
    return "new_failures: the sum would exceed 2^53-1";
  return null;
}

function keepRefused(scene: Scene, row: TaskRow, event: string, reason: string | null): void {
  if (row.rejected >= limits.rejectedEventsMax) return;
  row.rejected++;
  scene.changed.add(row);
  scene.record(row, row.status, event, reason);
}

const done = (row: TaskRow): Answer => ({ status: 200, id: row.id, state: row.status, attempt: row.attempt });

const staleness = (row: TaskRow, attempt: number): string =>
  `attempt ${attempt} is not the present one, which is ${row.attempt}`;

const refused = (row: TaskRow, status: number, verb: string, why?: string): Answer => ({
  status,
  id: row.id,
  state: row.status,
  attempt: row.attempt,
  error: why ?? `A task that is ${row.status} does not accept ${verb}`,
  ...(status === 400 ? { details: [`status: ${row.status} does not allow ${verb}`] } : {}),
  allowed: accepts(row, taskVerbs),
});
