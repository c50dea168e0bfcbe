// Takes what a turn needs: the locks and the rows of its commands, and the answers that were given before. Commands whose
// row (or batch) another turn holds are busy: they come again. Commands about what does not exist stay without a row.

import { type Item, type Lane, targetOf } from "#actor/mailbox";
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

/** Speaks of a whole batch. */
export const isWhole = (item: Item): boolean =>
  item.from === "client" && (batchVerbs as readonly string[]).includes(item.command.verb);

export async function hold(sql: Sql, ground: Ground, lane: Lane, items: readonly Item[]): Promise<Held> {
  const tasks = idsOf(items, (item) => !isWhole(item));
  const batches = idsOf(items, isWhole);
  const scene =
    lane === "ending"
      ? await holdBatches(sql, ground, items, tasks, batches)
      : await holdRows(sql, ground, items, tasks);
  const busy = await busyOnes(sql, scene, tasks, batches);
  const mine = items.filter((item) => !busy.has(targetOf(item)));
  const memos = mine.map((item) => memoOf(item, scene)).filter((memo) => memo !== null);
  if (memos.length > 0)
    scene.memos = await load.answered(
      sql,
      memos.map((memo) => memo.id),
    );
  return { scene, items: mine, busy: items.filter((item) => busy.has(targetOf(item))) };
}

const idsOf = (items: readonly Item[], which: (item: Item) => boolean): string[] => [
  ...new Set(items.filter(which).map(targetOf)),
];

async function busyOnes(sql: Sql, scene: Scene, tasks: string[], batches: string[]): Promise<Set<string>> {
  const noRow = tasks.filter((id) => !scene.rows.has(id));
  const noBatch = batches.filter((id) => !scene.batches.has(id));
  const [busy, busyBatches] = await Promise.all([
    noRow.length > 0 ? load.existing(sql, noRow) : [],
    noBatch.length > 0 ? load.existingBatches(sql, noBatch) : [],
  ]);
  return new Set([...busy, ...busyBatches]);
}

async function holdRows(sql: Sql, ground: Ground, items: readonly Item[], tasks: string[]): Promise<Scene> {
  const [only] = items;
  const alone = items.length === 1 && only !== undefined && only.busy >= limits.busyTriesMax;
  const reading =
    tasks.length === 0 ? [] : alone ? load.rowWaiting(sql, tasks[0] as string) : load.rowsUnlessBusy(sql, tasks);
  const [rows, now] = await Promise.all([reading, load.clock(sql)]);
  const scene = new Scene(ground, now);
  scene.add(rows);
  return scene;
}

async function holdBatches(
  sql: Sql,
  ground: Ground,
  items: readonly Item[],
  tasks: string[],
  whole: string[],
): Promise<Scene> {
  // A batch that was busy too often is waited for, as are all when none was free: nothing is held then.
  const patient = items.some((item) => item.busy >= limits.busyTriesMax - 1);
  let batches = await load.lockBatches(sql, tasks, whole, patient);
  if (batches.length === 0 && !patient) batches = await load.lockBatches(sql, tasks, whole, true);
  const ids = batches.map((batch) => batch.id);
  const [rows, now] = await Promise.all([
    tasks.length > 0 && ids.length > 0 ? load.rowsOf(sql, tasks, ids, patient) : [],
    load.clock(sql),
  ]);
  const scene = new Scene(ground, now);
  for (const batch of batches) scene.batches.set(batch.id, batch);
  scene.add(rows);
  for (const id of whole) if (scene.batches.has(id)) scene.add(await load.unfinishedOf(sql, id));
  return scene;
}
