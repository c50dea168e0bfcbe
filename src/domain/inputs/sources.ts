// Where inputs are read from that are not in the batch of their task: what was deduplicated, and what a rerun left out. Pure.
import { inputsOf, type StartAction } from "#domain/action";

/** By local id: the id of a task of an earlier batch; null: it was deduplicated, so that there is no result. */
export type Sources = Readonly<Record<string, string | null>>;

/** The local ids that these inputs are read from, where they name them; null: they ask for the parents, or there are none. */
function namedIn(start: StartAction | null): string[] | null {
  const inputs = inputsOf(start);
  return inputs === null || inputs === "parents" ? null : Object.values(inputs).map(({ task }) => task);
}

export const asksForParents = (start: StartAction | null): boolean => inputsOf(start) === "parents";

/** Of a task that is created, those that were deduplicated. Null: it has all that it asks for. */
export function absentSources(
  start: StartAction | null,
  dependencies: readonly { readonly id: string }[],
  isHere: (name: string) => boolean,
): Sources | null {
  const names = asksForParents(start) ? dependencies.map(({ id }) => id) : (namedIn(start) ?? []);
  const absent = names.filter((name) => !isHere(name));
  return absent.length === 0 ? null : Object.fromEntries(absent.map((name) => [name, null]));
}

/** The same start, without these inputs. */
export function withoutInputs<A extends StartAction>(start: A, isGone: (input: string, task: string) => boolean): A {
  const inputs = inputsOf(start);
  if (inputs === null || inputs === "parents") return start;
  const kept = Object.entries(inputs).filter(([name, { task }]) => !isGone(name, task));
  return { ...start, params: { ...start.params, inputs: Object.fromEntries(kept) } };
}

/** A task of a batch that has ended, as far as the inputs of its successor in a rerun are concerned. */
interface Kept {
  readonly start_action: StartAction | null;
  readonly sources: Sources | null;
}

/**
 * Of a task that runs again: what it had already, and what is left out now. `idOf`: of the first batch, where that task is left
 * out; undefined where it runs again. `parents`: those that are left out, by local id.
 */
export function rerunSources(
  { start_action, sources }: Kept,
  idOf: (name: string) => string | undefined,
  parents: readonly (readonly [name: string, id: string])[],
): Sources | null {
  const left = (namedIn(start_action) ?? []).flatMap((name) => {
    const id = idOf(name);
    return id === undefined ? [] : [[name, id] as const];
  });
  const all = Object.entries<string | null>({
    ...Object.fromEntries([...left, ...(asksForParents(start_action) ? parents : [])]),
    ...sources,
  });
  return all.length === 0 ? null : Object.fromEntries(all);
}
