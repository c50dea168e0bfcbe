// What this process knows of the circuits of receivers: gates the lanes of those that are not closed, and tells the actor
// of ends of calls that may change one. A call to a receiver that is healthy, as nearly all are, costs a look into a map.
// What is known may be a second old: a call too many is made then, or one is made a second later. Decides nothing.
import { limits } from "#config";
import { type CircuitOutcome, gaveUp, verdictOf } from "#domain/circuit";
import { retryAfterMs } from "#domain/webhook";
import type { KnownCircuit } from "#store/circuits";
import { metrics } from "#telemetry/metrics";
import type { Lanes } from "#webhook/lanes";
import type { Send } from "#webhook/send";

export interface BreakerParts {
  readonly send: Send;
  readonly lanes: Lanes;
  readonly tell: (outcome: CircuitOutcome) => void;
  /** Other receivers may be called now than before. */
  readonly onGates: () => void;
  /** The wall clock, for a `Retry-After` that is a date. */
  readonly now?: () => Date;
}

/** Our clock may be a little ahead; who asks too early is refused, and would ask again only with the next sweep. */
const marginMs = 5;

export class Breaker {
  readonly #parts: BreakerParts;
  /** Circuits that are not as if nothing had happened, each with the time of our monotonic clock when it may be tried. */
  #known = new Map<string, KnownCircuit & { readonly triedAt: number }>();
  /** Receivers that a call of ours failed at a moment ago, so that the success which follows is not passed over. */
  readonly #suspects = new Map<string, number>();
  /** What the gates were made of the last time; null: never yet. */
  #shown: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  readonly #clock: NodeJS.Timeout;
  #tickedAt = performance.now();
  #stalledAt = Number.NEGATIVE_INFINITY;

  /** Until `know` is called for the first time there is no room for any call. */
  constructor(parts: BreakerParts) {
    this.#parts = parts;
    parts.lanes.blind();
    this.#clock = setInterval(() => this.#stalledUntil(), stallMs / 4);
    this.#clock.unref();
  }

  /** Calls, and tells how it ended where that counts. */
  readonly send: Send = async (request, totalMs, maySend = always, isProbe = false) => {
    const { send, tell, now = () => new Date() } = this.#parts;
    const receiver = request.origin;
    const beganAt = performance.now();
    const long = isProbe ? this.#watch(receiver) : null;
    const result = await send(request, totalMs, long === null ? maySend : () => maySend() && long.sent());
    // One that went on so long has had its say; its end is as that of any other call.
    const probe = long !== null && !long.over();
    // Where this process stood still meanwhile, it was not the receiver who was late.
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
          // What may have arrived while this process stood still it has not read yet.
          const isOurs = sentAt < this.#stalledUntil();
          this.#parts.tell(isOurs ? gaveUp(receiver) : { receiver, type: "succeeded", probe: true });
        }, limits.circuitProbeMs).unref();
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
    for (const state of ["open", "half_open"])
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
    this.#parts.lanes.gate(gates);
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
/** So long a process does not stand still that is only busy. */
const stallMs = 1_000;
/** By then what came of a failure has been read. */
const suspectMs = 2_000;
/** Node's timers go no further than 24 days; any circuit is read again long before. */
const timerMaxMs = 3_600_000;
