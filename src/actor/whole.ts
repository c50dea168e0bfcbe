// Commands for a whole batch. All its unfinished tasks are in hand, so each is asked itself, and nothing is passed on
// between them: a stopped parent is no failed parent. Fills the scene only; lets others run every few milliseconds.
import { setImmediate } from "node:timers/promises";
import type { Scene } from "#actor/scene";
import { advance } from "#actor/step";
import type { Answer, ClientCommand } from "#domain/command";
import type { TaskRow } from "#domain/row";

const breathEveryMs = 10;

export async function decideWhole(scene: Scene, command: ClientCommand): Promise<Answer> {
  const { target: id, verb } = command;
  const batch = scene.batches.get(id);
  if (!batch) return { status: 404, id, error: "Batch not found" };
  const rows = [...scene.rows.values()].filter((row) => row.batchId === id);
  if (verb === "stop_batch") return { status: 200, id, counts: await stop(scene, rows, batch.total) };
  if (verb === "set_rules") return { status: 200, id, counts: { updated_count: await setRules(scene, rows, command) } };
  if (verb === "pause_batch")
    return { status: 200, id, counts: { paused: await count(rows, (row) => pause(scene, row)) } };
  return { status: 200, id, counts: { resumed: await count(rows, (row) => resume(scene, row)) } };
}

/** How many of the rows said yes. */
async function count(rows: readonly TaskRow[], ask: (row: TaskRow) => boolean): Promise<number> {
  let yes = 0;
  let breath = performance.now();
  for (const row of rows) {
    if (ask(row)) yes++;
    if (performance.now() - breath < breathEveryMs) continue;
    await setImmediate();
    breath = performance.now();
  }
  return yes;
}

async function stop(scene: Scene, rows: readonly TaskRow[], total: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {
    canceled_waiting: 0,
    canceled_pending: 0,
    canceled_claimed: 0,
    canceled_running: 0,
    canceled_paused: 0,
    canceled_retrying: 0,
  };
  const stopped = await count(rows, (row) => {
    const from = `canceled_${row.status.toLowerCase()}`;
    if (!advance(scene, row, { type: "cancel" }, { reason: "Batch stopped", name: "stop_batch" })) return false;
    counts[from] = (counts[from] ?? 0) + 1;
    return true;
  });
  scene.finished.push(...scene.ended.splice(0));
  return { ...counts, already_terminal: total - stopped };
}

/** Takes effect with the next claim round: what holds a key keeps it. */
function setRules(scene: Scene, rows: readonly TaskRow[], { rules: asked }: ClientCommand): Promise<number> {
  return count(rows, (row) => {
    if (asked === undefined || scene.kinds.get(row.id) !== asked.kind) return false;
    scene.ruled.set(row.id, asked.rules);
    scene.touch(row);
    return true;
  });
}

/** Claimed and Running tasks go on; they are paused if they come back before the resume. */
function pause(scene: Scene, row: TaskRow): boolean {
  if (advance(scene, row, { type: "pause" }, { name: "pause_batch" })) return true;
  advance(scene, row, { type: "request_pause" });
  return false;
}

function resume(scene: Scene, row: TaskRow): boolean {
  if (advance(scene, row, { type: "resume" }, { name: "resume_batch" })) return true;
  advance(scene, row, { type: "withdraw_pause" });
  return false;
}
