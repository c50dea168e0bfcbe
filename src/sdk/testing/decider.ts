/**
 * Decides what becomes of the tasks of one batch: a small second engine, written from the contract, for tests of pipelines. Knows
 * no service: what happens goes in as events, and what follows comes out by `hears`. The time is passed in.
 */
import type { TaskInput, TaskOverride, TaskStatus } from "../types.ts";
import { fateOf, hasEnded, needsOf } from "./edges.ts";
import { backoffMs, isActive, type Life, type LifeEvent, takenIn } from "./life.ts";

/** What follows from what was decided. */
export interface Hears {
  moved(life: Life, from: TaskStatus, event: string): void;
  deliver(life: Life, on: "success" | "failure" | "cancel", attempt: number): void;
  complete(): void;
}

export interface BatchFields {
  readonly deadEnd: "cancel" | "keep";
  isOpen: boolean;
}

/** What comes with an event. `until`: when it may be claimed again. */
export interface Note {
  readonly reason?: string | null;
  readonly as?: TaskOverride["status"];
  readonly result?: unknown;
  readonly until?: number;
}

const ends: Partial<Record<LifeEvent, TaskStatus>> = {
  ...{ succeed: "Success", skip: "Skipped", expire: "Failure", overrun: "Failure" },
  ...{ cancel: "Canceled", dead_end: "Canceled", stop_batch: "Canceled" },
};
/** Its service may be at work, and is asked to stop. */
const stops: ReadonlySet<LifeEvent> = new Set(["overrun", "cancel", "override", "dead_end", "stop_batch"]);

export class Decider {
  readonly lives = new Map<string, Life>();
  readonly batch: BatchFields;
  isComplete = false;
  isStopped = false;
  readonly #hears: Hears;
  #ended: Life[] = [];
  #ends = 0;
  #ranks = 0;

  constructor(batch: BatchFields, hears: Hears) {
    this.batch = batch;
    this.#hears = hears;
  }

  /** Dependencies name tasks that are there, or among these; nothing else is checked. Gives those that were added. */
  add(inputs: readonly TaskInput[], now: number, newId: () => string): Life[] {
    const made = inputs.map((input) => this.#make(input, now, newId()));
    for (const life of made) {
      for (const dependency of life.input.dependencies ?? []) {
        const parent = this.lives.get(dependency.id) as Life;
        life.parents.push({ parent, needs: needsOf(dependency) });
        parent.children.push(life);
      }
    }
    const open = new Set(made);
    const ranked: Life[] = [];
    const rank = (life: Life, way: Life[]): void => {
      for (way.push(life); way.length > 0; ) {
        const at = way.at(-1) as Life;
        const above = at.parents.find(({ parent }) => open.has(parent));
        if (above) way.push(above.parent);
        else {
          way.pop();
          if (!open.delete(at)) continue;
          // In the order of the engine: behind its parents, otherwise as it was sent. Which of two dead ends comes last goes by it.
          at.rank = this.#ranks++;
          ranked.push(at);
        }
      }
    };
    for (const life of made) if (open.has(life)) rank(life, []);
    // Parents do not hear of it: what is final at once makes no dead end.
    for (const life of ranked) this.#judge(life, now);
    this.#ended = [];
    this.#conclude();
    return made;
  }

  /** One event and all that follows from it; false: it is not taken, and nothing changes. */
  tell(life: Life, event: LifeEvent, now: number, note: Note = {}): boolean {
    if (hasEnded(life) || takenIn[event]?.includes(life.status) === false) return false;
    if (event === "expire" && life.firstClaimedAt !== null) return false;
    if (event === "overrun" && !isActive(life) && life.firstClaimedAt === null) return false;
    this.#step(life, event, now, note);
    this.#propagate(now);
    return true;
  }

  /** Cancels all that is unfinished; nothing counts as a failed parent. */
  stop(now: number, reason: string): void {
    this.isStopped = true;
    this.batch.isOpen = false;
    for (const life of this.lives.values()) if (!hasEnded(life)) this.#step(life, "stop_batch", now, { reason });
    this.#ended = [];
    this.#conclude();
  }

  close(): void {
    this.batch.isOpen = false;
    this.#conclude();
  }

  #make(input: TaskInput, now: number, id: string): Life {
    const at = input.run_at === undefined ? now + (input.delay_secs ?? 0) * 1000 : Date.parse(input.run_at);
    const life: Life = {
      ...{ id, localId: input.id, input, place: this.lives.size, rank: 0, parents: [], children: [], createdAt: now },
      ...{ status: "Waiting", attempt: 0, reason: null, result: null, success: 0, failures: 0, lastUpdated: now },
      ...{ startedAt: null, endedAt: null, endedAs: 0, firstClaimedAt: null, readyAt: at > now ? at : null },
      ...{ unsent: null, isAwaited: false, isCalling: false, hasAdded: false },
    };
    this.lives.set(input.id, life);
    return life;
  }

  #step(life: Life, event: LifeEvent, now: number, note: Note): void {
    if (event === "start_unanswered" || event === "timeout" || (stops.has(event) && isActive(life)))
      this.#hears.deliver(life, "cancel", life.attempt);
    const isPutBack = event === "start_deferred" || event === "start_unsent";
    if (life.status === "Claimed" && !isPutBack) life.firstClaimedAt ??= life.startedAt;
    const end = event === "override" ? note.as : ends[event];
    if (end) this.#move(life, end, event, now, note);
    else if (event === "claim") this.#move(life, "Claimed", event, now, note);
    else if (event === "started") this.#move(life, "Running", event, now, note);
    else if (isPutBack) {
      life.readyAt = note.until ?? null;
      this.#move(life, "Pending", event, now, { reason: life.reason });
    } else if (event === "backoff_elapsed") {
      Object.assign(life, { attempt: life.attempt + 1, success: 0, failures: 0, readyAt: null });
      this.#move(life, "Pending", event, now, { reason: life.reason });
    } else {
      const wait = backoffMs(life, event);
      if (wait !== null) life.readyAt = now + wait;
      this.#move(life, wait === null ? "Failure" : "Retrying", event, now, note);
    }
  }

  #move(life: Life, to: TaskStatus, event: string, now: number, note: Note): void {
    const from = life.status;
    const isStill = to === "Claimed" || to === "Running";
    life.status = to;
    life.lastUpdated = now;
    life.reason = isStill ? life.reason : to === "Success" ? null : (note.reason ?? null);
    if (to === "Claimed") Object.assign(life, { startedAt: now, readyAt: null });
    if (to === "Pending") life.startedAt = null;
    if (to === "Running" || to === "Retrying") life.unsent = null;
    if (note.result !== undefined) life.result = note.result;
    if (hasEnded(life)) {
      Object.assign(life, { endedAt: now, endedAs: ++this.#ends, readyAt: null });
      this.#ended.push(life);
    }
    this.#hears.moved(life, from, event);
    if (to === "Success") this.#hears.deliver(life, "success", life.attempt);
    if (to === "Failure") this.#hears.deliver(life, "failure", life.attempt);
  }

  /** Down to the children, parents before children; then up to parents that no task needs any more. */
  #propagate(now: number): void {
    const below = new Set(this.#ended.flatMap(({ children }) => children));
    for (let next = first(below); next; next = first(below)) {
      below.delete(next);
      // One that ended before has been heard of.
      if (hasEnded(next)) continue;
      this.#judge(next, now);
      if (hasEnded(next)) for (const child of next.children) below.add(child);
    }
    const above = new Set(this.#ended.flatMap((life) => this.#strandedBy(life)));
    for (let next = last(above); next; next = last(above)) {
      above.delete(next);
      this.#step(next, "dead_end", now, { reason: "All child tasks already terminated" });
      if (!next.input.dead_end_barrier) for (const parent of this.#strandedBy(next)) above.add(parent);
    }
    this.#ended = [];
    this.#conclude();
  }

  /** What a task that waits is by its parents now. */
  #judge(life: Life, now: number): void {
    if (life.status !== "Waiting") return;
    const fate = fateOf(life.parents, life.input.join === "any");
    if (fate.status === "Waiting") return;
    if (life.parents.length === 0) life.status = "Pending";
    else this.#move(life, fate.status, fate.status === "Pending" ? "parent_met" : "parent_lost", now, fate);
  }

  /** Its parents that are dead ends now. */
  #strandedBy({ parents }: Life): Life[] {
    if (this.batch.isOpen) return [];
    return parents.flatMap(({ parent }) => {
      const isKept = (parent.input.dead_end ?? this.batch.deadEnd) === "keep" || (parent.hasAdded && isActive(parent));
      return hasEnded(parent) || isKept || !parent.children.every(hasEnded) ? [] : [parent];
    });
  }

  #conclude(): void {
    if (this.isComplete || this.batch.isOpen || ![...this.lives.values()].every(hasEnded)) return;
    this.isComplete = true;
    this.#hears.complete();
  }
}

const by = (isBetter: (a: Life, b: Life) => boolean) => (lives: Iterable<Life>) =>
  [...lives].reduce<Life | undefined>((best, life) => (best && !isBetter(life, best) ? best : life), undefined);
const first = by((a, b) => a.rank < b.rank);
const last = by((a, b) => a.rank > b.rank);
