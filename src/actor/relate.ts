// Walks from the tasks that ended to their relatives, level by level, until nobody is affected any more. One query a
// level; after four levels the whole unfinished closure is read at once, so that a chain of a thousand is one query.

import type { Scene } from "#actor/scene";
import { cancelStranded, mayStrandParents, tellChildren } from "#actor/spread";
import type { Sql } from "#store/client";
import * as load from "#store/load";

const singleLevels = 4;

export async function relate(sql: Sql, scene: Scene): Promise<void> {
  for (let level = 0; scene.ended.length > 0; level++) {
    const ended = scene.ended;
    scene.ended = [];
    scene.finished.push(...ended);
    await loadChildren(
      sql,
      scene,
      ended.filter((row) => row.kids > 0).map((row) => row.id),
      level,
    );
    tellChildren(scene, ended);
    if (!scene.ground.deadEnds) continue;
    const stranding = mayStrandParents(ended).map((row) => row.id);
    if (stranding.length > 0) cancelStranded(scene, await loadParents(sql, scene, stranding, level));
  }
}

async function loadChildren(sql: Sql, scene: Scene, parents: string[], level: number): Promise<void> {
  const wanted = parents.filter((id) => !scene.links.has(id));
  if (wanted.length === 0) return;
  const deep = level >= singleLevels;
  const { links, rows } = await load.childrenOf(sql, wanted, deep);
  // A closure may pass through tasks whose links are in hand already: those must not count twice.
  const fresh = new Set([...wanted, ...(deep ? rows.map((row) => row.id) : [])].filter((id) => !scene.links.has(id)));
  for (const id of fresh) scene.links.set(id, []);
  for (const link of links) if (fresh.has(link.parent)) scene.links.get(link.parent)?.push(link);
  scene.add(rows);
}

/** Returns the unfinished parents of these tasks. */
async function loadParents(sql: Sql, scene: Scene, children: string[], level: number): Promise<Set<string>> {
  const wanted = children.filter((id) => !scene.parents.has(id));
  if (wanted.length > 0) {
    const deep = level >= singleLevels;
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
