// How many commands one turn takes, by what they touch directly. Pure.
import { beginsSweep, isAtOnce } from "#domain/commands/batch-commands";
import { type Item, isOfBatch, targetOf } from "#domain/turn/items";
import type { TurnState } from "#domain/turn/state";
import { limits } from "#limits";

/** Asks something of every unfinished task of a batch. */
export const isSweeping = (item: Item): boolean =>
  isOfBatch(item) && (item.from === "local" || beginsSweep(item.command));

/** The weight of each task in a sweep that is done at once, in links. */
const sweptWeight = 16;

/** Takes commands while what they touch directly is within a limit, and always one. */
export function withinBounds(
  state: TurnState,
  items: readonly Item[],
): { readonly taken: readonly Item[]; readonly left: readonly Item[] } {
  let weight = 0;
  const weigh = (item: Item): number => {
    if (!isOfBatch(item)) return state.rows.get(targetOf(item))?.children ?? 0;
    const batch = isSweeping(item) ? state.batches.get(targetOf(item)) : undefined;
    return batch && isAtOnce(state, batch) ? sweptWeight * batch.total : 0;
  };
  const end = items.findIndex((item, i) => {
    weight += weigh(item);
    return i > 0 && weight > limits.turnLinksMax;
  });
  return end < 0 ? { taken: items, left: [] } : { taken: items.slice(0, end), left: items.slice(end) };
}
