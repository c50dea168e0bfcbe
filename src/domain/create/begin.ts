// How a task begins whose parents may have ended before it was made: it waits for those that have not, or is lost at once.
// Pure; by the table of edges.
import { edgeOf, isMet, type Loss, lossOf, type Never, type Waits, waitsOf } from "#domain/propagation/edges";
import { isFinal } from "#domain/row";
import type { NewTask } from "#domain/schema/task";
import type { TaskState } from "#machines/task";

/** What is known of a parent by its local id. */
export interface Parent {
  readonly id: string;
  readonly status: TaskState;
  /** Of one that has ended, the place of its end among those of the others; two that ended at once go by `rank`. */
  readonly endedAt: number;
  readonly rank: number;
}

export interface Beginning {
  readonly waits: Waits;
  /** How it is lost as soon as it exists. */
  readonly loss: Loss | null;
}

/** `parentOf`: undefined for one that was deduplicated, which counts as met. */
export function beginningOf(
  { dependencies, join }: Pick<NewTask, "dependencies" | "join">,
  parentOf: (name: string) => Parent | undefined,
): Beginning {
  const edges = (dependencies ?? []).map(({ id, requires_success = null, condition = null }) => ({
    parent: parentOf(id),
    edge: edgeOf(requires_success, condition),
  }));
  const open = edges.filter(({ parent }) => parent !== undefined && !isFinal(parent.status)).map(({ edge }) => edge);
  const never = edges
    .flatMap(({ parent, edge }) => (parent === undefined ? [] : [{ ...parent, edge }]))
    .filter(({ status, edge }) => isFinal(status) && !isMet(edge, status))
    .sort((a, b) => (a.endedAt === b.endedAt ? a.rank - b.rank : a.endedAt - b.endedAt))
    .map(({ id, edge, status }): Never => ({ parent: id, edge, status }));
  const joinsAny = join === "any";
  const loss = lossOf(never, edges.length, joinsAny);
  // One that is lost was waiting when it was.
  const waits: Waits =
    loss === null
      ? waitsOf(open, edges.length - open.length - never.length, joinsAny)
      : { ...waitsOf(open, 0, joinsAny), status: "Waiting" };
  return { waits, loss };
}
