// The critical path of a batch: of what ended last, or runs longest, back through the parent that kept each task waiting the longest.
// What is not on it could have been slower without the batch ending later. Pure.
import { isFinal } from "../data/states.ts";
import { adjacency } from "./layout/adjacency.ts";

interface Times {
  readonly state: ArrayLike<number>;
  /** Milliseconds; 0: not yet, or not known. */
  readonly started: ArrayLike<number>;
  readonly ended: ArrayLike<number>;
  readonly from: ArrayLike<number>;
  readonly to: ArrayLike<number>;
}

/** Places, the first task first; empty where nothing has started. */
export function criticalPath(times: Times): number[] {
  const { state, started, ended, from, to } = times;
  const n = state.length;
  /** What has not ended ends after everything that has, and what began earliest is the slowest of these. */
  const endOf = (v: number): number => {
    if ((started[v] ?? 0) === 0) return Number.NEGATIVE_INFINITY;
    return isFinal(state[v] ?? 0) ? (ended[v] ?? 0) : Number.MAX_SAFE_INTEGER - (started[v] ?? 0);
  };
  let at = -1;
  for (let v = 0; v < n; v++) if (endOf(v) > (at < 0 ? Number.NEGATIVE_INFINITY : endOf(at))) at = v;
  const parents = adjacency(n, to, from);
  const path: number[] = [];
  while (at >= 0) {
    path.push(at);
    let last = -1;
    for (let i = parents.start[at] ?? 0; i < (parents.start[at + 1] ?? 0); i++) {
      const parent = parents.list[i] ?? 0;
      if (endOf(parent) > (last < 0 ? Number.NEGATIVE_INFINITY : endOf(last))) last = parent;
    }
    at = last;
  }
  return path.reverse();
}
