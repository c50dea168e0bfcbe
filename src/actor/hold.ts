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

/** `patient`: these were busy too often to be skipped again; nothing is held while waiting for them. `bulk`: it takes long. */
export async function hold(
  sql: Sql,
  ground: Ground,
  lane: Lane,
  items: readonly Item[],
  { patient, bulk }: { readonly patient: boolean; readonly bulk: boolean },
): Promise<Held> {
  const tasks = idsOf(items, (item) => !isWhole(item));
  const batches = idsOf(items, isWhole);
  const scene =
    lane === "ending"
      ? await holdBatches(sql, ground, { tasks, whole: batches }, patient, bulk)
      : await holdRows(sql, ground, tasks, patient);
  const busy = await busyOnes(sql, scene, tasks, batches);
  const mine: Item[] = [];
  const others: Item[] = [];
  for (const item of items) {
    const batch = busy.get(targetOf(item));
    if (batch !== undefined) item.batch = batch;
    (batch === undefined ? mine : others).push(item);
  }
  const memos = mine.map((item) => memoOf(item, scene)).filter((memo) => memo !== null);
  if (memos.length > 0)
    scene.memos = await load.answered(
      sql,
      memos.map((memo) => memo.id),
    );
  return { scene, items: mine, busy: others };
}

const idsOf = (items: readonly Item[], which: (item: Item) => boolean): string[] => [
  ...new Set(items.filter(which).map(targetOf)),
];

/** Targets that exist, but not in our hands; and the batch that they lie in. */
async function busyOnes(sql: Sql, scene: Scene, tasks: string[], batches: string[]): Promise<Map<string, string>> {
  const noRow = tasks.filter((id) => !scene.rows.has(id));
  const noBatch = batches.filter((id) => !scene.batches.has(id));
  const [busy, busyBatches] = await Promise.all([
    noRow.length > 0 ? load.batchesOf(sql, noRow) : new Map<string, string>(),
    noBatch.length > 0 ? load.existingBatches(sql, noBatch) : [],
  ]);
  for (const id of busyBatches) busy.set(id, id);
  return busy;
}

async function holdRows(sql: Sql, ground: Ground, tasks: string[], patient: boolean): Promise<Scene> {
  if (patient) await beBrief(sql);
  const [only] = tasks;
  const reading =
    only === undefined
      ? []
      : patient && tasks.length === 1
        ? load.rowWaiting(sql, only)
        : load.rowsUnlessBusy(sql, tasks);
  const [rows, moment] = await Promise.all([reading, load.moment(sql)]);
  const scene = new Scene(ground, moment);
  scene.add(rows);
  return scene;
}

async function holdBatches(
  sql: Sql,
  ground: Ground,
  { tasks, whole }: { readonly tasks: string[]; readonly whole: string[] },
  patient: boolean,
  bulk: boolean,
): Promise<Scene> {
  let batches = patient ? [] : await load.lockBatches(sql, tasks, whole, false);
  if (batches.length === 0) {
    // Nothing is held yet, so waiting is safe; but not for long, others have something to do.
    await beBrief(sql);
    batches = await load.lockBatches(sql, tasks, whole, true);
  }
  const ids = batches.map((batch) => batch.id);
  const [rows, moment] = await Promise.all([
    tasks.length > 0 && ids.length > 0 ? load.rowsOf(sql, tasks, ids, patient) : [],
    load.moment(sql, bulk),
  ]);
  const scene = new Scene(ground, moment);
  for (const batch of batches) scene.batches.set(batch.id, batch);
  scene.add(rows);
  for (const id of whole) {
    if (!scene.batches.has(id)) continue;
    const unfinished = await load.unfinishedOf(sql, id);
    scene.add(unfinished.map(({ row }) => row));
    for (const { row, kind } of unfinished) scene.kinds.set(row.id, kind);
  }
  return scene;
}

const beBrief = (sql: Sql) => sql.unsafe(`set local lock_timeout = ${limits.patienceMs}`);
