// Where the protocol promises less than the reference: a task that an unfinished propagation may still reach takes commands as
// it stands. Keeps count of these tasks, and takes the reference along with each command.
import { type Db, taskOf } from "./database.ts";
import { type Asked, isSweepVerb } from "./protocol.ts";
import { applyTo, type RefTask, type Seen } from "./reference.ts";
import { copy, type State } from "./state.ts";

function closure({ links }: Db, from: Iterable<number>, isDown: boolean): Set<number> {
  const all = new Set(from);
  // Links of a child come after those of its parents.
  for (const { p, c } of isDown ? links : links.toReversed()) if (all.has(isDown ? p : c)) all.add(isDown ? c : p);
  return all;
}
const around = (db: Db, from: Iterable<number>): Set<number> => closure(db, closure(db, from, true), false);

/** Before a command: about which tasks the two may differ from here on. */
export function taint(state: State, { verb, task: rank, links = [] }: Asked): void {
  const { db, tainted } = state;
  const own = verb === "grow" ? links.map(({ p }) => p) : rank === undefined ? [] : [rank];
  const flux = around(
    db,
    db.steps.map((step) => step.rank),
  );
  if (flux.size > 0) state.overlaps++;
  if (flux.size > 0 && isSweepVerb(verb)) state.countsDiffer = true;
  const isMet = (one: number) => flux.has(one) || (verb === "grow" && tainted[one] === true);
  const met = verb === "stop" ? [...flux] : [...around(db, own)].filter(isMet);
  if (verb === "grow" && met.length > 0) met.push(...own, db.tasks.length);
  for (const one of around(db, met)) tainted[one] = true;
}

/** Steps are not taken in their order any more: what they may reach ends otherwise, and sweeps count other tasks. */
export function taintAround(state: State, ranks: readonly number[]): void {
  for (const one of around(state.db, ranks)) state.tainted[one] = true;
  state.countsDiffer = true;
}

export const isTainted = (state: State, rank: number): boolean => state.diverged || state.tainted[rank] === true;
export const isClean = (state: State): boolean => !state.diverged && Object.keys(state.tainted).length === 0;

/** The reference does the command too; null: there is nothing to compare any more. */
export const follow = (state: State, asked: Asked, seq: number, seen?: Seen): number | null =>
  state.diverged ? null : applyTo(state.ref, asked, seq, seen);

/** How the reference stands when a claim or a task turn looks. */
export const snapshot = ({ ref, db }: State, rank: number): Seen => ({
  task: copy(ref.tasks[rank] ?? (taskOf(db, rank) as unknown as RefTask)),
  sweeps: ref.sweeps.length,
});
