// How far the clocks of NATS and Postgres are apart, so that the time of a stored message can be compared with times in
// Postgres: whether it waited too long, or was stored before its task ended. Measured against this process's steady clock.
import type { Logger } from "#telemetry/log";
import { metrics } from "#telemetry/metrics";
import { type Loop, loop } from "#timers/loop";

/** The time by some clock in ms since 1970; null when it cannot be asked now. */
export type AskTime = () => Promise<number | null>;

interface Parts {
  readonly nats: AskTime;
  readonly postgres: AskTime;
  readonly log: Logger;
  /** Of this process; only goes forward. */
  readonly steadyMs?: () => number;
}

const everyMs = 5_000;
const whileUnknownMs = 200;
const samplesMax = 3;
const warnFromMs = 1_000;
const calmBelowMs = 500;

export class ClockSkew {
  readonly #parts: Required<Parts>;
  readonly #loop: Loop;
  /** NATS minus Postgres; null until both have answered once. */
  #skewMs: number | null = null;
  #warned = false;

  constructor(parts: Parts) {
    this.#parts = { steadyMs: () => performance.now(), ...parts };
    this.#loop = loop("skew", parts.log, () => this.#measure());
  }

  get isKnown(): boolean {
    return this.#skewMs !== null;
  }

  toPostgresMs = (natsMs: number): number => natsMs - (this.#skewMs ?? 0);

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #measure(): Promise<number> {
    const { nats, postgres, log } = this.#parts;
    const [a, b] = await Promise.all([this.#offsetOf(nats), this.#offsetOf(postgres)]);
    if (a === null || b === null) return this.isKnown ? everyMs : whileUnknownMs;
    this.#skewMs = a - b;
    metrics.clockSkewSeconds.set(this.#skewMs / 1_000);
    const apart = Math.abs(this.#skewMs);
    if (apart > warnFromMs && !this.#warned) {
      this.#warned = true;
      const words =
        "the clocks of NATS and Postgres are apart: Baton allows for it, but set them by one source of time";
      log.warn({ natsAheadSecs: Math.round(this.#skewMs) / 1_000 }, words);
    } else if (apart < calmBelowMs && this.#warned) {
      this.#warned = false;
      log.info("the clocks of NATS and Postgres agree again");
    }
    return everyMs;
  }

  /** That clock minus the steady one, from the quickest of a few answers: it lies in the middle of question and answer. */
  async #offsetOf(ask: AskTime): Promise<number | null> {
    const { steadyMs } = this.#parts;
    let best: { readonly tookMs: number; readonly offset: number } | null = null;
    for (let n = 0; n < samplesMax; n++) {
      const asked = steadyMs();
      const time = await ask();
      if (time === null) return null;
      const tookMs = steadyMs() - asked;
      if (best === null || tookMs < best.tookMs) best = { tookMs, offset: time - (asked + tookMs / 2) };
    }
    return best?.offset ?? null;
  }
}
