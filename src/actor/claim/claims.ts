// When a turn of this worker also claims, and which claims the process knows of. One round at a time: two would count the same
// call slots. Task turns look for tasks to claim where there may be some; batch turns take what they made ready, where nothing else waits.
import { type CallSlots, ClaimRound } from "#actor/claim/round";
import type { Mailbox } from "#actor/mailbox";
import type { TurnKind } from "#domain/turn/items";
import type { ClaimTrigger } from "#flow/claim-trigger";

interface Parts {
  readonly slots: CallSlots;
  readonly trigger: Pick<ClaimTrigger, "isDue" | "isIdle" | "begin" | "finish">;
  readonly claimsMax: number;
  /** Tasks in doubt whose start call has its response after all, which is not decided yet. */
  readonly mailbox: Pick<Mailbox, "isStarted">;
  /** A task turn may claim again: the round of a batch turn is over. */
  readonly onFree: () => void;
}

export class Claims {
  readonly #parts: Parts;
  /** Fencing tokens of the claims that this process knows of: from before their commit until their outcome is written. */
  readonly held = new Set<number>();
  #count = 0;
  #stopped = false;
  #isUnderWay = false;
  /** Where the last look at admission queues stopped, if there were more than it had time for. */
  #reached: ClaimRound["reached"] = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** There may be something to claim, and it may be looked for. */
  get isWanted(): boolean {
    const { slots, trigger } = this.#parts;
    return !this.#stopped && !this.#isUnderWay && slots.free() > 0 && trigger.isDue;
  }

  /** What a turn of this kind may claim; null: nothing. */
  roundFor(kind: TurnKind, owner: number): ClaimRound | null {
    const { slots, trigger } = this.#parts;
    if (kind === "batch") {
      const isFree = !this.#stopped && !this.#isUnderWay && trigger.isIdle && slots.free() > 0;
      return isFree ? this.#round(owner) : null;
    }
    if (!this.isWanted) return null;
    trigger.begin();
    const round = this.#round(owner);
    round.reached = this.#reached;
    return round;
  }

  #round(owner: number): ClaimRound {
    const { slots, claimsMax, mailbox } = this.#parts;
    this.#isUnderWay = true;
    return new ClaimRound(
      slots,
      claimsMax,
      () => {
        // Unique for ever: the id of a process is never used again.
        const claimId = owner * 2 ** 31 + ++this.#count;
        this.held.add(claimId);
        return { owner, claimId };
      },
      mailbox.isStarted,
    );
  }

  /** The claims of the round are committed. */
  claimed(kind: TurnKind, claims: number, round: ClaimRound): void {
    this.#isUnderWay = false;
    if (kind === "task") {
      this.#reached = round.reached;
      this.#parts.trigger.finish(claims, round);
    } else this.#parts.onFree();
  }

  /**
   * The turn failed, or it is not known whether it was committed. Its tokens are forgotten: if it was, this process finds claims of its own
   * that it does not know of when it looks over leases, and puts the tasks back to Pending, since no call was made.
   */
  abandoned(kind: TurnKind, round: ClaimRound): void {
    for (const claimId of round.tokens) this.held.delete(claimId);
    this.#isUnderWay = false;
    if (kind === "task") this.#parts.trigger.finish(0, { moreHere: true, moreElsewhere: false });
    else this.#parts.onFree();
  }
}
