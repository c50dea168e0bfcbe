// Call slots: never more open than allowed, in all and to each receiver; a release reports that work may have been left behind.
import { describe, expect, it } from "vitest";
import { isShareUsed, ReceiverCapacity } from "#flow/receiver-capacity";

const [a, b] = ["http://a:1", "http://b:1"];

describe("call slots", () => {
  it("hold the total and the limit of each receiver", () => {
    const callSlots = new ReceiverCapacity(3, 2);
    expect([callSlots.take(a), callSlots.take(a), callSlots.take(a)]).toEqual([true, true, false]);
    expect([callSlots.free(), callSlots.freeFor(a), callSlots.freeFor(b), callSlots.freeFor(null)]).toEqual([
      1, 0, 1, 1,
    ]);
    expect(callSlots.take(b)).toBe(true);
    expect([callSlots.take(b), callSlots.take(null), callSlots.free()]).toEqual([false, false, 0]);
    expect(callSlots.limited()).toEqual([
      { receiver: a, free: 0, gated: false },
      { receiver: b, free: 0, gated: false },
    ]);
    callSlots.release(a);
    expect([callSlots.freeFor(a), callSlots.take(null), callSlots.free()]).toEqual([1, true, 0]);
  });

  it("tell of each release whether all slots were taken before", () => {
    const callSlots = new ReceiverCapacity(3, 2);
    const freed: unknown[] = [];
    const stop = callSlots.onFree((receiver, wasFull) => freed.push([receiver, wasFull]));
    for (const receiver of [a, a, b]) callSlots.take(receiver);
    for (const receiver of [b, a, a]) callSlots.release(receiver);
    stop();
    callSlots.take(a);
    callSlots.release(a);
    expect(freed).toEqual([
      [b, true],
      [a, true],
      [a, false],
    ]);
  });

  it("keep a total each for starts and deliveries, and share the receivers", () => {
    const starts = new ReceiverCapacity(2, 3);
    const deliveries = new ReceiverCapacity(2, starts);
    expect([starts.take(a), starts.take(a), starts.take(a)]).toEqual([true, true, false]);
    expect([deliveries.free(), deliveries.take(a), deliveries.take(a)]).toEqual([2, true, false]);
    const freed: unknown[] = [];
    starts.onFree((...free) => freed.push(free));
    deliveries.release(a);
    expect(freed).toEqual([[a, true]]);
    expect([starts.free(), deliveries.free(), deliveries.freeFor(a)]).toEqual([0, 2, 1]);
  });

  it("refuse a release of a slot that was not taken", () => {
    const callSlots = new ReceiverCapacity(2, 2);
    expect(() => callSlots.release(a)).toThrow("was not taken");
    callSlots.take(b);
    expect(() => callSlots.release(a)).toThrow("was not taken");
  });

  it("remember nothing of receivers that are not called", () => {
    const callSlots = new ReceiverCapacity(10, 2);
    for (let n = 0; n < 1000; n++) {
      callSlots.take(`http://h${n}`);
      callSlots.release(`http://h${n}`);
    }
    expect([callSlots.limited(), callSlots.free()]).toEqual([[], 10]);
  });

  describe("leave slots to others", () => {
    const total = 64;
    /** Takes what a receiver may get, one at a time, as calls do that come one after the other. */
    const fill = (callSlots: ReceiverCapacity, receiver: string) => {
      let taken = 0;
      for (; callSlots.freeFor(receiver) > 0 && callSlots.take(receiver); taken++);
      return taken;
    };

    it("a receiver that hangs gets a third of what is free, and each further one a third of the rest", () => {
      const callSlots = new ReceiverCapacity(total, 64);
      const promised = callSlots.freeFor(a);
      expect([fill(callSlots, a), callSlots.freeFor(a), callSlots.freeFor(b)]).toEqual([promised, 0, 15]);
      expect([promised, fill(callSlots, b), fill(callSlots, "http://c")]).toEqual([22, 15, 10]);
      callSlots.release(a);
      // It has more than its share now.
      expect([callSlots.freeFor(a), callSlots.freeFor("http://d")]).toEqual([0, 8]);
    });

    it("what is promised together is never more than what is had one after the other", () => {
      for (const [slots, perReceiver] of [
        [64, 64],
        [256, 64],
        [10, 64],
        [3, 2],
      ] as const) {
        const callSlots = new ReceiverCapacity(slots, perReceiver);
        let others = 0;
        for (const receiver of [a, b, "http://c", "http://d"]) {
          const promised = callSlots.freeFor(receiver, 0);
          expect(promised).toBe(new ReceiverCapacity(slots - others, perReceiver).freeFor(receiver));
          expect(fill(callSlots, receiver)).toBe(promised);
          others += promised;
        }
      }
    });

    it("counts what others of the same look are about to take", () => {
      const callSlots = new ReceiverCapacity(total, 64);
      const first = callSlots.freeFor(a);
      const second = callSlots.freeFor(b, first);
      expect([first, second, callSlots.freeFor("http://c", first + second)]).toEqual([22, 15, 10]);
      expect(callSlots.freeFor(a, total)).toBe(0);
    });

    it("but the defaults for starts give one or two receivers all that they may have", () => {
      const callSlots = new ReceiverCapacity(256, 64);
      expect([fill(callSlots, a), fill(callSlots, b), fill(callSlots, "http://c")]).toEqual([64, 64, 43]);
    });

    it("but few are always to be had: a small process is no place to share", () => {
      const callSlots = new ReceiverCapacity(8, 64);
      expect(fill(callSlots, a)).toBe(8);
      const one = new ReceiverCapacity(1, 64);
      expect([one.freeFor(a), one.take(a), one.freeFor(b)]).toEqual([1, true, 0]);
    });

    it("by the calls of the same total alone: starts do not take from the share of deliveries", () => {
      const starts = new ReceiverCapacity(256, 64);
      const deliveries = new ReceiverCapacity(64, starts);
      for (let n = 0; n < 30; n++) starts.take(a);
      expect(deliveries.freeFor(a)).toBe(22);
      for (let n = 0; n < 30; n++) starts.take(a);
      expect(deliveries.freeFor(a)).toBe(4);
    });
  });

  describe("gate receivers", () => {
    it("whose circuit is not closed: none, or one that is the probe", () => {
      const callSlots = new ReceiverCapacity(10, 4);
      callSlots.gate(new Map([[a, 0]]));
      expect([
        callSlots.freeFor(a),
        callSlots.take(a),
        callSlots.isGated(a),
        callSlots.isGated(b),
        callSlots.isGated(null),
      ]).toEqual([...[0, false, true, false, false]]);
      expect(callSlots.limited()).toEqual([{ receiver: a, free: 0, gated: true }]);
      callSlots.gate(new Map([[a, 1]]));
      expect([callSlots.freeFor(a), callSlots.take(a), callSlots.take(a, true)]).toEqual([1, false, true]);
      callSlots.gate(new Map());
      expect([callSlots.freeFor(a), callSlots.take(a), callSlots.limited()]).toEqual([
        ...[3, true],
        [{ receiver: a, free: 2, gated: false }],
      ]);
    });

    it("for starts and deliveries alike, and calls that are open come back all the same", () => {
      const starts = new ReceiverCapacity(4, 4);
      const deliveries = new ReceiverCapacity(4, starts);
      deliveries.take(a);
      starts.gate(new Map([[a, 0]]));
      expect([deliveries.freeFor(a), deliveries.take(a)]).toEqual([0, false]);
      deliveries.release(a);
      expect(deliveries.free()).toBe(4);
    });

    it("all of them, until it is known which may be called", () => {
      const starts = new ReceiverCapacity(4, 4);
      const deliveries = new ReceiverCapacity(4, starts);
      starts.blind();
      expect([starts.free(), deliveries.free(), starts.freeFor(a), starts.freeFor(null)]).toEqual([0, 0, 0, 0]);
      starts.gate(new Map());
      expect([starts.free(), deliveries.freeFor(a)]).toEqual([4, 4]);
    });
  });
});

describe("the share of a receiver", () => {
  const limits = { total: 12, perReceiver: 6 };
  const of = (open: number, toReceiver: number) => ({ open, toReceiver });

  it.each<[string, { open: number; toReceiver: number }[], number, boolean]>([
    ["no process", [], 0, false],
    ["a process without calls", [of(0, 0)], 0, false],
    ["a process whose slots are all taken", [of(12, 6)], 0, false],
    ["a receiver that has its limit", [of(6, 6)], 0, true],
    ["one slot below the limit", [of(5, 5)], 0, false],
    ["two processes, one with a slot for it", [of(6, 6), of(5, 5)], 0, false],
    ["two processes, one of which is full in all", [of(6, 6), of(12, 5)], 0, true],
    ["one slot below the limit, which a delivery has", [of(5, 5)], 1, true],
    ["two slots below the limit, one of which a delivery has", [of(4, 4)], 1, false],
  ])("is used up or not: %s", (_what, processes, others, isUsed) => {
    expect(isShareUsed(processes, others, limits)).toBe(isUsed);
  });

  it("is what the process itself goes by", () => {
    const [total, perReceiver] = [40, 30];
    const slots = new ReceiverCapacity(total, perReceiver);
    let toReceiver = 0;
    while (slots.freeFor(a) > 0 && slots.take(a)) toReceiver++;
    expect(toReceiver).toBeGreaterThan(8);
    expect(toReceiver).toBeLessThan(perReceiver);
    expect(isShareUsed([of(toReceiver, toReceiver)], 0, { total, perReceiver })).toBe(true);
    expect(isShareUsed([of(toReceiver - 1, toReceiver - 1)], 0, { total, perReceiver })).toBe(false);
  });
});
