// Turns pending deliveries into rows, so that they are written in the same transaction as the transitions: end and cancel
// actions of tasks, and the notification of a batch that became complete. Pure: fills the state.

import { isDeepStrictEqual } from "node:util";
import { type Action, type LaterAction, receiverOf } from "#domain/action";
import { batchKey, cancelKey, endKey } from "#domain/calls/webhook";
import type { BatchRow, DeliveryRow } from "#domain/row";
import { noCounts } from "#domain/state";
import type { PendingDelivery, TurnState } from "#domain/turn/state";

/** `actions`: those that the tasks of the pending deliveries have for later. */
export function addTaskDeliveries(state: TurnState, actions: ReadonlyMap<string, readonly LaterAction[]>): void {
  // What the answer of a start has added in this very turn is not in Postgres yet.
  const added = new Map([...state.specs].map(([id, { addActions = [] }]) => [id, addActions]));
  for (const pending of state.pendingDeliveries) {
    const { id } = pending.row;
    addTask(state, pending, withAdded(actions.get(id) ?? [], added.get(id) ?? []));
  }
}

/** Each once, as they will be stored. */
const withAdded = (known: readonly LaterAction[], added: readonly LaterAction[]): readonly LaterAction[] => [
  ...known,
  ...added.filter((one) => !known.some((other) => isDeepStrictEqual(one, other))),
];

/** Of a batch that became complete in this transaction. */
export function addBatchDeliveries(state: TurnState, batch: BatchRow, actions: readonly Action[]): void {
  for (const [i, action] of actions.entries())
    add(state, {
      key: batchKey(batch.id, i + 1),
      task_id: null,
      batch_id: batch.id,
      trigger: "end",
      action,
      facts: { batch_id: batch.id, counts: countsOf(batch), completed_at: state.now },
      hold_until: null,
    });
}

function addTask(state: TurnState, pending: PendingDelivery, actions: readonly LaterAction[]): void {
  const { row, on, attempt, holdUntil, only } = pending;
  const trigger = on === "cancel" ? "cancel" : "end";
  const facts = {
    task_id: row.id,
    status: row.status,
    ended_at: row.endedAt,
    trigger,
    attempt,
    failure_reason: row.failureReason,
  };
  const list = actions.filter((action) => (action.trigger === "Cancel" ? on === "cancel" : action.on === on));
  if (only !== undefined) {
    // One that is there already was delivered with the cancel, or by this very command before.
    if (list.some((action) => isDeepStrictEqual(action, only))) return;
    state.changeSpec({ id: row.id, addActions: [only] });
  }
  const due = only ? [{ action: only, nth: list.length + 1 }] : list.map((action, i) => ({ action, nth: i + 1 }));
  for (const { action, nth } of due)
    add(state, {
      key: on === "cancel" ? cancelKey(row.id, attempt, nth) : endKey(row.id, on, nth),
      task_id: row.id,
      batch_id: row.batchId,
      trigger,
      action: bare(action),
      facts,
      hold_until: holdUntil,
    });
}

const countsOf = ({ succeeded, failed, canceled, skipped }: BatchRow): Record<string, number> => ({
  ...noCounts(),
  ...{ success: succeeded, failure: failed, canceled, skipped },
});

const bare = ({ kind, params }: LaterAction): Action => ({ kind, params }) as Action;

type NewDelivery = Omit<DeliveryRow, "id" | "receiver"> & { readonly action: Action };

const add = (state: TurnState, delivery: NewDelivery): void => {
  state.deliveries.push({ id: state.env.newId(), receiver: receiverOf(delivery.action), ...delivery });
};
