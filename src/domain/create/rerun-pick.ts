// Which tasks of a batch that has ended run again, and what each of them begins with. Pure. It hears the links a page at a
// time and keeps a few numbers for each task, so that a batch with a million links needs no more memory than one without.
import {
  type Edge,
  edgeOf,
  isMet,
  type Loss,
  lossOf,
  type Never,
  reasonOf,
  type Waits,
  waitsOf,
} from "#domain/propagation/edges";
import type { TaskState } from "#machines/task";

export const rerunKinds = ["failed", "all"] as const;

/** What is asked for. `dependents`: with `failed`, also what depends on it. `from`: ids; these and what depends on them instead. */
export interface RerunAsk {
  readonly only: (typeof rerunKinds)[number];
  readonly dependents: boolean;
  readonly from: readonly string[] | null;
}

/** What is to be known of a task of the first batch. */
export interface EndedTask {
  readonly id: string;
  readonly local_id: string;
  readonly status: TaskState;
  readonly ended_at: Date | null;
  readonly joins_any: boolean;
  readonly rank: number;
}

export interface EndedLink {
  readonly parent_id: string;
  readonly child_id: string;
  readonly requires_success: boolean | null;
  readonly condition: string | null;
}

/** A task that runs again. */
export interface Picked {
  readonly waits: Waits;
  /** How it is lost as soon as it exists, by a parent that is left out: it is in the new batch, and does not run. */
  readonly lost: { readonly as: Loss["as"]; readonly reason: string } | null;
  /** Its place among all tasks, parents before children. */
  readonly place: number;
  /** How many tasks that run again depend on it. */
  children: number;
  /** The ids of its parents that are left out; none but where its inputs are read from them. */
  readonly leftOut: readonly string[];
}

const none: readonly string[] = [];

interface Parent {
  readonly id: string;
  readonly edge: Edge;
  readonly place: number;
}

export class RerunPick<T extends EndedTask = EndedTask> {
  /** By the ids of the first batch. */
  readonly picked = new Map<string, Picked>();
  /** Links between tasks that run again. */
  links = 0;
  /** Parents first: the order in which links are heard, by their children. */
  readonly ordered: readonly T[];
  readonly #ask: RerunAsk;
  readonly #from: ReadonlySet<string>;
  readonly #places: ReadonlyMap<string, number>;
  /** Tasks that `failed` asks for by itself. */
  readonly #failed = new Set<string>();
  #next = 0;
  #parents: Parent[] = [];

  readonly #readers: ReadonlySet<string>;

  /** `readers`: tasks whose inputs are read from their parents. */
  constructor(tasks: readonly T[], ask: RerunAsk, readers: ReadonlySet<string> = new Set()) {
    this.#readers = readers;
    this.ordered = tasks.toSorted((a, b) => a.rank - b.rank);
    this.#ask = ask;
    this.#from = new Set(ask.from);
    this.#places = new Map(this.ordered.map(({ id }, place) => [id, place]));
  }

  /** Places in `from` of ids that the batch does not have. */
  get unknown(): number[] {
    return (this.#ask.from ?? []).flatMap((id, n) => (this.#places.has(id) ? [] : [n]));
  }

  /** The tasks whose links have to be heard: the others run again, or not, whatever they depend on. */
  get children(): string[] {
    const { from, dependents, only } = this.#ask;
    const isAnybody = from !== null || dependents || only === "all";
    return this.ordered.filter(({ status }) => isAnybody || status !== "Success").map(({ id }) => id);
  }

  /** Links in the order of their children; all links of one child follow each other. */
  hear(links: readonly EndedLink[]): void {
    for (const { parent_id, child_id, requires_success, condition } of links) {
      this.#decideUpTo(this.#placeOf(child_id));
      const place = this.#placeOf(parent_id);
      this.#parents.push({ id: parent_id, edge: edgeOf(requires_success, condition), place });
    }
  }

  /** All links were heard. */
  end(): void {
    this.#decideUpTo(this.ordered.length);
  }

  #placeOf(id: string): number {
    return this.#places.get(id) as number;
  }

  #decideUpTo(place: number): void {
    for (; this.#next < place; this.#next++) {
      this.#decide(this.ordered[this.#next] as T, this.#parents);
      this.#parents = [];
    }
  }

  #decide(task: T, parents: readonly Parent[]): void {
    const { from, dependents } = this.#ask;
    const follows = (from !== null || dependents) && parents.some(({ id }) => this.picked.has(id));
    if (from === null && this.#isAsked(task, parents)) this.#failed.add(task.id);
    else if (!follows && !this.#from.has(task.id)) return;
    this.#pick(task, parents);
  }

  /** Everything that is not Success, but what its parents that are not asked for would skip or fail again at once. */
  #isAsked(task: T, parents: readonly Parent[]): boolean {
    if (this.#ask.only === "all") return true;
    if (task.status === "Success") return false;
    const never = this.#never(parents.filter(({ id }) => !this.#failed.has(id)));
    return lossOf(never, parents.length, task.joins_any) === null;
  }

  #pick(task: T, parents: readonly Parent[]): void {
    const isFree = this.#from.has(task.id);
    const inside = parents.filter(({ id }) => this.picked.has(id));
    const isOpen = ({ id }: Parent) => this.picked.get(id)?.lost === null;
    const open = inside.filter(isOpen);
    const ended = parents.filter((parent) => (this.picked.has(parent.id) ? !isOpen(parent) : !isFree));
    const never = this.#never(ended);
    const loss = lossOf(never, open.length + ended.length, task.joins_any);
    const edges = open.map(({ edge }) => edge);
    const lost = loss === null ? null : { as: loss.as, reason: reasonOf(loss, this.#nameOf(loss.by.parent)) };
    // One that is lost was waiting when it was.
    const waits: Waits =
      lost === null
        ? waitsOf(edges, ended.length - never.length, task.joins_any)
        : { ...waitsOf(edges, 0, task.joins_any), status: "Waiting" };
    const leftOut = this.#readers.has(task.id) ? parents.flatMap(({ id }) => (this.picked.has(id) ? [] : [id])) : none;
    this.picked.set(task.id, { waits, lost, place: this.#next, children: 0, leftOut });
    this.links += inside.length;
    for (const { id } of inside) (this.picked.get(id) as Picked).children++;
  }

  /** Of parents that have ended, those that do not meet their edge, in the order in which they ended: those in the new batch last. */
  #never(parents: readonly Parent[]): Never[] {
    const at = ({ id, place }: Parent) =>
      this.picked.has(id) ? Number.POSITIVE_INFINITY : (this.ordered[place]?.ended_at?.getTime() ?? 0);
    return parents
      .map((parent) => ({ ...parent, status: this.#endOf(parent), at: at(parent) }))
      .filter(({ edge, status }) => !isMet(edge, status))
      .sort((a, b) => (a.at === b.at ? a.place - b.place : a.at - b.at))
      .map(({ id, edge, status }) => ({ parent: id, edge, status }));
  }

  #endOf({ id, place }: Parent): TaskState {
    return this.picked.get(id)?.lost?.as ?? (this.ordered[place] as T).status;
  }

  #nameOf(id: string): string {
    return (this.ordered[this.#placeOf(id)] as T).local_id;
  }
}
