// The sums of a task and what an update adds to them. Pure.
import type { Progress } from "#domain/command";

export interface Sums {
  readonly success: number;
  readonly failures: number;
}

/** What an update adds, in the words that are kept with its id. */
export const countsOf = ({ success, failures }: Sums): string => `${success}/${failures}`;

/** Every fault of an update whose sums JSON could not carry any more; such a one is refused as a whole, never clamped. */
export function beyond(sums: Sums, update: Pick<Progress, "success" | "failures">): string[] {
  const faults: string[] = [];
  if (sums.success + update.success > Number.MAX_SAFE_INTEGER) faults.push("new_success: the sum would exceed 2^53-1");
  if (sums.failures + update.failures > Number.MAX_SAFE_INTEGER)
    faults.push("new_failures: the sum would exceed 2^53-1");
  return faults;
}

/** Updates that one id makes count once, each by its place: those of a message from the door, or a single one. */
export interface Bundle {
  readonly id: string;
  readonly size: number;
  /** A client knows the id: it stands for its update, and for no other. */
  readonly isKey: boolean;
}

/** The bundle of an update that has an id of its own. */
export const single = (id: string): Bundle => ({ id, size: 1, isKey: true });
