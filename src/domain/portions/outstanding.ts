// What of the work of a batch is done next, and how its steps differ after a portion. Pure.
import { bounded, isSweep, keyOf, type Step, type Work } from "#domain/propagation/work";

/**
 * The oldest one. Where that is set aside, those after it wait, because their order matters; but for a stop, after which nothing
 * is left for the others to do.
 */
export function nextSweep(works: readonly Work[]): Work | undefined {
  const [oldest, ...later] = works.filter((work) => isSweep(work) && !work.done);
  return oldest?.isAside ? later.find(({ kind, isAside }) => kind === "stop" && !isAside) : oldest;
}

/** How the steps of a batch change. */
export interface StepChanges {
  readonly added: readonly Step[];
  readonly moved: readonly Step[];
  readonly gone: readonly Step[];
}

/** `before`: those that were in hand, by key, as they stand in their rows. `total`: tasks of the batch. */
export function stepChanges(before: ReadonlyMap<string, Step>, after: readonly Step[], total: number): StepChanges {
  const left = new Map(after.map((step) => [keyOf(step), step]));
  const hasMoved = (step: Step, known: Step) => step.after !== known.after || step.cause !== known.cause;
  return {
    added: [...left.values()].filter((step) => !before.has(keyOf(step))).map((step) => bounded(step, total)),
    moved: [...left.values()].filter((step) => {
      const known = before.get(keyOf(step));
      return known !== undefined && hasMoved(step, known);
    }),
    gone: [...before.values()].filter((step) => !left.has(keyOf(step))),
  };
}
