// What a task uses of the rules once it is claimed, and what that means for a claim round. Pure.
import type { Judged } from "#domain/rules/admit";
import type { RateKey } from "#domain/rules/rate";

/** What a task uses once it is claimed. */
export interface Uses {
  /** The keys of its slots: one for each key template of its kind. */
  readonly keys: readonly string[];
  /** What its start counts for: nothing where no call is made. */
  readonly rates: readonly RateKey[];
}

/** Whether a queue was looked at for as many tasks as a window has places, and is open still: some of them took no place. */
export function leavesPlaces(
  open: readonly { readonly queue: number; readonly slack: number }[],
  chosen: readonly { readonly queue: number }[],
  judged: readonly Judged[],
  limit: number,
): boolean {
  const taken = new Map<number, number>();
  for (const { queue } of chosen) taken.set(queue, (taken.get(queue) ?? 0) + 1);
  const waiting = new Set(judged.flatMap(({ id, waitsFor }) => (waitsFor === null ? [] : id)));
  return open.some(({ queue, slack }) => slack < limit && !waiting.has(queue) && (taken.get(queue) ?? 0) >= slack);
}

export const noUses: ReadonlyMap<string, Uses> = new Map();

/** What it will use, as the round counts it. A task in doubt holds its slots already, so it is counted already; its start counts once more. */
export const keysFor = (
  { inDoubt }: { readonly inDoubt: boolean },
  uses: Uses | undefined,
  windows: ReadonlyMap<string, readonly string[]>,
): readonly string[] => {
  if (uses === undefined) return [];
  const rates = uses.rates.flatMap(({ key }) => windows.get(key) ?? []);
  return inDoubt ? rates : [...uses.keys, ...rates];
};
