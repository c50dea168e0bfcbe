// What is written instead of pictures where nothing can be redrawn (a pipe, a CI log): a line for each change, as events tell it or as
// looks see it, or, for many tasks, a line a second.
import type { Dag, TaskEvent } from "../../sdk/client.ts";
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
  const { seen } = lines(terminal, beganMs);
  return ({ dag, trouble }) => {
    if (trouble) terminal.print(`  ${trouble}`);
    seen(dag);
  };
}

export interface History {
  /** The next event of the batch. It is printed once a look has given the name of its task. */
  event(event: TaskEvent): void;
  named(dag: Dag): void;
  /** Whether what was printed leads to what this look shows. */
  hasAll(dag: Dag): boolean;
  /** Prints what a look shows and no event did: they do not come, or are not there any more. */
  seen(dag: Dag): void;
}

/** The same by the events of the batch: each state of each task, however short it was. */
export function history(terminal: Pick<Terminal, "print">, beganMs: number): History {
  const { put, seen, changed } = lines(terminal, beganMs);
  const names = new Map<string, string>();
  const early: TaskEvent[] = [];
  let columns = 0;
  const print = () => {
    for (let next = early[0]; next !== undefined && names.has(next.task_id); next = early[0]) {
      put(next.task_id, padded(names.get(next.task_id) as string, columns), next.to, next.at, next.reason ?? "");
      early.shift();
    }
  };
  return {
    event(event) {
      // A report that was refused changed nothing.
      if (event.from === event.to) return;
      early.push(event);
      print();
    },
    named(dag) {
      columns = columnsOf(dag);
      for (const { id, local_id } of dag.tasks) names.set(id, local_id);
      print();
    },
    hasAll: (dag) => changed(dag).length === 0,
    seen,
  };
}

const columnsOf = ({ tasks }: Dag): number =>
  Math.min(Math.max(16, ...tasks.map(({ local_id }) => width(local_id))), 40);

/** The lines, and the state of each task that was printed last. */
function lines(terminal: Pick<Terminal, "print">, beganMs: number) {
  const before = new Map<string, string>();
  let printedMs = 0;
  const put = (id: string, name: string, status: string, at: string, said: string): void => {
    before.set(id, status);
    // A change has the time of its transaction, and may be seen a moment after one with a later time.
    printedMs = Math.max(printedMs, Date.parse(at) - beganMs);
    terminal.print(`  ${seconds(printedMs).padStart(8)}  ${name} ${status.padEnd(9)} ${said}`.trimEnd());
  };
  const changed = ({ tasks }: Dag) =>
    tasks.filter(({ id, status }) => before.get(id) !== status && !(status === "Waiting" && !before.has(id)));
  const seen = (dag: Dag): void => {
    const note = noteOf(dag);
    const columns = columnsOf(dag);
    for (const task of changed(dag).toSorted((a, b) => Date.parse(a.last_updated) - Date.parse(b.last_updated))) {
      // Counters may still be on their way when a task succeeds; the summary has them all.
      const said = task.status === "Success" ? "" : note(task);
      put(task.id, padded(task.local_id, columns), task.status, task.last_updated, said);
    }
  };
  return { put, seen, changed };
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
