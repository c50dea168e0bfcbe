// What this process knows of the circuits of receivers. It gates the call slots of those that are not closed, and passes ends of calls
// that may change a circuit to the actor. A call to a healthy receiver, as nearly all are, costs a look into a map. What it knows may
// be a second old: then one call too many is made, or a call is made a second later. It decides nothing.
import { type CircuitOutcome, gaveUp, verdictOf } from "#domain/calls/circuit";
import { retryAfterMs } from "#domain/calls/webhook";
import type { ReceiverCapacity } from "#flow/receiver-capacity";
import type { KnownCircuit } from "#store/turn/circuits";
import { metrics } from "#telemetry/metrics";
import type { Send } from "#webhook/send";

export interface BreakerParts {
  readonly send: Send;
  /** A probe that is open for so long, longer than a call may take, has reached its receiver. */
  readonly probeMs: number;
  readonly callSlots: ReceiverCapacity;
  readonly tell: (outcome: CircuitOutcome) => void;
  /** Other receivers may be called now than before. */
  readonly onGates: () => void;
  /** The wall clock, for a `Retry-After` that is a date. */
  readonly now?: () => Date;
}

/** Added because our clock may be a little ahead: a probe that is asked for too early is refused, and would be asked for again only by the next sweep. */
const marginMs = 5;

export class Breaker {
  readonly #parts: BreakerParts;
  /** Circuits that are open or have counted failures, each with the time of our monotonic clock when it may be tried. */
  #known = new Map<string, KnownCircuit & { readonly triedAt: number }>();
  /** Receivers that a call of ours failed at a moment ago, so that the success which follows is not passed over. */
  readonly #suspects = new Map<string, number>();
  /** What the gates were made from the last time; null: they were never made. */
  #shown: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  readonly #clock: NodeJS.Timeout;
  #tickedAt = performance.now();
  #stalledAt = Number.NEGATIVE_INFINITY;

  /** Until `know` is called for the first time no call slot is free. */
  constructor(parts: BreakerParts) {
    this.#parts = parts;
    parts.callSlots.blind();
    this.#clock = setInterval(() => this.#stalledUntil(), stallMs / 4);
    this.#clock.unref();
  }

  /** Makes a call, and passes its end to the actor where that may change a circuit. */
  readonly send: Send = async (request, totalMs, maySend = always, isProbe = false) => {
    const { send, tell, now = () => new Date() } = this.#parts;
    const receiver = request.origin;
    const beganAt = performance.now();
    const long = isProbe ? this.#watch(receiver) : null;
    const result = await send(request, totalMs, long === null ? maySend : () => maySend() && long.sent());
    // The probe was open for so long that it has counted as a success already; its end counts as that of any other call.
    const probe = long !== null && !long.over();
    // If this process stood still meanwhile, the delay is not the receiver's.
    const isOurs = result.status === null && beganAt < this.#stalledUntil();
    const type = isOurs ? null : verdictOf(result, now());
    if (type === "failed") this.#suspects.set(receiver, performance.now());
    if (type === null && probe) tell(gaveUp(receiver, retryAfterMs(result.retryAfter, now()) ?? 0));
    if (type !== null && this.#isKnown(receiver)) tell({ receiver, type, probe });
    return result;
  };

  /**
   * A probe whose answer takes as long as the work does says that its receiver is there by taking the call. Without this it
   * would keep all other calls back until the work is done.
   */
  #watch(receiver: string) {
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    return {
      sent: () => {
        const sentAt = performance.now();
        clearTimeout(timer);
        timer = setTimeout(() => {
          isOver = true;
          // While this process stood still an answer may have arrived that it has not read yet.
          const isOurs = sentAt < this.#stalledUntil();
          this.#parts.tell(isOurs ? gaveUp(receiver) : { receiver, type: "succeeded", probe: true });
        }, this.#parts.probeMs).unref();
        return true;
      },
      over: () => {
        clearTimeout(timer);
        return isOver;
      },
    };
  }

  /** When this process stood still the last time, by a clock that should have ticked. */
  #stalledUntil(): number {
    const now = performance.now();
    if (now - this.#tickedAt > stallMs) this.#stalledAt = now;
    this.#tickedAt = now;
    return this.#stalledAt;
  }

  /** Whether a success says something new. */
  #isKnown(receiver: string): boolean {
    return this.#known.has(receiver) || this.#suspects.has(receiver);
  }

  /** All circuits that are not closed, or have counted failures, as they were read just now. */
  know(circuits: readonly KnownCircuit[]): void {
    const from = performance.now() + marginMs;
    const triedAt = (waitMs: number) => (waitMs === 0 ? 0 : from + waitMs);
    for (const [receiver, at] of this.#suspects) if (at < from - suspectMs) this.#suspects.delete(receiver);
    this.#known = new Map(circuits.map((one) => [one.receiver, { ...one, triedAt: triedAt(one.waitMs) }]));
    for (const state of ["open", "half_open"] as const)
      metrics.circuits.set(circuits.filter((one) => one.state === state).length, state);
    this.#gate();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#clock);
  }

  #gate(): void {
    const now = performance.now();
    const barred = [...this.#known.values()].filter(({ state }) => state !== "closed");
    const gates = new Map(barred.map(({ receiver, triedAt }) => [receiver, triedAt <= now ? 1 : 0] as const));
    this.#parts.callSlots.gate(gates);
    clearTimeout(this.#timer);
    const next = Math.min(...barred.map(({ triedAt }) => triedAt).filter((at) => at > now));
    if (Number.isFinite(next)) this.#timer = setTimeout(() => this.#gate(), Math.min(next - now + 1, timerMaxMs));
    // With what lies between two looks: a probe that began and ended meanwhile leaves the gates as they were.
    const shown = barred.map((one) => [one.receiver, gates.get(one.receiver), one.failures, one.successes].join(" "));
    const text = shown.toSorted().join("\n");
    if (text === this.#shown) return;
    this.#shown = text;
    this.#parts.onGates();
  }
}

const always = () => true;
/** A process that only has much to do does not stand still for this long. */
const stallMs = 1_000;
/** By then the circuit has been read with that failure in it. */
const suspectMs = 2_000;
/** Node's timers go no further than 24 days; any circuit is read again long before. */
const timerMaxMs = 3_600_000;
