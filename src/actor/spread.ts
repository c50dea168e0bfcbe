// What an ended task means for its relatives: children learn of it, and a parent whose children are all final has
// nothing left to work for. Pure: works on the rows and links that the turn has loaded.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Link, TaskRow } from "#domain/row";
import { isFinal } from "#domain/row";

/** Tells a task which of its parents have become final. */
export function tellChild(scene: Scene, child: TaskRow, links: readonly Link[]): void {
  const ends = links.map((link) => ({ link, parent: scene.rows.get(link.parent) as TaskRow }));
  const failed = ends.find(({ link, parent }) => link.needs === "required" && parent.status !== "Success");
  if (failed) {
    const reason = `Required parent task ${failed.link.parent} failed`;
    advance(scene, child, { type: "parent_lost", as: "Failure" }, { reason });
    return;
  }
  const lost = ends.find(({ link, parent }) => !met(link, parent));
  if (lost) {
    const wanted = lost.link.needs === "success" ? "on_success" : "on_failure";
    const reason = `Condition ${wanted} of parent task ${lost.link.parent} not met: it is ${lost.parent.status}`;
    advance(scene, child, { type: "parent_lost", as: "Skipped" }, { reason });
    return;
  }
  for (const { link } of ends)
    advance(scene, child, { type: "parent_met", required: link.needs === "required" || link.needs === "success" });
}

function met(link: Link, parent: TaskRow): boolean {
  if (link.needs === "finish") return true;
  if (link.needs === "failure") return parent.status === "Failure" || parent.status === "Canceled";
  return parent.status === "Success";
}

/** Cancels the parents that have no unfinished child left, and returns them. All are judged before any is canceled. */
export function cancelStranded(scene: Scene, parents: Iterable<string>): TaskRow[] {
  const stranded = [...parents]
    .map((id) => scene.rows.get(id))
    .filter((row) => row !== undefined && !isFinal(row.status) && !hasOpenKid(scene, row.id)) as TaskRow[];
  const note = { reason: "All child tasks already terminated", name: "dead_end" };
  return stranded.filter((row) => advance(scene, row, { type: "cancel" }, note));
}

function hasOpenKid(scene: Scene, parent: string): boolean {
  const kids = scene.openKids.get(parent);
  if (kids === undefined) throw new Error(`the children of task ${parent} are not loaded`);
  return [...kids].some((id) => {
    const kid = scene.rows.get(id);
    return kid === undefined || !isFinal(kid.status);
  });
}

/** Counts the tasks that became final off their batches. */
export function countOff(scene: Scene): void {
  for (const row of scene.finished) {
    const batch = scene.batches.get(row.batchId);
    if (!batch) throw new Error(`task ${row.id} ended in a turn that does not hold its batch`);
    batch.unfinished--;
    scene.changedBatches.add(batch);
  }
}
