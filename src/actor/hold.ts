// Takes what a turn needs: the locks and the rows of its commands, and the answers that were given before. Commands whose
// row (or batch) another turn holds are busy: they come again. Commands about what does not exist stay without a row.

import type { Item, Lane } from "#actor/mailbox";
import { targetOf } from "#actor/mailbox";
import { memoOf } from "#actor/memo";
import { type Ground, Scene } from "#actor/scene";
import { limits } from "#config";
import { batchVerbs } from "#domain/command";
import type { Sql } from "#store/client";
import * as load from "#store/load";

export interface Held {
  readonly scene: Scene;
  readonly items: readonly Item[];
  readonly busy: readonly Item[];
}

export const isWhole = (item: Item): boolean =>
  item.from === "client" && (batchVerbs as readonly string[]).includes(item.command.verb);

export async function hold(sql: Sql, ground: Ground, lane: Lane, items: readonly Item[]): Promise<Held> {
  const targets = [...new Set(items.map(targetOf))];
  const { scene, free } =
    lane === "ending" ? await holdBatches(sql, ground, items, targets) : await holdRows(sql, ground, items, targets);
  const missing = targets.filter((id) => !free(id));
  const taken = missing.length === 0 ? new Set<string>() : await load.existing(sql, missing);
  const mine = items.filter((item) => !taken.has(targetOf(item)));
  const memos = mine.map((item) => memoOf(item, scene)).filter((memo) => memo !== null);
  if (memos.length > 0)
    scene.memos = await load.answered(
      sql,
      memos.map((memo) => memo.id),
    );
  return { scene, items: mine, busy: items.filter((item) => taken.has(targetOf(item))) };
}

async function holdRows(sql: Sql, ground: Ground, items: readonly Item[], targets: string[]) {
  const [only] = items;
  const alone = items.length === 1 && only !== undefined && only.busy >= limits.busyTriesMax;
  const reading =
    targets.length === 0 ? [] : alone ? load.rowWaiting(sql, targets[0] as string) : load.rowsUnlessBusy(sql, targets);
  const [rows, now] = await Promise.all([reading, load.clock(sql)]);
  const scene = new Scene(ground, now);
  scene.add(rows);
  return { scene, free: (id: string) => scene.rows.has(id) };
}

async function holdBatches(sql: Sql, ground: Ground, items: readonly Item[], targets: string[]) {
  const whole = items.filter(isWhole).map(targetOf);
  const tasks = targets.filter((id) => !whole.includes(id));
  // A batch that was busy too often is waited for, as are all when none was free: nothing is held then.
  const patient = items.some((item) => item.busy >= limits.busyTriesMax - 1);
  let batches = await load.lockBatches(sql, tasks, whole, patient);
  if (batches.length === 0 && !patient) batches = await load.lockBatches(sql, tasks, whole, true);
  const ids = batches.map((batch) => batch.id);
  const [rows, now] = await Promise.all([load.rowsOf(sql, tasks, ids, patient), load.clock(sql)]);
  const scene = new Scene(ground, now);
  for (const batch of batches) scene.batches.set(batch.id, batch);
  scene.add(rows);
  for (const id of whole) if (scene.batches.has(id)) scene.add(await load.unfinishedOf(sql, id));
  return { scene, free: (id: string) => scene.rows.has(id) || scene.batches.has(id) };
}
