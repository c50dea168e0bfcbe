// Whether the tasks that inputs name stand above the tasks that ask for them. Pure. Looks at what was sent, which may have any
// shape, and at the part of the batch that lies above what is added to it.
import { orderOf } from "#domain/create/order";
import { Faults, type Path, quoted } from "#domain/faults";
import { didYouMean } from "#domain/values/nearest";

type Loose = Readonly<Record<string, unknown>>;

/** Of a batch to which tasks are added, the tasks above those that the call depends on, by rank, and the links between them. */
export interface Above {
  /** Of tasks that the call names. */
  readonly ranks: ReadonlyMap<string, number>;
  readonly links: readonly (readonly [child: number, parent: number])[];
}

/** Names that have to be looked for in the batch: whether a task of `from` depends on one of `to`. Null: nothing has to be. */
export interface Distant {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** The names of tasks in the inputs of a task, each with the name of the input. */
export function* inputNames(task: unknown): Generator<readonly [input: string, task: string]> {
  const { on_start } = looseOf(task);
  const { inputs } = looseOf(looseOf(on_start).params);
  for (const [input, asked] of Object.entries(looseOf(inputs))) {
    const name = looseOf(asked).task;
    if (typeof name === "string") yield [input, name];
  }
}

/** What only the batch can tell of these tasks. */
export function distantOf(tasks: readonly unknown[]): Distant | null {
  const own = new Set(tasks.map((task) => looseOf(task).id));
  const from = new Set<string>();
  const to = new Set<string>();
  for (const task of tasks) {
    const direct = new Set(dependenciesOf(task));
    for (const name of direct) if (!own.has(name)) from.add(name);
    for (const [, name] of inputNames(task)) if (!own.has(name) && !direct.has(name)) to.add(name);
  }
  return to.size === 0 ? null : { from: [...from], to: [...to] };
}

/** What is known of the batch to which the tasks are added; without it they may name each other alone. */
interface Batch {
  readonly nameable: Pick<ReadonlySet<string>, "has">;
  /** Null: nothing of it was asked for. */
  readonly above: Above | null;
}

/** Inputs of tasks of one batch that name no task above them, by places: the way there led through tasks that it lacks. */
export function orphansOf(tasks: readonly Loose[], above: Above): (readonly [place: number, input: string])[] {
  const faults = new Faults();
  // Without ids all that is named is looked for in the batch.
  const asking = tasks.map(({ dependencies, on_start }) => ({ dependencies, on_start }));
  ancestorFaults(asking, "", faults, { nameable: { has: () => true }, above });
  return faults.found.map(([, { at }]) => [at[1] as number, at[inputAt] as string]);
}

interface Ask {
  readonly by: number;
  readonly path: Path;
  readonly name: string;
}

/** So many unknown names are compared with those of the call. */
const guessesMax = 5;
/** Where the name of the input stands in the path of a fault. */
const inputAt = 5;

/** `nobody`: who has no task of an unknown name. */
export function ancestorFaults(tasks: readonly unknown[], nobody: string, faults: Faults, batch?: Batch): void {
  const positions = new Map<string, number>();
  for (const [i, task] of tasks.entries()) {
    const { id } = looseOf(task);
    if (typeof id === "string" && !positions.has(id)) positions.set(id, i);
  }
  const asks = new Map<number, Ask[]>();
  const graph = new Graph(tasks.length, batch?.above ?? null);
  let guesses = 0;
  for (const [by, task] of tasks.entries()) {
    let direct: ReadonlySet<string> | undefined;
    for (const [input, name] of inputNames(task)) {
      direct ??= new Set(dependenciesOf(task));
      if (direct.has(name)) continue;
      const ask = { by, name, path: ["tasks", by, "on_start", "params", "inputs", input, "task"] };
      const isNameable = positions.has(name) || batch?.nameable.has(name) === true;
      const at = positions.get(name) ?? (isNameable ? graph.placeOf(name) : undefined);
      if (!isNameable) {
        const near = ++guesses > guessesMax ? "" : didYouMean(name, positions.keys());
        faults.add(ask.path, "dependency_unknown", `${nobody} has the id ${quoted(name)}${near}`);
      } else if (at === undefined) noAncestor(ask, faults);
      else asks.set(at, [...(asks.get(at) ?? []), ask]);
    }
  }
  if (asks.size === 0) return;
  for (const [i, task] of tasks.entries())
    for (const name of dependenciesOf(task)) graph.link(i, positions.get(name) ?? graph.placeOf(name));
  for (const ask of graph.unreached(asks)) noAncestor(ask, faults);
}

const noAncestor = ({ path, name }: Ask, faults: Faults) =>
  faults.add(path, "input_no_ancestor", "must name a task that this one depends on, directly or through others", name);

/** So many tasks are looked for in one pass: one bit each. */
const bits = 31;

/** The tasks of the call by position, behind them those of the batch. */
class Graph {
  readonly #parents: number[][];
  readonly #ranks: Above["ranks"];
  readonly #places = new Map<number, number>();

  constructor(tasks: number, above: Above | null) {
    this.#parents = Array.from({ length: tasks }, () => []);
    this.#ranks = above?.ranks ?? new Map();
    for (const [child, parent] of above?.links ?? []) this.link(this.#placeOfRank(child), this.#placeOfRank(parent));
  }

  /** Of a task of the batch. */
  placeOf(name: string): number | undefined {
    const rank = this.#ranks.get(name);
    return rank === undefined ? undefined : this.#placeOfRank(rank);
  }

  #placeOfRank(rank: number): number {
    const known = this.#places.get(rank);
    if (known !== undefined) return known;
    this.#places.set(rank, this.#parents.length);
    return this.#parents.push([]) - 1;
  }

  link(child: number, parent: number | undefined): void {
    if (parent !== undefined) this.#parents[child]?.push(parent);
  }

  /** Those who do not stand below what they ask for; none where there are cycles, which are faults of their own. */
  unreached(asks: ReadonlyMap<number, readonly Ask[]>): Ask[] {
    const { order, cycles } = orderOf(this.#parents);
    if (cycles.length > 0) return [];
    const turn = new Int32Array(order.length);
    for (const [n, place] of order.entries()) turn[place] = n;
    const turnOf = (place: number) => turn[place] as number;
    const wanted = [...asks.keys()].sort((a, b) => turnOf(a) - turnOf(b));
    const below = new Int32Array(order.length);
    const unreached: Ask[] = [];
    for (let from = 0; from < wanted.length; from += bits) {
      const some = new Map(wanted.slice(from, from + bits).map((place, n) => [place, 1 << n]));
      const askers = [...some.keys()].flatMap((place) => asks.get(place) as readonly Ask[]);
      const first = turnOf(wanted[from] as number);
      const last = askers.reduce((most, { by }) => Math.max(most, turnOf(by)), first);
      below.fill(0);
      for (let n = first; n <= last; n++) {
        const place = order[n] as number;
        let reached = 0;
        for (const parent of this.#parents[place] as number[])
          reached |= (below[parent] as number) | (some.get(parent) ?? 0);
        below[place] = reached;
      }
      for (const [place, bit] of some)
        for (const ask of asks.get(place) as readonly Ask[])
          if (((below[ask.by] as number) & bit) === 0) unreached.push(ask);
    }
    return unreached.sort((a, b) => a.by - b.by);
  }
}

const looseOf = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : none;
const none: Loose = {};

function dependenciesOf(task: unknown): string[] {
  const { dependencies } = looseOf(task);
  if (!Array.isArray(dependencies)) return [];
  return dependencies.map((one) => looseOf(one).id).filter((id) => typeof id === "string");
}
