// The place of a claim in the windows of Rates: until when its call may begin, and how that time is moved where it has passed. Of a
// claim that no Rate counts it says nothing, and costs nothing.
import type { Claimed } from "#domain/calls/claimed";
import type { SendResult } from "#webhook/send";

/** Moves the places of a claim to now, and gives the time by which its call has to begin then; null: its time is over. */
export type Renew = (claimId: number) => Promise<number | null>;

export class Place {
  readonly #claimId: number;
  readonly #renew: Renew;
  #beginByMs: number | null;

  constructor({ claimId, beginByMs }: Claimed, renew: Renew) {
    this.#claimId = claimId;
    this.#beginByMs = beginByMs;
    this.#renew = renew;
  }

  /** A call that began now would leave too close to those that follow. */
  get isLate(): boolean {
    return this.#beginByMs !== null && performance.now() > this.#beginByMs;
  }

  /** Whether the call may begin now, if need be in a place that begins now. */
  async isHeld(): Promise<boolean> {
    if (!this.isLate) return true;
    const byMs = await this.#renew(this.#claimId).catch(() => null);
    if (byMs === null) return false;
    this.#beginByMs = byMs;
    return !this.isLate;
  }
}

/** A call that comes late while its connection is opened is made on that connection once more, in another place. */
const placesMax = 5;

/** Sends, and again where that was too late for the place in which it began and no byte left. */
export async function sendInPlace(place: Place, send: () => Promise<SendResult>): Promise<SendResult> {
  let result = await send();
  for (let places = 1; places < placesMax; places++) {
    const isTooLate = !result.sent && result.fault === "local" && result.end !== "doubtful" && place.isLate;
    if (!isTooLate || !(await place.isHeld())) break;
    result = await send();
  }
  return result;
}
