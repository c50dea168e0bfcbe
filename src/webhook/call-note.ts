// How the call of a claim went, for the event by which it ends.
import type { StartCall } from "#domain/row";
import type { SendResult } from "#webhook/send";

/** By the steady clock. */
export class CallNote {
  readonly #heldSince: number;
  #made: StartCall | undefined;

  constructor(heldSince: number) {
    this.#heldSince = heldSince;
  }

  take<R extends Pick<SendResult, "status" | "error" | "connectMs">>(beganAt: number, result: R): R {
    const { status, error, connectMs } = result;
    const after = Math.round(beganAt - this.#heldSince);
    const ms = Math.round(performance.now() - beganAt);
    this.#made = { status, error, after, ms, connect: connectMs === null ? null : Math.round(connectMs) };
    return result;
  }

  /** A claim that was given back made no call. */
  on<Outcome extends { readonly type: string }>(outcome: Outcome): Outcome {
    return this.#made === undefined || outcome.type === "released" ? outcome : { ...outcome, call: this.#made };
  }
}
