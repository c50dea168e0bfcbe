// What a graph is given: the batch, what is selected, hidden and searched, and whom to tell.
import type { ReactNode } from "react";
import type { BatchStore } from "../data/batch-store.ts";

export interface GraphProps {
  readonly store: BatchStore;
  readonly selected: number;
  readonly hide: boolean;
  readonly q: string;
  readonly onSelect: (place: number) => void;
  readonly onOpen: (place: number) => void;
  readonly onHide: (hide: boolean) => void;
  readonly onSearch: (q: string) => void;
  /** What stands out from the rest; undefined: all alike. */
  readonly path?: readonly number[] | undefined;
  /** More tools, and keys for them. */
  readonly more?: ReactNode;
  readonly keys?: Readonly<Record<string, () => void>>;
}
