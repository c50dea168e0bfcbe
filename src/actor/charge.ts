// What the changes of a turn mean for the rules: which tasks hold their keys from now on or no more, which lanes got a task,
// and which tasks belong to another lane. Compares the rows with what they were; decides nothing.
import type { Scene } from "#actor/scene";
import { loadOf } from "#domain/admit";
import { isActive, isReady, type TaskRow } from "#domain/row";
import { keysOf } from "#store/claim";
import type { Sql } from "#store/client";
import type { Charges } from "#store/holders";

/** Throws an error that is no command's fault while a new shape is being made. */
export async function charge(sql: Sql, scene: Scene): Promise<Charges> {
  const changed = [...scene.changed].map((row) => ({ row, before: scene.before.get(row.id) ?? row }));
  const enters = changed.filter(({ row, before }) => isActive(row) && !isActive(before)).map(({ row }) => row.id);
  // A claim knows its keys; a task whose start was in doubt becomes active without one.
  const unknown = enters.filter((id) => !scene.keys.has(id));
  if (unknown.length > 0) {
    if (!scene.mayHold) throw Object.assign(new Error("a shape is being made"), { code: lockNotAvailable });
    for (const [id, keys] of await keysOf(sql, unknown)) scene.keys.set(id, keys);
  }
  // Their keys are made of what this turn writes.
  const hasOther = (id: string) => scene.specs.get(id)?.metadata !== undefined;
  const active = changed.filter(({ row, before }) => isActive(row) && isActive(before));
  return {
    enters: enters
      .filter((id) => !hasOther(id))
      .flatMap((task) => (scene.keys.get(task) ?? []).map((key) => ({ task, key }))),
    leaves: scene.shaped
      ? changed.filter(({ row, before }) => isActive(before) && !isActive(row)).map(({ row }) => row.id)
      : [],
    moved: active.filter(({ row, before }) => loadOf(row) !== loadOf(before)).map(({ row }) => row.id),
    recharged: changed.filter(({ row }) => isActive(row) && hasOther(row.id)).map(({ row }) => row.id),
    relaned: changed.filter(({ row, before }) => isRelaned(scene, row, before)).map(({ row }) => row.id),
    fills: changed
      .filter(
        ({ row, before }) => row.lane !== 0 && isReady(row) && !(isReady(before) && row.priority <= before.priority),
      )
      .map(({ row: { lane, priority, createdAt: since, pos } }) => ({ lane, priority, since, pos })),
    judged: scene.judged,
  };
}

const lockNotAvailable = "55P03";

function isRelaned(scene: Scene, row: TaskRow, before: TaskRow): boolean {
  if (scene.ruled.has(row.id)) return true;
  if (row.lane === 0) return false;
  return (
    scene.specs.get(row.id)?.metadata !== undefined || (row.expectedCount === null) !== (before.expectedCount === null)
  );
}
