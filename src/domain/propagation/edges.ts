// What an edge says when its parent has ended. The one table of it: creation, propagation and rerun decide by this, and
// docs/edges.md is made from it.
import type { TaskState } from "#machines/task";

/** The values of `condition`. */
export const conditions = ["always", "on_success", "on_failure", "none_failed"] as const;
export const edges = [...conditions, "requires_success"] as const;
export type Edge = (typeof edges)[number];
export const ends = ["Success", "Failure", "Canceled", "Skipped"] as const satisfies readonly TaskState[];
export type FinalState = (typeof ends)[number];

/** `all`: of the dependencies; `any`: the first one that is met is enough. */
export const joins = ["all", "any"] as const;
/** What becomes of a task whose children have all ended. */
export const deadEnds = ["cancel", "keep"] as const;
export type DeadEnd = (typeof deadEnds)[number];

const meets = {
  always: ["Success", "Failure", "Canceled", "Skipped"],
  on_success: ["Success"],
  on_failure: ["Failure", "Canceled"],
  none_failed: ["Success", "Skipped"],
  requires_success: ["Success"],
} as const satisfies Record<Edge, readonly FinalState[]>;

/** Whether a parent that ended so has met the dependency; otherwise it can never be met any more. */
export const isMet = (edge: Edge, ended: TaskState): boolean => (meets[edge] as readonly TaskState[]).includes(ended);

/** Edges that count among the successes that are still missing. */
export const needsSuccess = (edge: Edge): boolean => edge === "requires_success" || edge === "on_success";

/** From the two ways in which an edge is sent and stored. */
export function edgeOf(requiresSuccess: boolean | null, condition: string | null): Edge {
  if (requiresSuccess === true) return "requires_success";
  return edges.find((edge) => edge === condition) ?? "always";
}

/** A parent that can no longer meet its edge, for the reason of the child. */
export interface Never {
  readonly parent: string;
  readonly edge: Edge;
  readonly status: TaskState;
}

/** How a task ends because of parents, and the one that its reason names. */
export interface Loss {
  readonly as: "Failure" | "Skipped";
  readonly by: Never;
}

/**
 * How a task is lost whose parents stand so; null: it may still start. `never`: in the order in which they ended, the last
 * one names the reason. `all`: how many parents it has.
 */
export function lossOf(never: readonly Never[], all: number, joinsAny: boolean): Loss | null {
  const last = never.at(-1);
  if (last === undefined || (joinsAny && never.length < all)) return null;
  const required = never.findLast(({ edge }) => lossBy(edge) === "Failure");
  return required ? { as: "Failure", by: required } : { as: "Skipped", by: last };
}

/** How a task loses by one parent that never meets its edge. */
export const lossBy = (edge: Edge): Loss["as"] => (edge === "requires_success" ? "Failure" : "Skipped");

/** What a task begins with that is not lost. Without unfinished parents that it waits for it is ready. */
export interface Waits {
  readonly status: "Pending" | "Waiting";
  readonly wait_finished: number;
  readonly wait_success: number;
}

/** `open`: its edges to parents that have not ended; `met`: how many of the others are met. */
export function waitsOf(open: readonly Edge[], met: number, joinsAny: boolean): Waits {
  if (open.length === 0 || (joinsAny && met > 0)) return { status: "Pending", wait_finished: 0, wait_success: 0 };
  const wait_success = joinsAny ? 0 : open.filter(needsSuccess).length;
  return { status: "Waiting", wait_finished: open.length, wait_success };
}

/** `parent`: its local id. */
export const reasonOf = ({ as, by }: Loss, parent: string): string =>
  as === "Failure"
    ? `Required parent task ${parent} failed`
    : `Condition ${by.edge} of parent task ${parent} not met: it is ${by.status}`;
