// The batch as the graph shows it: as it is, or grouped. A grouped one follows the states of its tasks.
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { BatchStore } from "../data/batch-store.ts";
import { type GroupBy, type Grouped, group, statesOf } from "./group.ts";

export interface ShownStore {
  readonly shown: BatchStore;
  /** Undefined: each task for itself. */
  readonly grouped: Grouped | undefined;
}

export function useGrouped(store: BatchStore, by: GroupBy | undefined): ShownStore {
  const version = useSyncExternalStore(store.subscribe, store.getVersion);
  const shape = useSyncExternalStore(store.subscribe, store.getShape);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the shape stands for the tasks and edges in the store.
  const made = useMemo((): ShownStore => {
    if (by === undefined) return { shown: store, grouped: undefined };
    const grouped = group(store, by);
    const shown = new BatchStore();
    const tasks = grouped.names.map((name, i) => [String(i), name, name, by, "Waiting"] as const);
    shown.fillCompact([{ tasks, links: grouped.links.map(([parent, child]) => [parent, child, "always"] as const) }]);
    return { shown, grouped };
  }, [store, shape, by]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the states in the store.
  useEffect(() => {
    if (made.grouped) made.shown.setStates(statesOf(made.grouped, store.state));
  }, [made, store, version]);
  return made;
}
