// Decides when this worker looks for tasks to claim: when the bell rings, when its own turn made tasks ready, when a slot
// becomes free after work was left behind, and once a sweep in case a bell was lost. What is claimed is the turn's business.
import type { Hunger, Mailbox } from "#actor/mailbox";

interface Parts {
  readonly mailbox: Mailbox;
  /** This worker's lease is renewed in time. */
  readonly mayStart: () => boolean;
  readonly ring: () => void;
}

export class Dispatcher implements Hunger {
  readonly #parts: Parts;
  #wanted = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** There may be something to claim. */
  look(): void {
    this.#wanted = true;
    this.#parts.mailbox.nudge("row");
  }

  get hungry(): boolean {
    return this.#wanted && this.#parts.mayStart();
  }

  eat(): void {
    this.#wanted = false;
  }

  fed(claimed: number, left: { readonly moreHere: boolean; readonly moreElsewhere: boolean }): void {
    // What waits for room here is looked for when a slot becomes free.
    if (left.moreHere) this.look();
    // Others may have room now. Only a round that claimed something rings, so the bell comes to rest.
    if (claimed > 0 && (left.moreHere || left.moreElsewhere)) this.#parts.ring();
  }
}
