// One batch as columns: what its graph, its table and its timeline read. Filled by one question and then by events, so that
// 200 events a second over 10,000 tasks cost a few array writes; readers hear of it once per frame.
import type { CompactDag, Dag, ListedTask, TaskEvent, TaskStatus } from "../../sdk/client.ts";
import { isFinal, stateIndex, states } from "./states.ts";

/** What an edge asks of the parent, as the graph draws it. */
const edgeKinds = ["requires_success", "on_success", "none_failed", "on_failure", "always"] as const;

/** Fills a store from answers that may be older than events that have come, or newer. */
export interface Filling {
  full(dag: Dag): void;
  compact(pages: readonly Pick<CompactDag, "tasks" | "links">[]): void;
  /** All answers are there, or will not come. */
  end(): void;
}

export class BatchStore {
  ids: string[] = [];
  localIds: string[] = [];
  names: string[] = [];
  kinds: string[] = [];
  state = new Uint8Array(0);
  /** Milliseconds; 0: not yet, or not known. */
  created = new Float64Array(0);
  started = new Float64Array(0);
  ended = new Float64Array(0);
  attempt = new Int32Array(0);
  reasons: (string | null)[] = [];
  from = new Int32Array(0);
  to = new Int32Array(0);
  edgeKind = new Uint8Array(0);
  /** Whether times and reasons of all tasks are known, or only those that came with events. */
  isFull = false;
  /** Counts up with every change, and `shape` with every change of tasks or edges. */
  version = 0;
  shape = 0;
  /** How many tasks are in each state, in the order of `states`. */
  counts = new Int32Array(states.length);
  /** Whether events came for tasks that it does not know: more tasks were added. */
  hasGrown = false;
  readonly #places = new Map<string, number>();
  /** The events that came since the present filling began. */
  #since: TaskEvent[] | null = null;
  readonly #listeners = new Set<() => void>();
  #isAnnounced = true;

  place = (id: string): number => this.#places.get(id) ?? -1;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  getVersion = (): number => this.version;
  getShape = (): number => this.shape;

  /**
   * To be called before the first question. An answer tells how a task stood at some moment since, so the events that came since are
   * applied to each once more: what an answer knows already, they or later ones bring it to again. Only the newest filling has an effect.
   */
  beginFilling(): Filling {
    const since: TaskEvent[] = [];
    this.#since = since;
    const answered = (fill: () => void) => {
      if (this.#since !== since) return;
      fill();
      this.#applyAll(since);
    };
    return {
      full: (dag) => answered(() => this.fillFull(dag)),
      compact: (pages) => answered(() => this.fillCompact(pages)),
      end: () => {
        if (this.#since !== since) return;
        this.#since = null;
        // Nothing was filled, where the question failed: then nothing is known to be new.
        if (this.ids.length > 0) this.hasGrown ||= since.some(({ task_id }) => this.place(task_id) < 0);
      },
    };
  }

  /** Of a batch that is small enough to be asked for in full. */
  fillFull({ tasks, links }: Dag): void {
    this.#fill(tasks.map(({ id, local_id, name, kind, status }) => [id, local_id, name, kind, status] as const));
    for (const [i, task] of tasks.entries()) this.#fillTimes(task, i);
    const places = links.map((link) => [this.place(link.parent_id), this.place(link.child_id), edgeOf(link)] as const);
    this.#fillLinks(places);
    this.isFull = true;
    this.#changed(true);
  }

  /** Of a large one, page by page. */
  fillCompact(pages: readonly Pick<CompactDag, "tasks" | "links">[]): void {
    this.#fill(pages.flatMap(({ tasks }) => tasks));
    this.#fillLinks(pages.flatMap(({ links }) => links));
    this.isFull = false;
    this.#changed(true);
  }

  apply(events: readonly TaskEvent[]): void {
    for (const event of events) this.#since?.push(event);
    const isUnknown = this.#applyAll(events);
    // While it is being filled, and before, tasks are unknown that are not new.
    if (isUnknown && this.#since === null && this.ids.length > 0) this.hasGrown = true;
    this.#changed(false);
  }

  /** Of past events: when tasks started and ended, but not how they stand. */
  noteTimes(events: readonly TaskEvent[]): void {
    for (const { task_id, to, at, reason } of events) {
      const place = this.place(task_id);
      if (place < 0) continue;
      if (to === "Claimed") this.started[place] = Date.parse(at);
      if (!isFinal(stateIndex(to))) continue;
      this.ended[place] = Date.parse(at);
      if (to !== "Success") this.reasons[place] ??= reason;
    }
    this.#changed(false);
  }

  /** All states at once, in the order of the tasks. */
  setStates(next: Uint8Array): void {
    if (next.length !== this.state.length) return;
    this.state = Uint8Array.from(next);
    this.counts = new Int32Array(states.length);
    for (const state of next) this.counts[state] = (this.counts[state] ?? 0) + 1;
    this.#changed(false);
  }

  /** Whether there was one of a task that is not known. */
  #applyAll(events: readonly TaskEvent[]): boolean {
    let isUnknown = false;
    for (const event of events) {
      const at = this.place(event.task_id);
      if (at < 0) isUnknown = true;
      else this.#applyOne(event, at);
    }
    return isUnknown;
  }

  #applyOne({ to, at, attempt, reason }: TaskEvent, place: number): void {
    const before = this.state[place] ?? 0;
    const next = stateIndex(to);
    if (isFinal(before) && !isFinal(next)) return;
    this.counts[before] = (this.counts[before] ?? 0) - 1;
    this.counts[next] = (this.counts[next] ?? 0) + 1;
    this.state[place] = next;
    this.attempt[place] = attempt;
    const ms = Date.parse(at);
    if (to === "Claimed") this.started[place] = ms;
    if (to === "Pending" || to === "Waiting") this.started[place] = 0;
    this.ended[place] = isFinal(next) ? ms : 0;
    this.reasons[place] = to === "Success" || !isFinal(next) ? null : reason;
  }

  #fill(tasks: readonly (readonly [string, string, string, string, TaskStatus])[]): void {
    const n = tasks.length;
    this.ids = tasks.map(([id]) => id);
    this.localIds = tasks.map(([, localId]) => localId);
    this.names = tasks.map(([, , name]) => name);
    this.kinds = tasks.map(([, , , kind]) => kind);
    this.state = Uint8Array.from(tasks, ([, , , , status]) => stateIndex(status));
    [this.created, this.started, this.ended] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
    this.attempt = new Int32Array(n);
    this.reasons = new Array<string | null>(n).fill(null);
    this.hasGrown = false;
    this.#places.clear();
    for (const [i, id] of this.ids.entries()) this.#places.set(id, i);
    this.counts = new Int32Array(states.length);
    for (const state of this.state) this.counts[state] = (this.counts[state] ?? 0) + 1;
  }

  #fillTimes(task: ListedTask, i: number): void {
    this.created[i] = Date.parse(task.created_at);
    this.started[i] = task.started_at === null ? 0 : Date.parse(task.started_at);
    this.ended[i] = task.ended_at === null ? 0 : Date.parse(task.ended_at);
    this.attempt[i] = task.attempt;
    this.reasons[i] = task.failure_reason;
  }

  #fillLinks(links: readonly (readonly [number, number, string])[]): void {
    const sound = links.filter(([parent, child]) => parent >= 0 && child >= 0);
    this.from = Int32Array.from(sound, ([parent]) => parent);
    this.to = Int32Array.from(sound, ([, child]) => child);
    this.edgeKind = Uint8Array.from(sound, ([, , edge]) => Math.max(0, edgeKinds.indexOf(edge as never)));
  }

  #changed(isShape: boolean): void {
    if (isShape) this.shape++;
    if (!this.#isAnnounced) return;
    this.#isAnnounced = false;
    soon(() => {
      this.#isAnnounced = true;
      this.version++;
      for (const listener of this.#listeners) listener();
    });
  }
}

const edgeOf = ({ requires_success, condition }: { requires_success: boolean; condition: string | null }): string =>
  requires_success ? "requires_success" : (condition ?? "always");

/** With the next frame; where none comes, since the page is hidden, once a second, for its title. */
function soon(act: () => void): void {
  if (document.visibilityState === "hidden") setTimeout(act, 1_000);
  else requestAnimationFrame(act);
}
