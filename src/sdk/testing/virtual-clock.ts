/**
 * Time that passes only when a test says so, and only while every work sleeps by it. What computes, or waits for something else, is
 * waited for in real time.
 */
import type { Clock } from "../service/clock.ts";

interface Timer {
  at: number;
  readonly everyMs: number | null;
  readonly fire: () => void;
}

// A test that replaces the timers of the process would stop this one as well.
const inRealTime = globalThis.setTimeout;
const stopRealTime = globalThis.clearTimeout;

export class VirtualClock implements Clock {
  now: number;
  readonly #timers = new Set<Timer>();
  /** How often each sleeps: a work may do several things at once. */
  readonly #works = new Map<AbortSignal, number>();
  #changed = () => {};

  constructor(now: number) {
    this.now = now;
  }

  every(ms: number, fire: () => void): () => void {
    const timer = { at: this.now + ms, everyMs: ms, fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  begin(signal: AbortSignal): () => void {
    this.#works.set(signal, 0);
    return () => {
      this.#works.delete(signal);
      this.#changed();
    };
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const end = () => {
        this.#timers.delete(timer);
        signal.removeEventListener("abort", stop);
        this.#sleeps(signal, -1);
      };
      const stop = () => {
        end();
        reject(signal.reason);
      };
      const fire = () => {
        end();
        resolve();
      };
      const timer = { at: this.now + ms, everyMs: null, fire };
      this.#timers.add(timer);
      signal.addEventListener("abort", stop);
      this.#sleeps(signal, 1);
    });
  }

  #sleeps(signal: AbortSignal, more: number): void {
    const sleeping = this.#works.get(signal);
    if (sleeping !== undefined) this.#works.set(signal, sleeping + more);
    this.#changed();
  }

  /** When the next timer fires; Infinity: there is none. */
  get nextAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#timers].map(({ at }) => at));
  }

  get works(): number {
    return this.#works.size;
  }

  /** Moves on to this time, and fires what is due then. */
  moveTo(at: number): void {
    this.now = Math.max(this.now, at);
    for (const timer of [...this.#timers].toSorted((a, b) => a.at - b.at)) {
      if (timer.at > this.now || !this.#timers.has(timer)) continue;
      if (timer.everyMs !== null) timer.at += timer.everyMs;
      timer.fire();
    }
  }

  /** Resolves when nothing goes on but sleep; rejects with what `stuck` says when nothing has changed for so long in real time. */
  async settle(silenceMs: number, stuck: () => Error): Promise<void> {
    for (;;) {
      await new Promise((resolve) => inRealTime(resolve, 0));
      if ([...this.#works.values()].every((sleeping) => sleeping > 0)) return;
      await new Promise<void>((resolve, reject) => {
        const timer = inRealTime(() => reject(stuck()), silenceMs);
        this.#changed = () => {
          stopRealTime(timer);
          resolve();
        };
      }).finally(() => (this.#changed = () => {}));
    }
  }
}
