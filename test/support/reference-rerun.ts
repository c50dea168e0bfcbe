// A second opinion on reruns: which tasks of a batch that has ended are in the new one, and what each begins with, as the
// contract describes it (section 3, rerun, and section 5 for a parent that has ended). Nothing of it is fast.
import type { Status, TaskSpec } from "#test/reference";
import { meet, needsOf } from "#test/reference-edges";

export interface Again {
  readonly id: string;
  readonly status: Status;
  /** Of one that is not final. */
  readonly wait_finished?: number;
  readonly wait_success?: number;
}

export interface Ask {
  readonly only: "failed" | "all";
  readonly dependents: boolean;
  readonly from: readonly string[] | null;
}

type Stands = "open" | "met" | "never";

/** Dependencies name earlier tasks. */
export function rerunOf(specs: readonly TaskSpec[], ends: ReadonlyMap<string, Status>, ask: Ask): Again[] {
  const taken = takenOf(specs, ends, ask);
  const made = new Map<string, Again>();
  for (const spec of specs) {
    if (!taken.has(spec.id)) continue;
    const isFree = ask.from?.includes(spec.id) === true;
    const edges = (spec.dependencies ?? []).filter(({ id }) => taken.has(id) || !isFree);
    const parents = edges.map((edge) => {
      const { status } = made.get(edge.id) ?? { status: ends.get(edge.id) as Status };
      return { needs: needsOf(edge), stands: standing(edge, status) };
    });
    made.set(spec.id, { id: spec.id, ...beginning(spec, parents) });
  }
  return [...made.values()];
}

function takenOf(specs: readonly TaskSpec[], ends: ReadonlyMap<string, Status>, ask: Ask): Set<string> {
  if (ask.from !== null) return withDependents(specs, new Set(ask.from));
  if (ask.only === "all") return new Set(specs.map(({ id }) => id));
  const taken = new Set(specs.map(({ id }) => id).filter((id) => ends.get(id) !== "Success"));
  const isLost = (spec: TaskSpec): boolean => {
    const parents = (spec.dependencies ?? []).map((edge) => ({
      needs: needsOf(edge),
      stands: taken.has(edge.id) ? ("open" as const) : standing(edge, ends.get(edge.id) as Status),
    }));
    return ["Failure", "Skipped"].includes(beginning(spec, parents).status);
  };
  for (let lost = true; lost; ) {
    const [out] = specs.filter((spec) => taken.has(spec.id) && isLost(spec));
    lost = out !== undefined && taken.delete(out.id);
  }
  return ask.dependents ? withDependents(specs, taken) : taken;
}

function withDependents(specs: readonly TaskSpec[], taken: Set<string>): Set<string> {
  for (const { id, dependencies = [] } of specs) if (dependencies.some((edge) => taken.has(edge.id))) taken.add(id);
  return taken;
}

function standing(edge: NonNullable<TaskSpec["dependencies"]>[number], status: Status): Stands {
  if (!["Success", "Failure", "Canceled", "Skipped"].includes(status)) return "open";
  return meet(needsOf(edge), status) ? "met" : "never";
}

function beginning(
  { join }: TaskSpec,
  parents: readonly { readonly needs: ReturnType<typeof needsOf>; readonly stands: Stands }[],
): Omit<Again, "id"> {
  const open = parents.filter(({ stands }) => stands === "open");
  const never = parents.filter(({ stands }) => stands === "never");
  const isLost = join === "any" ? never.length === parents.length : true;
  if (never.length > 0 && isLost)
    return { status: never.some(({ needs }) => needs === "required") ? "Failure" : "Skipped" };
  const isReady = open.length === 0 || (join === "any" && parents.some(({ stands }) => stands === "met"));
  if (isReady) return { status: "Pending", wait_finished: 0, wait_success: 0 };
  const successes = open.filter(({ needs }) => needs === "required" || needs === "success");
  return { status: "Waiting", wait_finished: open.length, wait_success: join === "any" ? 0 : successes.length };
}
