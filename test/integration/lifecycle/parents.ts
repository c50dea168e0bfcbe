// The parents of a task that lives through a path: as many as it waits for, each with the edge that the path needs, all
// running from the start, and ended one by one as the path says.
import type { Cluster } from "#test/cluster";
import type { Receiver } from "#test/receiver";
import { eventKey } from "#test/table";
import { until } from "#test/until";
import type { Path } from "./model.ts";

interface Parent {
  readonly id: string;
  readonly edge: Readonly<Record<string, unknown>>;
  /** How it ends, so that its child hears what the path says. */
  readonly end: "Success" | "Failure";
}

/** One for each parent event of the path, in its order; then those that it leaves unfinished. */
export function parentsOf({ context, steps }: Path): Parent[] {
  let required = context.waitSuccess;
  let other = context.waitFinished - context.waitSuccess;
  const parents: Parent[] = [];
  const add = (edge: Parent["edge"], end: Parent["end"], needsSuccess: boolean) => {
    if (needsSuccess) required -= 1;
    else other -= 1;
    parents.push({ id: `parent-${parents.length}`, edge, end });
  };
  for (const { event } of steps) {
    const key = eventKey(event);
    if (key === "parent_met required") add({ requires_success: true }, "Success", true);
    if (key === "parent_met other") add({ condition: "always" }, "Failure", false);
    if (key === "parent_lost Failure") add({ requires_success: true }, "Failure", true);
    // Either condition makes it Skipped; the one is a required success, the other is not.
    if (key === "parent_lost Skipped" && other > 0) add({ condition: "on_failure" }, "Success", false);
    else if (key === "parent_lost Skipped") add({ condition: "on_success" }, "Failure", true);
  }
  while (required > 0) add({ requires_success: true }, "Success", true);
  while (other > 0) add({ requires_success: false }, "Success", false);
  return parents;
}

export class Parents {
  readonly #cluster: Cluster;
  readonly #left: { readonly id: string; readonly end: Parent["end"] }[];

  constructor(cluster: Cluster, parents: readonly Parent[], ids: Readonly<Record<string, string>>) {
    this.#cluster = cluster;
    this.#left = parents.map(({ id, end }) => ({ id: ids[id] ?? "", end }));
  }

  /** Those of them that can be created: in the order of the call, before their child. */
  static tasks(parents: readonly Parent[], service: Receiver): object[] {
    return parents.map(({ id }) => ({
      id,
      name: id,
      kind: "parent",
      timeout: 86_400,
      on_start: service.action("/parent"),
    }));
  }

  async areRunning(): Promise<void> {
    for (const { id } of this.#left)
      await until(async () => (await this.#cluster.status(id)) === "Running", 10_000, "a parent is running");
  }

  /** Ends the next one; when this resolves, its child has heard of it. */
  async next(): Promise<void> {
    const parent = this.#left.shift();
    if (!parent) throw new Error("The path has more parent events than parents");
    const failure = parent.end === "Failure" ? { failure_reason: "as the path says" } : {};
    const { status } = await this.#cluster.call("PATCH", `/task/${parent.id}`, { status: parent.end, ...failure });
    if (status !== 200) throw new Error(`A parent could not end: ${status}`);
  }
}
