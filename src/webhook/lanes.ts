// Counts the calls that are open in this process: in all, and to each receiver. Starts and deliveries have a total each
// and share the receivers. Says how many more there may be, so that one that is slow leaves slots to the others, and one
// whose circuit is not closed gets none. Only counts: who finds no room must not call; a release nobody took throws.
interface Receivers {
  readonly max: number;
  readonly open: Map<string, number>;
  readonly listeners: Set<OnFree>;
  readonly gates: Map<string, 0 | 1>;
  isBlind: boolean;
}

/** `wasFull`: before this release there was no room, in all or to that receiver, so that work may have been left behind. */
export type OnFree = (receiver: string | null, wasFull: boolean) => void;

/** `gated`: it is not for want of lanes that there is no more, and no release changes it. */
export interface Room {
  readonly receiver: string;
  readonly room: number;
  readonly gated: boolean;
}

/** So many calls a receiver may have open whatever the others have; what is beyond is shared. */
const fewCalls = 8;

export class Lanes {
  readonly #total: number;
  readonly #receivers: Receivers;
  /** Calls of this total. */
  readonly #own = new Map<string, number>();
  #taken = 0;

  constructor(total: number, perReceiver: number | Lanes) {
    this.#total = total;
    this.#receivers =
      typeof perReceiver === "number"
        ? { max: perReceiver, open: new Map(), listeners: new Set(), gates: new Map(), isBlind: false }
        : perReceiver.#receivers;
  }

  /** How many more calls may be open at once. */
  free(): number {
    return this.#receivers.isBlind ? 0 : this.#total - this.#taken;
  }

  /** How many more calls to this receiver (null: none is called) should be made now, once `others` are made elsewhere. */
  room(receiver: string | null, others = 0): number {
    const free = this.free() - others;
    if (receiver === null) return free;
    const { max, open, gates } = this.#receivers;
    const gate = gates.get(receiver) ?? max;
    return Math.max(0, Math.min(free, gate, max - (open.get(receiver) ?? 0), this.#share(receiver, free)));
  }

  /**
   * A receiver gets a further slot while it has at most half as many as are left: one that answers no call any more holds a
   * third of all slots, the next one a third of the others, and there are always some for whoever comes then.
   */
  #share(receiver: string, free: number): number {
    const own = this.#own.get(receiver) ?? 0;
    const share = free < 2 * own ? 0 : Math.floor((free - 2 * own) / 3) + 1;
    return Math.max(share, fewCalls - own);
  }

  /** Room for each receiver that has less than others: with calls open, or whose circuit is not closed. */
  rooms(): Room[] {
    const { open, gates } = this.#receivers;
    return Array.from(new Set([...open.keys(), ...gates.keys()]), (receiver) => ({
      receiver,
      room: this.room(receiver),
      gated: gates.has(receiver),
    }));
  }

  /** Room for every other one. */
  get roomMax(): number {
    return this.room("");
  }

  /** Until it is known which receivers may be called, none is. */
  blind(): void {
    this.#receivers.isBlind = true;
  }

  /** Receivers whose circuit is not closed: 0, none may be called; 1, one call may be tried, if it is the probe. */
  gate(gates: ReadonlyMap<string, 0 | 1>): void {
    this.#receivers.isBlind = false;
    this.#receivers.gates.clear();
    for (const [receiver, gate] of gates) this.#receivers.gates.set(receiver, gate);
  }

  isGated(receiver: string | null): boolean {
    return receiver !== null && this.#receivers.gates.has(receiver);
  }

  /** Takes a slot and a lane, or neither. Only a probe may call where the circuit is not closed. */
  take(receiver: string | null, isProbe = false): boolean {
    if (this.#taken >= this.#total) return false;
    if (receiver !== null) {
      const { open, max } = this.#receivers;
      const now = open.get(receiver) ?? 0;
      if (now >= max || (!isProbe && this.isGated(receiver))) return false;
      open.set(receiver, now + 1);
      this.#own.set(receiver, (this.#own.get(receiver) ?? 0) + 1);
    }
    this.#taken += 1;
    return true;
  }

  release(receiver: string | null): void {
    let wasFull = this.#taken >= this.#total;
    if (this.#taken === 0) throw new Error("a slot was released that nobody had taken");
    if (receiver !== null) {
      const { open, max } = this.#receivers;
      if (!this.#own.has(receiver)) throw new Error("a lane was released that nobody had taken");
      wasFull = wasFull || (open.get(receiver) ?? 0) >= max;
      countDown(open, receiver);
      countDown(this.#own, receiver);
    }
    this.#taken -= 1;
    for (const listener of this.#receivers.listeners) listener(receiver, wasFull);
  }

  /** Called after each release, of starts and of deliveries alike. Returns how to stop it. */
  onFree(callback: OnFree): () => void {
    this.#receivers.listeners.add(callback);
    return () => this.#receivers.listeners.delete(callback);
  }
}

function countDown(counts: Map<string, number>, receiver: string): void {
  const left = (counts.get(receiver) ?? 0) - 1;
  if (left === 0) counts.delete(receiver);
  else counts.set(receiver, left);
}
