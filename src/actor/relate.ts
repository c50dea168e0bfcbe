// Walks from the tasks that ended to their relatives: down first, to whoever depends on them, then up, to parents that have
// nothing left to work for. Children are judged in the order of creation, so that whatever a task depends on has been
// judged before it. Down takes a few queries however deep it goes; up takes two a round, and after four rounds all at once.

import { TellQueue } from "#actor/queue";
import type { Scene } from "#actor/scene";
import { cancelStranded, tellChild } from "#actor/spread";
import { limits } from "#config";
import { isFinal, type TaskRow } from "#domain/row";
import type { Sql } from "#store/client";
import * as load from "#store/load";

const narrowLoadsMax = 4;
const singleRoundsMax = 4;

/** `linksMax`: a turn that reaches over more throws `TooLarge`. */
export async function relate(sql: Sql, scene: Scene, linksMax: number = limits.bulkLinksMin): Promise<void> {
  if (scene.ended.length === 0) return;
  await goDown(sql, scene, linksMax);
  if (scene.ground.deadEnds) await goUp(sql, scene);
}

async function goDown(sql: Sql, scene: Scene, linksMax: number): Promise<void> {
  const queue = new TellQueue();
  for (let loads = 0; ; ) {
    const ended = scene.ended.splice(0);
    scene.finished.push(...ended);
    const unknown = ended.filter((row) => row.kids > 0 && !scene.links.has(row.id)).map((row) => row.id);
    if (unknown.length > 0) {
      // What ended first is mostly a success and ends nobody else: one level. A task that ended because of it mostly takes
      // all below along; and where many do, the rest of the queue is looked up with them.
      const parents = loads > narrowLoadsMax ? [...unknown, ...queue.ids()] : unknown;
      await loadChildren(sql, scene, parents, loads > 0, linksMax);
      loads++;
    }
    for (const { id } of ended)
      for (const link of scene.links.get(id) ?? []) queue.add(scene.rows.get(link.child) as TaskRow, link);
    let next = queue.take();
    while (next !== undefined && isFinal(next.row.status)) next = queue.take();
    if (next === undefined) return;
    tellChild(scene, next.row, next.links);
  }
}

/** A parent stays in hope of its children: without any unfinished one it is canceled, and so on upwards. */
async function goUp(sql: Sql, scene: Scene): Promise<void> {
  // Whoever had no unfinished parent when it ended strands nobody.
  let ended = scene.finished.filter((row) => row.waitFinished > 0);
  for (let round = 0; ended.length > 0; round++) {
    const parents = await loadParents(
      sql,
      scene,
      ended.map((row) => row.id),
      round >= singleRoundsMax,
    );
    const canceled = cancelStranded(scene, parents);
    // Those have only final children: there is nobody below to tell.
    scene.finished.push(...scene.ended.splice(0));
    ended = canceled.filter((row) => row.waitFinished > 0 && !row.deadEndBarrier);
  }
}

async function loadChildren(sql: Sql, scene: Scene, parents: string[], deep: boolean, linksMax: number): Promise<void> {
  const wanted = parents.filter((id) => !scene.links.has(id));
  const { links, rows } = await load.childrenOf(sql, wanted, deep, linksMax);
  // A closure may pass through tasks whose links are in hand already: those must not count twice.
  const fresh = new Set([...wanted, ...(deep ? rows.map((row) => row.id) : [])].filter((id) => !scene.links.has(id)));
  for (const id of fresh) scene.links.set(id, []);
  for (const link of links) if (fresh.has(link.parent)) scene.links.get(link.parent)?.push(link);
  scene.add(rows);
}

/** Returns the unfinished parents of these tasks. */
async function loadParents(sql: Sql, scene: Scene, children: string[], deep: boolean): Promise<Set<string>> {
  const wanted = children.filter((id) => !scene.parents.has(id));
  if (wanted.length > 0) {
    const { rows, links, open } = await load.parentsOf(sql, wanted, deep);
    const fresh = new Set(
      [...wanted, ...(deep ? rows.map((row) => row.id) : [])].filter((id) => !scene.parents.has(id)),
    );
    for (const id of fresh) scene.parents.set(id, []);
    for (const link of links) if (fresh.has(link.child)) scene.parents.get(link.child)?.push(link.parent);
    scene.add(rows);
    for (const { id } of rows) if (!scene.openKids.has(id)) scene.openKids.set(id, new Set());
    for (const { parent, child } of open) scene.openKids.get(parent)?.add(child);
  }
  return new Set(children.flatMap((id) => scene.parents.get(id) ?? []));
}
