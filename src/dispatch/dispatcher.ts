// Decides when this worker looks for tasks to claim: when the bell rings, when its own turn made tasks ready, when a slot
// becomes free after work was left behind, and once a sweep in case a bell was lost. What is claimed is the turn's business.
// Work that it cannot take is rung on, so that a worker with room hears of it.
import type { Hunger, Left, Mailbox } from "#actor/mailbox";

interface Parts {
  readonly mailbox: Mailbox;
  /** This worker's lease is renewed in time. */
  readonly mayStart: () => boolean;
  /** A call more could be made now. */
  readonly hasRoom: () => boolean;
  readonly ring: () => void;
}

const ringEveryMs = 50;
const soonMs = 15;

export class Dispatcher implements Hunger {
  readonly #parts: Parts;
  #wanted = false;
  /** The last look left work behind for want of room here. */
  #left = false;
  /** A slot became free since the last look began. */
  #freed = false;
  #rangAt = Number.NEGATIVE_INFINITY;
  #ringLater: NodeJS.Timeout | null = null;
  #lookLater: NodeJS.Timeout | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** There may be something to claim. */
  look(): void {
    this.#wanted = true;
    if (this.#parts.hasRoom() && this.#parts.mayStart()) this.#parts.mailbox.nudge("row");
    else this.#ring();
  }

  /** A slot became free. */
  freed(): void {
    this.#freed = true;
    if (this.#left || this.#wanted) this.look();
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

  fed(claimed: number, { moreHere, moreElsewhere, soon, woke }: Left): void {
    this.#left = moreElsewhere;
    if (moreHere || (moreElsewhere && this.#freed)) this.look();
    else if (soon) this.#lookLater ??= setTimeout(() => this.#lookAgain(), soonMs);
    // Others may have room now. Only a round that claimed something, or that used up a word about it, rings: so the bell
    // comes to rest.
    if ((claimed > 0 || woke) && (moreHere || moreElsewhere)) this.#ring();
  }

  #lookAgain(): void {
    this.#lookLater = null;
    this.look();
  }

  stop(): void {
    if (this.#ringLater !== null) clearTimeout(this.#ringLater);
    if (this.#lookLater !== null) clearTimeout(this.#lookLater);
  }

  /** Not at every round of a busy time, but never not at all. */
  #ring(): void {
    if (this.#ringLater !== null) return;
    const waitMs = this.#rangAt + ringEveryMs - performance.now();
    const ring = () => {
      this.#ringLater = null;
      this.#rangAt = performance.now();
      this.#parts.ring();
    };
    if (waitMs <= 0) ring();
    else this.#ringLater = setTimeout(ring, waitMs);
  }
}
