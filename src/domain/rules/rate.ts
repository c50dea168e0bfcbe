// A start keeps its place in a window from its claim for the length of the window and a margin, and its call begins within that
// margin, or is not made. So however long each call took to begin, calls that hold places one after the other are a window apart.
// Pure; `rate_hold` in Postgres says the same.
import type { Term } from "#domain/rules/admit";

const marginMaxMs = 100;
const marginOfWindow = 0.04;
const callsOfMargin = 0.85;

/** How long after its claim a call may leave. */
export const marginMs = (perSecs: number): number => Math.min(perSecs * 1_000 * marginOfWindow, marginMaxMs);

/**
 * How long after its claim a call may begin. The rest of the margin is for a process that the machine takes off its processor between
 * its look at the clock and the write.
 */
export const callWithinMs = (perSecs: number): number => marginMs(perSecs) * callsOfMargin;

/** How long a start keeps its place. */
export const holdMs = (perSecs: number): number => perSecs * 1_000 + marginMs(perSecs);

/** What the claim of a task counts for: the key of its starts for one set of fields. */
export interface RateKey {
  /** The id of the rate template. */
  readonly template: number;
  readonly key: string;
  /** The shortest window, in seconds, of the rules on these fields. */
  readonly shortest: number;
}

/** Within how many milliseconds of the claim the call has to begin; null: no Rate counts it. */
export const beginWithinMs = (rates: readonly RateKey[]): number | null =>
  rates.length === 0 ? null : Math.min(...rates.map(({ shortest }) => callWithinMs(shortest)));

/** The windows in these lists of conditions, by the key whose starts they count. */
export function windowsOf(lists: Iterable<readonly Term[]>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const terms of lists)
    for (const { key, of } of terms)
      if (key !== null && of != null) found.set(of, (found.get(of) ?? new Set()).add(key));
  return new Map([...found].map(([of, windows]) => [of, [...windows]]));
}
