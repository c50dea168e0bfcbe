// Which task of the batch is selected: the one in the address, else the first failure. Selecting replaces the address, so that
// going back leaves the batch.
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Batch } from "../../../sdk/client.ts";
import type { BatchStore } from "../../data/batch-store.ts";

const route = getRouteApi("/batches/$id/{-$tab}");

export function useSelected(batch: Batch, store: BatchStore) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const go = useNavigate();
  const wanted = search.task === "none" ? "" : (search.task ?? batch.first_failure?.task_id ?? "");
  const place = store.place(wanted);
  const select = useCallback(
    (at: number) => {
      const task = at < 0 ? "none" : store.ids[at];
      void navigate({ search: (old) => ({ ...old, task }), replace: true, resetScroll: false });
    },
    [navigate, store],
  );
  const open = useCallback(
    (at: number) => {
      const id = store.ids[at];
      if (id !== undefined) void go({ to: "/tasks/$id/{-$tab}", params: { id, tab: undefined } });
    },
    [go, store],
  );
  return { place, select, open, id: place < 0 ? undefined : store.ids[place] };
}
