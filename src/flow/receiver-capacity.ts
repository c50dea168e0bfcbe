// Counts the calls that are open in this process: in all, and to each receiver. Starts and deliveries have a total each
// and share the receivers. Says how many more there may be, so that one that is slow leaves slots to the others, and one
// whose circuit is not closed gets none. Only counts: a caller without a free slot must not call, and a release of a slot that was not taken throws.
interface Receivers {
  readonly max: number;
  readonly open: Map<string, number>;
  readonly listeners: Set<OnFree>;
  readonly gates: Map<string, 0 | 1>;
  isBlind: boolean;
}

/** `wasFull`: before this release no slot was free, in all or to that receiver, so that work may have been left behind. */
export type OnFree = (receiver: string | null, wasFull: boolean) => void;

/** `gated`: its circuit is not closed, so that a call would be a probe, and no release changes that. */
export interface CallsLeft {
  readonly receiver: string;
  readonly free: number;
  readonly gated: boolean;
}

/** How many more calls may be made to each of these receivers, 0 included, and to every other one. */
export interface Capacity {
  readonly receivers: readonly { readonly receiver: string; readonly free: number; readonly gated?: boolean }[];
  readonly freeMax: number;
}

/** So many calls a receiver may have open whatever the others have; what is beyond is shared. */
const fewCalls = 8;

export class ReceiverCapacity {
  readonly #total: number;
  readonly #receivers: Receivers;
  /** Calls of this total. */
  readonly #own = new Map<string, number>();
  #taken = 0;

  constructor(total: number, perReceiver: number | ReceiverCapacity) {
    this.#total = total;
    this.#receivers =
      typeof perReceiver === "number"
        ? { max: perReceiver, open: new Map(), listeners: new Set(), gates: new Map(), isBlind: false }
        : perReceiver.#receivers;
  }

  /** Calls of this total that are open now. */
  get open(): number {
    return this.#taken;
  }

  /** How many more calls may be open at once. */
  free(): number {
    return this.#receivers.isBlind ? 0 : this.#total - this.#taken;
  }

  /** How many more calls to this receiver (null: none is called) should be made now, once `others` are made elsewhere. */
  freeFor(receiver: string | null, others = 0): number {
    const free = this.free() - others;
    if (receiver === null) return free;
    const { max, open, gates } = this.#receivers;
    const gate = gates.get(receiver) ?? max;
    return Math.max(0, Math.min(free, gate, max - (open.get(receiver) ?? 0), this.#share(receiver, free)));
  }

  /**
   * A receiver gets a further slot while it has at most half as many as are left: one that answers no call any more holds a
   * third of all slots, the next one a third of the others, and some are always left for further receivers.
   */
  #share(receiver: string, free: number): number {
    return shareOf(free, this.#own.get(receiver) ?? 0);
  }

  /** How many more calls may go to each receiver that may have fewer than others: with calls open, or whose circuit is not closed. */
  limited(): CallsLeft[] {
    const { open, gates } = this.#receivers;
    return Array.from(new Set([...open.keys(), ...gates.keys()]), (receiver) => ({
      receiver,
      free: this.freeFor(receiver),
      gated: gates.has(receiver),
    }));
  }

  /** How many more calls may go to every other one. */
  get freeMax(): number {
    return this.freeFor("");
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

  /** Takes a slot of the process and one of the receiver, or neither. Only a probe may call where the circuit is not closed. */
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
    if (this.#taken === 0) throw new Error("a slot was released that was not taken");
    if (receiver !== null) {
      const { open, max } = this.#receivers;
      if (!this.#own.has(receiver)) throw new Error("a call slot was released that was not taken");
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

/** How many of the `free` slots a receiver may take that has `own` already. */
function shareOf(free: number, own: number): number {
  const share = free < 2 * own ? 0 : Math.floor((free - 2 * own) / 3) + 1;
  return Math.max(share, fewCalls - own);
}

/** Start calls of one process that are open: in all, and those to one receiver. */
export interface OpenCalls {
  readonly open: number;
  readonly toReceiver: number;
}

/** Whether there are processes with free slots, and none of these is left to the receiver. `others`: deliveries to it. */
export function isShareUsed(
  processes: readonly OpenCalls[],
  others: number,
  { total, perReceiver }: { readonly total: number; readonly perReceiver: number },
): boolean {
  const withFree = processes.filter(({ open }) => open < total);
  const left = withFree.map(({ open, toReceiver }) =>
    Math.max(0, Math.min(total - open, perReceiver - toReceiver, shareOf(total - open, toReceiver))),
  );
  return withFree.length > 0 && left.reduce((sum, n) => sum + n, 0) <= others;
}

function countDown(counts: Map<string, number>, receiver: string): void {
  const left = (counts.get(receiver) ?? 0) - 1;
  if (left === 0) counts.delete(receiver);
  else counts.set(receiver, left);
}
