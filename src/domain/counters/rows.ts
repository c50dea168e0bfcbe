// What counter updates are decided on: the sums of a task, and what is kept of an id.
import type { TaskRow } from "#domain/row";

export interface CountRow {
  readonly id: string;
  readonly status: TaskRow["status"];
  readonly attempt: number;
  readonly inDoubt: boolean;
  readonly endedAt: Date | null;
  /** Its message lies in a queue for all that is known: the first report of the attempt moves its timer. */
  readonly isAwaited: boolean;
  success: number;
  failures: number;
  /** When it was heard of in this transaction, in ms; undefined: it was not. */
  heardMs?: number;
}

/** What is kept of an id. */
export interface Kept {
  readonly id: string;
  /** What it stands for, where a client knows it; null also where that was deleted. */
  readonly counts: string | null;
  /** The places of updates of its message that are not counted yet. */
  readonly open: readonly number[];
}
