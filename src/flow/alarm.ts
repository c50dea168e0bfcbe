// Rings at the earliest of the times that it was given, then forgets them: whoever hears it asks for the next one.
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | null = null;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** By the steady clock, in milliseconds. */
  set(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.stop();
    this.#atMs = atMs;
    // A timer may be late but not early; one that lasts longer than a timer can rings before its time, which does no harm.
    const waitMs = Math.min(Math.max(Math.ceil(atMs - performance.now()), 0), timerMaxMs);
    this.#timer = setTimeout(() => {
      this.stop();
      this.#ring();
    }, waitMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}

const timerMaxMs = 3_600_000;
