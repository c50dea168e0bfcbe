// Which timers are in the mailbox, so that none is put there twice, and so that a locked batch takes no more than its share of the
// mailbox. Pure: the time is passed in.

/** A timer of a task or a batch. */
export interface PendingTimer {
  readonly id: string;
  readonly batch: string;
  readonly at: string;
}

/** Of one batch, and in all. The rest of the mailbox belongs to what clients ask. */
export const waitingMax = { ofBatch: 128, all: 1_000 } as const;

/** Before the same timer is sent again, its turn has had this long to commit. */
const againMs = 2_000;
/** A batch whose timers have waited for so long is locked: no more of its timers are sent until they move. */
const lockedMs = 1_000;

export type Choice = "tell" | "known" | "later" | "full";

export class PendingTimers {
  readonly #isWaiting: (id: string) => boolean;
  readonly #sent = new Map<string, { readonly timer: PendingTimer; readonly sinceMs: number }>();
  readonly #ofBatch = new Map<string, number>();
  readonly #locked = new Set<string>();
  #waiting = 0;

  constructor(isWaiting: (id: string) => boolean) {
    this.#isWaiting = isWaiting;
  }

  /** Takes note of what has been decided meanwhile. */
  refresh(nowMs: number): void {
    this.#ofBatch.clear();
    this.#locked.clear();
    this.#waiting = 0;
    for (const [key, { timer, sinceMs }] of this.#sent) {
      const ageMs = nowMs - sinceMs;
      if (this.#isWaiting(timer.id)) {
        this.#count(timer.batch);
        if (ageMs > lockedMs) this.#locked.add(timer.batch);
      } else if (ageMs > againMs) this.#sent.delete(key);
    }
  }

  /**
   * `tell`: it is to be sent, and counts as sent. `known`: it was sent a moment ago, or waits, or its batch is locked: a later
   * sweep sees to it. `later`: its batch has its share, and moves. `full`: nothing more can be sent now.
   */
  choose(timer: PendingTimer, nowMs: number): Choice {
    const key = `${timer.id} ${timer.at}`;
    if (this.#sent.has(key) || this.#isWaiting(timer.id) || this.#locked.has(timer.batch)) return "known";
    if (this.#waiting >= waitingMax.all) return "full";
    if ((this.#ofBatch.get(timer.batch) ?? 0) >= waitingMax.ofBatch) return "later";
    this.#sent.set(key, { timer, sinceMs: nowMs });
    this.#count(timer.batch);
    return "tell";
  }

  get isFull(): boolean {
    return this.#waiting >= waitingMax.all;
  }

  #count(batch: string): void {
    this.#waiting++;
    this.#ofBatch.set(batch, (this.#ofBatch.get(batch) ?? 0) + 1);
  }
}
