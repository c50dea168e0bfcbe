// One batch as a screen follows it: the figures of the batch, asked for again while events come, and its tasks as columns, filled
// once and then by events.
import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Batch, CompactDag } from "../../sdk/client.ts";
import { useSlow } from "../parts/time.tsx";
import { BatchStore } from "./batch-store.ts";
import { liveState, useLive } from "./live/live.ts";
import { baton } from "./session.ts";
import { useStore } from "./store.ts";

/** Up to so many tasks come with their times and reasons; beyond, the graph comes in few bytes. */
const fullMax = 2_000;
const againMs = 700;
const lateMs = 1_000;

export interface FollowedBatch {
  readonly batch: UseQueryResult<Batch>;
  readonly store: BatchStore;
  readonly isFilled: boolean;
  readonly error: unknown;
}

export function useBatch(id: string): FollowedBatch {
  const queries = useQueryClient();
  const [store] = useState(() => new BatchStore());
  const batch = useQuery({ queryKey: ["batch", id], queryFn: () => baton().batch(id) });
  const total = batch.data?.total_tasks;
  const size = total === undefined ? undefined : total <= fullMax ? "full" : "compact";
  // Asked for once the stream is open, so that nothing falls between; a stream that takes long is not waited for.
  const live = useStore(liveState);
  const isLate = useSlow(live === "connecting", lateMs);
  const filled = useQuery({
    queryKey: ["batch", id, "graph", size],
    queryFn: async () => {
      await fill(store, id, size === "full");
      return { at: Date.now() };
    },
    enabled: size !== undefined && (live !== "connecting" || isLate),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const [isFilled, setFilled] = useState(false);
  useEffect(() => {
    if (filled.data) setFilled(true);
  }, [filled.data]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLive(id, (events) => {
    store.apply(events);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void batch.refetch();
      void queries.invalidateQueries({ queryKey: ["task"] });
      if (store.hasGrown) void filled.refetch();
    }, againMs);
  });
  return { batch, store, isFilled, error: filled.error };
}

async function fill(store: BatchStore, id: string, isFull: boolean): Promise<void> {
  const filling = store.beginFilling();
  try {
    if (isFull) return filling.full(await baton().dag(id));
    const pages: CompactDag[] = [];
    let next: Readonly<Record<string, string>> | undefined = {};
    while (next !== undefined) {
      const page: CompactDag = await baton().compactDag(id, next);
      pages.push(page);
      next = page.next;
      // The first page is drawn while the others come.
      if (pages.length === 1 || next === undefined) filling.compact(pages);
    }
  } finally {
    filling.end();
  }
}
