// Decides when this worker looks for tasks to claim: when it is notified of some, when its own turn made tasks ready, when a
// call slot becomes free after some were left behind, and once a sweep in case a notification was lost. What is claimed is
// the turn's business. Other workers are notified of those that this one cannot take.
import { Alarm } from "#flow/alarm";

/** What a look for tasks to claim did not take. */
export interface Left {
  /** There may be more, and this worker has free call slots for it. */
  readonly moreHere: boolean;
  /** Here a receiver, or the process, is full now. */
  readonly moreElsewhere: boolean;
  /** It is worth a look again in some milliseconds. */
  readonly soon?: boolean;
  /** There were admission queues to look at, and their signals are used up. */
  readonly signaled?: boolean;
}

interface Parts {
  /** Makes the loop that claims look at this. */
  readonly nudge: () => void;
  /** This worker's lease is renewed in time. */
  readonly mayStart: () => boolean;
  /** A call more could be made now. */
  readonly hasCapacity: () => boolean;
  /** Lets other workers hear of tasks that are left. */
  readonly notify: () => void;
}

const notifyEveryMs = 50;
const soonMs = 15;
/** So much later than the worker that found out when a Rate opens: it has mostly claimed by then, and if it has died, little is lost. */
const standInMs = 5;

export class ClaimTrigger {
  readonly #parts: Parts;
  #wanted = false;
  /** The last look left tasks behind for want of free call slots here. */
  #left = false;
  /** A slot became free since the last look began. */
  #freed = false;
  #notifiedAt = Number.NEGATIVE_INFINITY;
  #notifyLater: NodeJS.Timeout | null = null;
  #lookLater: NodeJS.Timeout | null = null;
  readonly #opening = new Alarm(() => this.look());

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** There may be something to claim. */
  look(): void {
    this.#wanted = true;
    if (this.#parts.hasCapacity() && this.#parts.mayStart()) this.#parts.nudge();
    else this.#notify();
  }

  /** A slot became free. */
  freed(): void {
    this.#freed = true;
    if (this.#left || this.#wanted) this.look();
  }

  /** There may be something to claim. A look clears it. */
  get isDue(): boolean {
    return this.#wanted && this.#parts.mayStart();
  }

  /** There is nothing to claim that it knows of, and it may start what comes. */
  get isIdle(): boolean {
    return !this.#wanted && !this.#left && this.#parts.mayStart();
  }

  /** A look begins. */
  begin(): void {
    this.#wanted = false;
    this.#freed = false;
  }

  finish(claimed: number, { moreHere, moreElsewhere, soon, signaled }: Left): void {
    this.#left = moreElsewhere;
    if (moreHere || (moreElsewhere && this.#freed)) this.look();
    else if (soon) this.#lookLater ??= setTimeout(() => this.#lookAgain(), soonMs);
    // Others may have free call slots now. Only a round that claimed something, or used up a signal, notifies them: otherwise
    // workers without free slots would notify each other for ever.
    if ((claimed > 0 || signaled) && (moreHere || moreElsewhere)) this.#notify();
  }

  #lookAgain(): void {
    this.#lookLater = null;
    this.look();
  }

  /** The next start of a Rate fits in at that time, by the steady clock. `isFound`: this worker found that out; others stand in for it. */
  readonly opens = (atMs: number, isFound: boolean): void => {
    this.#opening.set(isFound ? atMs + 1 : Math.max(atMs, performance.now()) + standInMs);
  };

  stop(): void {
    this.#opening.stop();
    if (this.#notifyLater !== null) clearTimeout(this.#notifyLater);
    if (this.#lookLater !== null) clearTimeout(this.#lookLater);
  }

  /** At most once in `notifyEveryMs`; a notification that comes sooner is sent later, never dropped. */
  #notify(): void {
    if (this.#notifyLater !== null) return;
    const waitMs = this.#notifiedAt + notifyEveryMs - performance.now();
    const notify = () => {
      this.#notifyLater = null;
      this.#notifiedAt = performance.now();
      this.#parts.notify();
    };
    if (waitMs <= 0) notify();
    else this.#notifyLater = setTimeout(notify, waitMs);
  }
}
