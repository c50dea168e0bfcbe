// Counts the calls that are open in this process: in all, and to each receiver. Starts and deliveries have a total each
// and share the receivers. Only counts: who finds no room must not call; a release that was not taken throws.
interface Receivers {
  readonly max: number;
  readonly open: Map<string, number>;
  readonly full: Set<string>;
  readonly listeners: Set<OnFree>;
}

/** `wasFull`: before this release there was no room, in all or to that receiver, so that work may have been left behind. */
export type OnFree = (receiver: string | null, wasFull: boolean) => void;

export class Lanes {
  readonly #total: number;
  readonly #receivers: Receivers;
  #taken = 0;

  constructor(total: number, perReceiver: number | Lanes) {
    this.#total = total;
    this.#receivers =
      typeof perReceiver === "number"
        ? { max: perReceiver, open: new Map(), full: new Set(), listeners: new Set() }
        : perReceiver.#receivers;
  }

  /** How many more calls may be open at once. */
  free(): number {
    return this.#total - this.#taken;
  }

  /** How many more calls to this receiver (null: none is called) may be made now. */
  room(receiver: string | null): number {
    const free = this.free();
    if (receiver === null) return free;
    return Math.min(free, this.#receivers.max - (this.#receivers.open.get(receiver) ?? 0));
  }

  fullReceivers(): string[] {
    return [...this.#receivers.full];
  }

  /** Room that is left to each receiver with calls open; every other one has `roomMax`. */
  rooms(): { readonly receiver: string; readonly room: number }[] {
    return Array.from(this.#receivers.open, ([receiver, open]) => ({ receiver, room: this.#receivers.max - open }));
  }

  get roomMax(): number {
    return this.#receivers.max;
  }

  /** Takes a slot and a lane, or neither. */
  take(receiver: string | null): boolean {
    if (this.room(receiver) <= 0) return false;
    this.#taken += 1;
    if (receiver !== null) {
      const { open, full, max } = this.#receivers;
      const now = (open.get(receiver) ?? 0) + 1;
      open.set(receiver, now);
      if (now >= max) full.add(receiver);
    }
    return true;
  }

  release(receiver: string | null): void {
    let wasFull = this.#taken >= this.#total;
    if (this.#taken === 0) throw new Error("a slot was released that nobody had taken");
    this.#taken -= 1;
    if (receiver !== null) {
      const { open, full } = this.#receivers;
      const left = (open.get(receiver) ?? 0) - 1;
      if (left < 0) throw new Error("a lane was released that nobody had taken");
      if (left === 0) open.delete(receiver);
      else open.set(receiver, left);
      wasFull = full.delete(receiver) || wasFull;
    }
    for (const listener of this.#receivers.listeners) listener(receiver, wasFull);
  }

  /** Called after each release, of starts and of deliveries alike. Returns how to stop it. */
  onFree(callback: OnFree): () => void {
    this.#receivers.listeners.add(callback);
    return () => this.#receivers.listeners.delete(callback);
  }
}
