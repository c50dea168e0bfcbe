// Who has to be told that parents ended, in the order of creation: a binary heap by position, each task in it once.
import type { Link, TaskRow } from "#domain/row";

interface Waiting {
  readonly row: TaskRow;
  readonly links: Link[];
}

export class TellQueue {
  readonly #heap: Waiting[] = [];
  readonly #of = new Map<string, Waiting>();

  /** The task hears of one more parent. */
  add(row: TaskRow, link: Link): void {
    const known = this.#of.get(row.id);
    if (known) {
      known.links.push(link);
      return;
    }
    const entry = { row, links: [link] };
    this.#of.set(row.id, entry);
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (before(heap[up] as Waiting, entry)) break;
      heap[at] = heap[up] as Waiting;
      at = up;
    }
    heap[at] = entry;
  }

  /** The one that was created first, with all links added so far. */
  take(): Waiting | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    this.#of.delete(first.row.id);
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  ids(): string[] {
    return [...this.#of.keys()];
  }

  #sink(entry: Waiting): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1] as Waiting, heap[down] as Waiting)) down++;
      if (before(entry, heap[down] as Waiting)) break;
      heap[at] = heap[down] as Waiting;
      at = down;
    }
    heap[at] = entry;
  }
}

const before = (a: Waiting, b: Waiting): boolean => a.row.pos < b.row.pos;
