// What every tab of a batch is given.
import type { Batch } from "../../../sdk/client.ts";
import type { BatchStore } from "../../data/batch-store.ts";
import type { Act } from "../../parts/act.tsx";

export interface TabProps {
  readonly batch: Batch;
  readonly store: BatchStore;
  readonly ask: (act: Act) => void;
}
