// What is wrong with the dependencies of a call's tasks: unknown names, the task itself, names given twice, cycles.
// Pure. Looks at what was sent, which may have any shape, so that one fault never hides another.

import { orderOf } from "#domain/create/order";
import { type Faults, type Path, quoted } from "#domain/faults";
import { type Above, inputNames } from "#domain/inputs/ancestors";
import { isObject, isThere } from "#domain/values/json";
import { didYouMean } from "#domain/values/nearest";

type Loose = Record<string, unknown>;

/** So many unknown names are compared with those of the call. */
const guessesMax = 5;
/** So many tasks of a cycle are named. */
const namedMax = 10;

/** What a batch has to which tasks are added, by the ids that the call names. */
export interface KnownNames {
  /** Ids that tasks of the batch have. */
  readonly taken: ReadonlySet<string>;
  /** Ids that dependencies may name beside those of the call. */
  readonly nameable: Pick<ReadonlySet<string>, "has">;
  /** The call comes by the signed handle of a task. */
  readonly byHandle: boolean;
  /** What lies above the tasks that the call depends on, where its inputs name some of that; "sound": they were judged before. */
  readonly above: Above | "sound" | null;
}

/** The tasks of a body as they were sent; none where there are more than `max`. */
export function tasksIn(body: unknown, max: number): readonly unknown[] {
  const tasks = isObject(body) ? body.tasks : body;
  return Array.isArray(tasks) && tasks.length <= max ? tasks : [];
}

/** The ids that tasks name, each once. */
export interface Names {
  /** Their own, and of what they depend on. */
  readonly names: readonly string[];
  /** Of what only their inputs are read from. */
  readonly reads: readonly string[];
}

export function namesIn(tasks: readonly unknown[]): Names {
  const names = new Set<string>();
  const reads = new Set<string>();
  const add = (name: unknown, to = names) => {
    if (typeof name === "string" && isStorable(name)) to.add(name);
  };
  for (const task of tasks) {
    if (!isObject(task)) continue;
    const listed = Array.isArray(task.dependencies) ? (task.dependencies as unknown[]) : [];
    for (const one of [task, ...listed]) if (isObject(one)) add(one.id);
    for (const [, name] of inputNames(task)) add(name, reads);
  }
  return { names: [...names], reads: [...reads.difference(names)] };
}

/** Postgres takes no NUL, and UTF-8 has no half surrogates. */
const isStorable = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

/** Ids are unique in a batch. */
export function takenFaults(tasks: readonly unknown[], { taken }: Pick<KnownNames, "taken">, faults: Faults): void {
  for (const [i, task] of tasks.entries())
    if (isObject(task) && typeof task.id === "string" && taken.has(task.id))
      faults.add(["tasks", i, "id"], "duplicate", `${quoted(task.id)} is already the id of a task of the batch`);
}

/** `batch`: to which the tasks are added; without it they may name each other alone. */
export function dependencyFaults(tasks: readonly unknown[], max: number, faults: Faults, batch?: KnownNames): void {
  const positions = new Map<string, number>();
  for (const [i, task] of tasks.entries())
    if (isObject(task) && typeof task.id === "string" && !positions.has(task.id)) positions.set(task.id, i);
  const parents: number[][] = [];
  let guesses = 0;
  for (const [i, task] of tasks.entries()) {
    const known: number[] = [];
    parents.push(known);
    if (!isObject(task) || !Array.isArray(task.dependencies)) continue;
    const path = ["tasks", i, "dependencies"];
    const list = task.dependencies as unknown[];
    if (list.length > max) faults.add(path, "too_many", `must have at most ${max} entries, has ${list.length}`);
    const named = new Set<string>();
    for (const [n, dependency] of list.entries()) {
      const id = edgeFaults(dependency, path, n, faults);
      if (id === undefined) continue;
      const position = positions.get(id);
      if (position !== undefined && id !== task.id && !named.has(id)) known.push(position);
      else {
        const at = [...path, n, "id"];
        if (named.has(id)) faults.add(at, "duplicate", `names ${quoted(id)} twice`);
        else if (id === task.id) faults.add(at, "dependency_self", "must not name the task itself");
        else if (!batch?.nameable.has(id)) {
          const suggestion = ++guesses > guessesMax ? "" : didYouMean(id, positions.keys());
          faults.add(at, "dependency_unknown", `${nobody(batch)} has the id ${quoted(id)}${suggestion}`);
        }
      }
      named.add(id);
    }
  }
  for (const cycle of orderOf(parents).cycles) cycleFault(cycle, tasks, faults);
}

/** Who has no task of a name that is not known. */
export function nobody(batch: KnownNames | undefined): string {
  if (batch === undefined) return "no task of this call";
  return batch.byHandle
    ? "neither the task of the handle nor one that it added"
    : "no task of this call or of the batch";
}

/** The name that the edge at `path[n]` gives; undefined where there is none. No place is made where there is no fault. */
function edgeFaults(dependency: unknown, path: Path, n: number, faults: Faults): string | undefined {
  if (!isObject(dependency)) return undefined;
  if (isThere(dependency.requires_success) && isThere(dependency.condition))
    faults.add([...path, n, "condition"], "conflict", "must not be given together with requires_success");
  return typeof dependency.id === "string" ? dependency.id : undefined;
}

/** `cycle`: positions, each before one that depends on it; the first one depends on the last. */
function cycleFault(cycle: readonly number[], tasks: readonly unknown[], faults: Faults): void {
  const start = cycle.indexOf(Math.min(...cycle.slice(0, 1_000)));
  const turned = [...cycle.slice(start), ...cycle.slice(0, start)];
  const first = turned[0] as number;
  const last = turned.at(-1) as number;
  const list = (tasks[first] as { dependencies: readonly { readonly id?: unknown }[] }).dependencies;
  const n = list.findIndex((dependency) => isObject(dependency) && dependency.id === idOf(tasks, last));
  const names = [...turned, first].map((i) => quoted(idOf(tasks, i)));
  const shown = names.length > namedMax + 1 ? [...names.slice(0, namedMax), "…", names.at(-1)] : names;
  const wrong = `closes a cycle of ${cycle.length} tasks: ${shown.join(" → ")}`;
  faults.add(["tasks", first, "dependencies", n, "id"], "dependency_cycle", wrong);
}

const idOf = (tasks: readonly unknown[], i: number): unknown => (tasks[i] as Loose).id;
