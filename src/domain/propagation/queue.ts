// The steps of propagation that a transaction still has to take. Down before up; down by the lowest rank, so that a task is
// judged after all of its ancestors that this cascade reaches; up by the highest. Each task and step is in it once.
import { keyOf, type Step } from "#domain/propagation/work";

export class StepQueue {
  readonly #down = new Heap((a, b) => a.rank - b.rank || order[a.step] - order[b.step]);
  readonly #up = new Heap((a, b) => b.rank - a.rank);
  readonly #known = new Map<string, Step>();

  get size(): number {
    return this.#known.size;
  }

  find(step: Pick<Step, "taskId" | "step">): Step | undefined {
    return this.#known.get(keyOf(step));
  }

  add(step: Step): void {
    const key = keyOf(step);
    const known = this.#known.get(key);
    if (known) {
      known.cause = Math.min(known.cause, step.cause);
      known.lastCause = Math.max(known.lastCause, step.lastCause);
      return;
    }
    this.#known.set(key, step);
    this.#heapOf(step).push(step);
  }

  /** The next step down, or undefined. */
  down(): Step | undefined {
    return this.#down.first;
  }

  /** The next step up, where none down is left. */
  up(): Step | undefined {
    return this.#down.first === undefined ? this.#up.first : undefined;
  }

  /** Of the first steps, those of one kind, in their order. An estimate for reading ahead: the order of the heap is rough. */
  ahead(step: Step["step"], max: number): Step[] {
    return (step === "up" ? this.#up : this.#down).some((one) => one.step === step, max);
  }

  /** Removes the first step, which was taken. */
  drop(step: Step): void {
    this.#known.delete(keyOf(step));
    this.#heapOf(step).shift();
  }

  /** Leaves the first step up for a later transaction. */
  leave(): void {
    this.#up.shift();
  }

  clear(batch: string): void {
    for (const [key, { batchId }] of this.#known) if (batchId === batch) this.#known.delete(key);
    for (const heap of [this.#down, this.#up]) heap.keep(({ batchId }) => batchId !== batch);
  }

  left(): Step[] {
    return [...this.#known.values()];
  }

  #heapOf({ step }: Step): Heap {
    return step === "up" ? this.#up : this.#down;
  }
}

const order = { judge: 0, down: 1, up: 2 };

class Heap {
  #steps: Step[] = [];
  readonly #compare: (a: Step, b: Step) => number;

  constructor(compare: (a: Step, b: Step) => number) {
    this.#compare = compare;
  }

  get first(): Step | undefined {
    return this.#steps[0];
  }

  some(which: (step: Step) => boolean, max: number): Step[] {
    const found: Step[] = [];
    for (const step of this.#steps) {
      if (found.length >= max) break;
      if (which(step)) found.push(step);
    }
    return found.sort(this.#compare);
  }

  keep(which: (step: Step) => boolean): void {
    this.#steps = this.#steps.filter(which).sort(this.#compare);
  }

  push(step: Step): void {
    const heap = this.#steps;
    let at = heap.push(step) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (this.#compare(heap[up] as Step, step) <= 0) break;
      heap[at] = heap[up] as Step;
      at = up;
    }
    heap[at] = step;
  }

  shift(): void {
    const last = this.#steps.pop();
    if (last === undefined || this.#steps.length === 0) return;
    const heap = this.#steps;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && this.#compare(heap[down + 1] as Step, heap[down] as Step) < 0) down++;
      if (this.#compare(last, heap[down] as Step) <= 0) break;
      heap[at] = heap[down] as Step;
      at = down;
    }
    heap[at] = last;
  }
}
