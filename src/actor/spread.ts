// What an ended task means for its relatives: children learn of it, and a parent whose children are all final has
// nothing left to work for. Pure: works on the rows and links that the turn has loaded, one level at a time.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Link, TaskRow } from "#domain/row";
import { isFinal } from "#domain/row";

/** Tells the children of `parents`, which have just become final. Every link and child of theirs is loaded. */
export function tellChildren(scene: Scene, parents: readonly TaskRow[]): void {
  const byChild = new Map<string, Link[]>();
  for (const parent of parents)
    for (const link of scene.links.get(parent.id) ?? []) {
      const links = byChild.get(link.child);
      if (links) links.push(link);
      else byChild.set(link.child, [link]);
    }
  for (const [id, links] of byChild) {
    const child = scene.rows.get(id);
    if (child && !isFinal(child.status)) tellChild(scene, child, links);
  }
}

function tellChild(scene: Scene, child: TaskRow, links: readonly Link[]): void {
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

/** Tasks whose end may leave a parent without a purpose: a parent was unfinished when they ended. A barrier stops the climb. */
export const mayStrandParents = (ended: readonly TaskRow[]): TaskRow[] =>
  ended.filter((row) => row.waitFinished > 0 && !row.deadEndBarrier);

/** Cancels the parents of `ended` that have no unfinished child left. Their rows and open children are loaded. */
export function cancelStranded(scene: Scene, parents: Iterable<string>): void {
  for (const id of parents) {
    const parent = scene.rows.get(id);
    const kids = scene.openKids.get(id);
    if (!parent || !kids || isFinal(parent.status)) continue;
    const open = [...kids].some((kid) => {
      const row = scene.rows.get(kid);
      return row === undefined || !isFinal(row.status);
    });
    if (!open)
      advance(scene, parent, { type: "cancel" }, { reason: "All child tasks already terminated", name: "dead_end" });
  }
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
