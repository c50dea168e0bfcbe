// Commands for a whole batch. All its unfinished tasks are in hand, so each is asked itself, and nothing is passed on
// between them: a stopped parent is no failed parent. Pure: fills the scene.

import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Answer, ClientCommand } from "#domain/command";
import type { TaskRow } from "#domain/row";

export function decideWhole(scene: Scene, command: ClientCommand): Answer {
  const { target: id, verb } = command;
  const batch = scene.batches.get(id);
  if (!batch) return { status: 404, id, error: "Batch not found" };
  const rows = [...scene.rows.values()].filter((row) => row.batchId === id);
  if (verb === "stop_batch") return { status: 200, id, counts: stop(scene, rows, batch.total) };
  if (verb === "pause_batch") return { status: 200, id, counts: { paused: pause(scene, rows) } };
  return { status: 200, id, counts: { resumed: resume(scene, rows) } };
}

function stop(scene: Scene, rows: readonly TaskRow[], total: number): Record<string, number> {
  const counts: Record<string, number> = {
    canceled_waiting: 0,
    canceled_pending: 0,
    canceled_claimed: 0,
    canceled_running: 0,
    canceled_paused: 0,
    canceled_retrying: 0,
  };
  let stopped = 0;
  for (const row of rows) {
    const from = `canceled_${row.status.toLowerCase()}`;
    if (!advance(scene, row, { type: "cancel" }, { reason: "Batch stopped", name: "stop_batch" })) continue;
    counts[from] = (counts[from] ?? 0) + 1;
    stopped++;
  }
  scene.finished.push(...scene.ended);
  scene.ended = [];
  return { ...counts, already_terminal: total - stopped };
}

/** Claimed and Running tasks go on; they are paused if they come back before the resume. */
function pause(scene: Scene, rows: readonly TaskRow[]): number {
  return rows.filter((row) => {
    if (advance(scene, row, { type: "pause" }, { name: "pause_batch" })) return true;
    advance(scene, row, { type: "request_pause" });
    return false;
  }).length;
}

function resume(scene: Scene, rows: readonly TaskRow[]): number {
  return rows.filter((row) => {
    if (advance(scene, row, { type: "resume" }, { name: "resume_batch" })) return true;
    advance(scene, row, { type: "withdraw_pause" });
    return false;
  }).length;
}
