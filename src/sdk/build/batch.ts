/**
 * Builds the body that creates a batch, and finds at once what Baton would refuse about its shape: names that are there twice or not
 * at all, circles, inputs of tasks that do not run before. Also for tasks that were written by hand.
 */
import type { BatchInput, StartAction, TaskInput } from "../types.ts";
import type { Inputs } from "./task.ts";

/** All that is wrong with a batch, one line each. */
export class BuildError extends Error {
  override readonly name: string = "BuildError";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}

/** The body of `baton.create`. Throws a `BuildError` that names every fault. */
export function batch(tasks: readonly TaskInput[], fields: Omit<BatchInput, "tasks"> = {}): BatchInput {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const faults = [...twice(tasks), ...tasks.flatMap((task) => dependencyFaults(task, byId)), ...circles(tasks, byId)];
  if (faults.length === 0) faults.push(...tasks.flatMap((task) => inputFaults(task, byId)));
  if (faults.length > 0) throw new BuildError(faults);
  return { ...fields, tasks };
}

type ById = ReadonlyMap<string, TaskInput>;
const parentsOf = (task: TaskInput) => (task.dependencies ?? []).map(({ id }) => id);

function twice(tasks: readonly TaskInput[]): string[] {
  const seen = new Set<string>();
  return tasks.flatMap(({ id }) => {
    if (seen.has(id)) return [`two tasks have the id "${id}"`];
    seen.add(id);
    return [];
  });
}

function dependencyFaults(task: TaskInput, byId: ById): string[] {
  const parents = parentsOf(task);
  return parents.flatMap((id, i) => {
    if (id === task.id) return [`"${id}" depends on itself`];
    if (parents.indexOf(id) !== i) return [`"${task.id}" names its dependency "${id}" twice`];
    return byId.has(id) ? [] : [`"${task.id}" depends on "${id}", which is not in the batch`];
  });
}

/** Each circle once, by the tasks on it. Goes down a stack of its own: a chain may be as long as a batch. */
function circles(tasks: readonly TaskInput[], byId: ById): string[] {
  const done = new Set<string>();
  const faults: string[] = [];
  for (const { id } of tasks) {
    const way: string[] = [];
    const places = new Map<string, number>();
    const stack = [{ id, isEnd: false }];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at.isEnd) {
        places.delete(way.pop() ?? "");
        done.add(at.id);
        continue;
      }
      const start = places.get(at.id);
      if (start !== undefined) faults.push(`a circle: ${[...way.slice(start), at.id].toReversed().join(" → ")}`);
      const task = byId.get(at.id);
      if (start !== undefined || done.has(at.id) || task === undefined) continue;
      places.set(at.id, way.push(at.id) - 1);
      stack.push({ id: at.id, isEnd: true });
      for (const parent of parentsOf(task)) if (parent !== at.id) stack.push({ id: parent, isEnd: false });
    }
  }
  return faults;
}

function inputFaults(task: TaskInput, byId: ById): string[] {
  const inputs = inputsOf(task.on_start);
  if (inputs === undefined || inputs === "parents") return [];
  const before = ancestorsOf(task, byId);
  return Object.entries(inputs)
    .filter(([, input]) => !before.has(input.task))
    .map(([name, input]) => `the input "${name}" of "${task.id}" is of "${input.task}", which does not run before it`);
}

const inputsOf = (start: StartAction | undefined): Inputs | undefined =>
  (start?.params as { readonly inputs?: Inputs } | undefined)?.inputs;

function ancestorsOf(task: TaskInput, byId: ById): ReadonlySet<string> {
  const found = new Set<string>();
  const open = parentsOf(task);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    const parent = byId.get(id);
    if (parent) open.push(...parentsOf(parent));
  }
  return found;
}
