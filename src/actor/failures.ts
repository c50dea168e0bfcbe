// How often a command was in a turn that failed, and when that is held against it. A command that fails alone is soon at fault
// itself; where Postgres may be, it has more time. One that breaks the connection of its turn breaks that of all others in the
// turn, too: while Postgres is up, such a set is halved until the one is alone.

import { limits } from "#config";
import type { Item } from "#domain/turn/items";
import { isBroken, isLockFault, isTransient, mayBreakConnections } from "#store/pg/errors";

export class Failures {
  readonly #alone = new WeakMap<Item, number>();
  readonly #breaks = new WeakMap<Item, number>();

  /** A turn with these commands failed. Whether it has broken its connection so often that one of them may be the cause. */
  breakAgain(items: readonly Item[], error: unknown, isUp: boolean): boolean {
    if (!isUp || !mayBreakConnections(error)) return false;
    for (const item of items) this.#breaks.set(item, (this.#breaks.get(item) ?? 0) + 1);
    return items.some((item) => (this.#breaks.get(item) ?? 0) > limits.brokenSetsMax);
  }

  /** A turn with this command alone failed. `failures`: how often by now, locks aside; `isTooOften`: it is given up. */
  failAlone(item: Item, error: unknown): { readonly failures: number; readonly isTooOften: boolean } {
    const failures = isLockFault(error) ? 0 : (this.#alone.get(item) ?? 0) + 1;
    this.#alone.set(item, failures);
    return { failures, isTooOften: failures >= maxOf(error) };
  }
}

/** How often what failed alone is tried. */
export function maxOf(error: unknown): number {
  if (isBroken(error)) return limits.brokenFailuresMax;
  return isTransient(error) ? limits.passingFailuresMax : limits.failuresMax;
}
