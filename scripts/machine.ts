// Writes src/web/data/machine.ts from machines/task.ts: the moves of a task as data, so that the console draws the machine as it is
// and needs no XState in the browser.
import { transitions } from "./lifecycle.ts";

export const machinePath = "src/web/data/machine.ts";

export function renderMachine(): string {
  const moves = transitions().filter(({ from, to }) => from !== to);
  const lines = new Set(moves.map(({ from, event, to }) => `  ["${from}", "${event}", "${to}"],`));
  return [
    "// Generated from machines/task.ts by `npm run docs`; do not edit. What leads a task from one state to another.",
    'import type { TaskStatus } from "../../sdk/client.ts";',
    "",
    "export const moves: readonly (readonly [from: TaskStatus, event: string, to: TaskStatus])[] = [",
    ...lines,
    "];",
    "",
  ].join("\n");
}
