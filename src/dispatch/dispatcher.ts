// Decides when this worker looks for tasks to claim: when the bell rings, when its own turn made tasks ready, when a slot
// becomes free after work was left behind, and once a sweep in case a bell was lost. What is claimed is the turn's business.
import type { Hunger, Left, Mailbox } from "#actor/mailbox";

interface Parts {
  readonly mailbox: Mailbox;
  /** This worker's lease is renewed in time. */
  readonly mayStart: () => boolean;
  readonly ring: () => void;
}

const ringEveryMs = 50;

export class Dispatcher implements Hunger {
  readonly #parts: Parts;
  #wanted = false;
  /** The last look left work behind for want of room here. */
  #left = false;
  /** A slot became free since the last look began. */
  #freed = false;
  #rangAt = Number.NEGATIVE_INFINITY;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** There may be something to claim. */
  look(): void {
    this.#wanted = true;
    this.#parts.mailbox.nudge("row");
  }

  /** A slot became free. */
  freed(): void {
    this.#freed = true;
    if (this.#left) this.look();
  }

  get hungry(): boolean {
    return this.#wanted && this.#parts.mayStart();
  }

  get sated(): boolean {
    return !this.#wanted && !this.#left && this.#parts.mayStart();
  }

  eat(): void {
    this.#wanted = false;
    this.#freed = false;
  }

  fed(claimed: number, { moreHere, moreElsewhere }: Left): void {
    this.#left = moreElsewhere;
    if (moreHere || (moreElsewhere && this.#freed)) this.look();
    // Others may have room now. Only a round that claimed something rings, so the bell comes to rest; and not at every
    // round of a busy time, for what was rung a moment ago has been heard, or waits for the first with a free slot.
    if (claimed === 0 || !(moreHere || moreElsewhere)) return;
    if (performance.now() - this.#rangAt < ringEveryMs) return;
    this.#rangAt = performance.now();
    this.#parts.ring();
  }
}
