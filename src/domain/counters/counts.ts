// The sums of a task and what an update adds to them. Pure.
import type { Progress } from "#domain/command";
import { Faults } from "#domain/faults";

export interface Sums {
  readonly success: number;
  readonly failures: number;
}

/** What an update asks for, in the words that are kept with its id. */
export const countsOf = ({ success, failures, attempt, named }: Sums & Pick<Progress, "attempt" | "named">): string =>
  `${success}/${failures}${named === true ? `@${attempt}` : ""}`;

/** Every fault of an update whose sums JSON could not carry any more; such a one is refused as a whole, never clamped. */
export function beyond(sums: Sums, update: Pick<Progress, "success" | "failures">): Faults {
  const faults = new Faults();
  const wrong = "the sum would exceed 2^53-1";
  if (sums.success + update.success > Number.MAX_SAFE_INTEGER) faults.add(["new_success"], "out_of_range", wrong);
  if (sums.failures + update.failures > Number.MAX_SAFE_INTEGER) faults.add(["new_failures"], "out_of_range", wrong);
  return faults;
}

/** Updates that one id makes count once, each by its place: those of a message from the API, or a single one. */
export interface Bundle {
  readonly id: string;
  readonly size: number;
  /** A client knows the id: it stands for its update, and for no other. */
  readonly isKey: boolean;
}

/** The bundle of an update that has an id of its own. */
export const single = (id: string): Bundle => ({ id, size: 1, isKey: true });
