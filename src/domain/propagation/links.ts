// Links between a task and its relatives, as propagation reads them.
import type { Edge } from "#domain/propagation/edges";
import type { TaskRow } from "#domain/row";

/** A link in the order of child ids; `rank` is that of the child, null where it has ended or is not meant. */
export interface ChildLink {
  readonly parent: string;
  readonly child: string;
  readonly edge: Edge;
  readonly rank: number | null;
}

/** A parent of a child, as it stands. */
export interface ParentLink {
  readonly child: string;
  readonly parent: string;
  readonly edge: Edge;
  readonly status: TaskRow["status"];
}
