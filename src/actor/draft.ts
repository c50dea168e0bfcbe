// Turns what the transitions owe into delivery rows, so that they are written in the same transaction: end and cancel
// actions of tasks, and the notification of a batch whose last task became final.

import { isDeepStrictEqual } from "node:util";
import type { Owed, Scene } from "#actor/scene";
import { type Action, type LaterAction, receiverOf } from "#domain/action";
import type { DeliveryRow } from "#domain/row";
import { noCounts } from "#domain/state";
import { batchKey, cancelKey, endKey } from "#domain/webhook";
import type { Sql } from "#store/client";
import * as load from "#store/load";

export async function draft(sql: Sql, scene: Scene): Promise<void> {
  if (scene.owed.length > 0) {
    const actions = await load.laterActions(
      sql,
      scene.owed.map(({ row }) => row.id),
    );
    for (const owed of scene.owed) draftTask(scene, owed, actions.get(owed.row.id) ?? []);
  }
  const complete = [...scene.changedBatches].filter((batch) => batch.unfinished === 0).map((batch) => batch.id);
  if (complete.length > 0) await draftBatches(sql, scene, complete);
}

function draftTask(scene: Scene, owed: Owed, actions: readonly LaterAction[]): void {
  const { row, on, attempt, holdUntil, only } = owed;
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
    scene.changeSpec({ id: row.id, addActions: [only] });
  }
  const due = only ? [{ action: only, nth: list.length + 1 }] : list.map((action, i) => ({ action, nth: i + 1 }));
  for (const { action, nth } of due)
    add(scene, {
      key: on === "cancel" ? cancelKey(row.id, attempt, nth) : endKey(row.id, on, nth),
      task_id: row.id,
      batch_id: row.batchId,
      trigger,
      action: bare(action),
      facts,
      hold_until: holdUntil,
    });
}

async function draftBatches(sql: Sql, scene: Scene, complete: string[]): Promise<void> {
  const actions = await load.completeActions(sql, complete);
  if (actions.size === 0) return;
  const counts = await countBatches(sql, scene, [...actions.keys()]);
  for (const [batch, list] of actions)
    for (const [i, action] of list.entries())
      add(scene, {
        key: batchKey(batch, i + 1),
        task_id: null,
        batch_id: batch,
        trigger: "end",
        action,
        facts: { batch_id: batch, counts: counts.get(batch), completed_at: scene.now },
        hold_until: null,
      });
}

/** The table does not know of this turn's changes yet: tasks that it finished are counted from the rows in hand. */
async function countBatches(sql: Sql, scene: Scene, batches: string[]): Promise<Map<string, Record<string, number>>> {
  const counts = new Map<string, Record<string, number>>(batches.map((id) => [id, noCounts()]));
  const add = (batch: string, status: string, n: number) => {
    const of = counts.get(batch);
    if (of) of[status.toLowerCase()] = (of[status.toLowerCase()] ?? 0) + n;
  };
  const finals = new Set(["Success", "Failure", "Canceled", "Skipped"]);
  for (const { batch, status, count } of await load.countsOf(sql, batches))
    if (finals.has(status)) add(batch, status, count);
  for (const row of scene.finished) add(row.batchId, row.status, 1);
  return counts;
}

const bare = ({ kind, params }: LaterAction): Action => ({ kind, params }) as Action;

type Draft = Omit<DeliveryRow, "id" | "receiver"> & { readonly action: Action };

const add = (scene: Scene, delivery: Draft): void => {
  scene.deliveries.push({ id: scene.ground.newId(), receiver: receiverOf(delivery.action), ...delivery });
};
