// The order of tasks by what they depend on: each behind all of its parents, otherwise as they were sent. Pure.

export interface Order {
  /** Positions of the tasks, parents first; without cycles a task that stands behind its parents already stays there. */
  readonly order: readonly number[];
  /** The positions of each cycle that was met, a task before one that depends on it; the first ones only. */
  readonly cycles: readonly (readonly number[])[];
}

const cyclesMax = 10;

/** `parentsOf[i]`: positions of the parents of the task at `i`. Never recurses: a chain may be as long as a batch. */
export function orderOf(parentsOf: readonly (readonly number[])[]): Order {
  const order: number[] = [];
  const cycles: number[][] = [];
  const state = new Uint8Array(parentsOf.length);
  const [open, done] = [1, 2];
  for (let root = 0; root < parentsOf.length; root++) {
    if (state[root] !== 0) continue;
    const path = [{ at: root, next: 0 }];
    state[root] = open;
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const parent = parentsOf[top.at]?.[top.next++];
      if (parent === undefined) {
        state[top.at] = done;
        order.push(top.at);
        path.pop();
      } else if (state[parent] === open) {
        if (cycles.length < cyclesMax) cycles.push(cycleAt(path, parent));
      } else if (state[parent] === 0) {
        state[parent] = open;
        path.push({ at: parent, next: 0 });
      }
    }
  }
  return { order, cycles };
}

/** The end of the path, from the task that the last one depends on; turned round, so that parents come first. */
function cycleAt(path: readonly { readonly at: number }[], from: number): number[] {
  const start = path.findIndex(({ at }) => at === from);
  return path
    .slice(start)
    .map(({ at }) => at)
    .toReversed();
}
