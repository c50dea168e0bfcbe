// What is written instead of pictures where nothing can be redrawn (a pipe, a CI log): a line for each change that was
// seen, or, for many tasks, a line a second.
import { countersOf } from "./fan.ts";
import { hasEnded } from "./picture.ts";
import { noteOf } from "./table.ts";
import { padded, seconds, type Terminal, thousands, width } from "./terminal.ts";
import type { Seen } from "./watch.ts";

const everyMs = 1000;

/**
 * `beganMs`: the batch's creation by the server's clock, which the times count from. That a task waits from its creation on is not
 * said: only what changes is.
 */
export function journal(terminal: Pick<Terminal, "print">, beganMs: number): (seen: Seen) => void {
  const before = new Map<string, string>();
  let printedMs = 0;
  return ({ dag, trouble }) => {
    if (trouble) terminal.print(`  ${trouble}`);
    const note = noteOf(dag);
    const names = Math.min(Math.max(16, ...dag.tasks.map(({ local_id }) => width(local_id))), 40);
    const changed = dag.tasks.filter(
      ({ id, status }) => before.get(id) !== status && !(status === "Waiting" && !before.has(id)),
    );
    for (const task of changed.toSorted((a, b) => Date.parse(a.last_updated) - Date.parse(b.last_updated))) {
      before.set(task.id, task.status);
      // A change has the time of its transaction, and may be seen a moment after one with a later time.
      printedMs = Math.max(printedMs, Date.parse(task.last_updated) - beganMs);
      const time = seconds(printedMs).padStart(8);
      // Counters may still be on their way when a task succeeds; the summary has them all.
      const said = task.status === "Success" ? "" : note(task);
      terminal.print(`  ${time}  ${padded(task.local_id, names)} ${task.status.padEnd(9)} ${said}`.trimEnd());
    }
  };
}

/** The same for batches of hundreds: totals only. */
export function digest(terminal: Pick<Terminal, "print">): (seen: Seen) => void {
  const beganMs = performance.now();
  let lastMs = -everyMs;
  return ({ dag, trouble }) => {
    const nowMs = performance.now() - beganMs;
    const done = dag.tasks.filter(hasEnded).length;
    if (nowMs - lastMs < everyMs && done < dag.tasks.length) return;
    lastMs = nowMs;
    if (trouble) terminal.print(`  ${trouble}`);
    const { counted, expected } = countersOf(dag.tasks);
    const totals = `${done} of ${dag.tasks.length} tasks ended, ${thousands(counted)} of ${thousands(expected)} items counted`;
    terminal.print(`  ${seconds(nowMs).padStart(8)}  ${totals}`);
  };
}
