// Outcomes of start calls that wait a moment for the report of their task: where services report at once, both are decided
// together, which spares the task a transaction. Where reports did not come lately, only one in a few is tried.

const worthShare = 0.3;
const triedShare = 1 / 16;
const memoryLength = 32;

export class RestingStarts<Item> {
  /** By task; the oldest first. */
  readonly #resting = new Map<string, { readonly item: Item; readonly since: number }>();
  readonly #giveUp: (item: Item) => void;
  readonly #restMs: number;
  #timer: NodeJS.Timeout | null = null;
  #reportedAt = Number.NEGATIVE_INFINITY;
  /** How many of those that waited were decided with their report, lately. */
  #together = 0.5;

  /** `giveUp`: takes those whose report did not come within `restMs`. */
  constructor(giveUp: (item: Item) => void, restMs: number) {
    this.#giveUp = giveUp;
    this.#restMs = restMs;
  }

  get size(): number {
    return this.#resting.size;
  }

  /** Lets it wait, where that is worth it. */
  take(item: Item, task: string): boolean {
    if (!this.#isWorthWaiting() || this.#resting.has(task)) return false;
    this.#resting.set(task, { item, since: performance.now() });
    this.#timer ??= setTimeout(() => this.#giveUpLate(), this.#restMs);
    return true;
  }

  /** Reports of these tasks are being decided. */
  release(tasks: ReadonlySet<string>): Item[] {
    this.#reportedAt = performance.now();
    const released: Item[] = [];
    for (const task of tasks) {
      const resting = this.#resting.get(task);
      if (!resting) continue;
      this.#resting.delete(task);
      this.#together += (1 - this.#together) / memoryLength;
      released.push(resting.item);
    }
    return released;
  }

  #isWorthWaiting(): boolean {
    if (performance.now() - this.#reportedAt > this.#restMs) return false;
    return this.#together > worthShare || Math.random() < triedShare;
  }

  #giveUpLate(): void {
    const now = performance.now();
    this.#timer = null;
    for (const [task, { item, since }] of this.#resting) {
      const leftMs = since + this.#restMs - now;
      if (leftMs > 1) {
        this.#timer = setTimeout(() => this.#giveUpLate(), leftMs);
        return;
      }
      this.#resting.delete(task);
      this.#together -= this.#together / memoryLength;
      this.#giveUp(item);
    }
  }
}
