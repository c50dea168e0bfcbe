// Slots and lanes: never more open than allowed, in all and to each receiver, and whoever may have been left behind is told.
import { describe, expect, it } from "vitest";
import { Lanes } from "#webhook/lanes";

const [a, b] = ["http://a:1", "http://b:1"];

describe("lanes", () => {
  it("hold the total and the limit of each receiver", () => {
    const lanes = new Lanes(3, 2);
    expect([lanes.take(a), lanes.take(a), lanes.take(a)]).toEqual([true, true, false]);
    expect([lanes.free(), lanes.room(a), lanes.room(b), lanes.room(null)]).toEqual([1, 0, 1, 1]);
    expect(lanes.take(b)).toBe(true);
    expect([lanes.take(b), lanes.take(null), lanes.free()]).toEqual([false, false, 0]);
    expect(lanes.rooms()).toEqual([
      { receiver: a, room: 0, gated: false },
      { receiver: b, room: 0, gated: false },
    ]);
    lanes.release(a);
    expect([lanes.room(a), lanes.take(null), lanes.free()]).toEqual([1, true, 0]);
  });

  it("tell of each release whether there was no room before", () => {
    const lanes = new Lanes(3, 2);
    const told: unknown[] = [];
    const stop = lanes.onFree((receiver, wasFull) => told.push([receiver, wasFull]));
    for (const receiver of [a, a, b]) lanes.take(receiver);
    for (const receiver of [b, a, a]) lanes.release(receiver);
    stop();
    lanes.take(a);
    lanes.release(a);
    expect(told).toEqual([
      [b, true],
      [a, true],
      [a, false],
    ]);
  });

  it("keep a total each for starts and deliveries, and share the receivers", () => {
    const starts = new Lanes(2, 3);
    const deliveries = new Lanes(2, starts);
    expect([starts.take(a), starts.take(a), starts.take(a)]).toEqual([true, true, false]);
    expect([deliveries.free(), deliveries.take(a), deliveries.take(a)]).toEqual([2, true, false]);
    const told: unknown[] = [];
    starts.onFree((...free) => told.push(free));
    deliveries.release(a);
    expect(told).toEqual([[a, true]]);
    expect([starts.free(), deliveries.free(), deliveries.room(a)]).toEqual([0, 2, 1]);
  });

  it("refuse a release that nobody took", () => {
    const lanes = new Lanes(2, 2);
    expect(() => lanes.release(a)).toThrow("nobody had taken");
    lanes.take(b);
    expect(() => lanes.release(a)).toThrow("nobody had taken");
  });

  it("remember nothing of receivers that nobody calls", () => {
    const lanes = new Lanes(10, 2);
    for (let n = 0; n < 1000; n++) {
      lanes.take(`http://h${n}`);
      lanes.release(`http://h${n}`);
    }
    expect([lanes.rooms(), lanes.free()]).toEqual([[], 10]);
  });

  describe("leave slots to others", () => {
    const total = 64;
    /** Takes what a receiver has room for, one at a time, as calls do that come one after the other. */
    const fill = (lanes: Lanes, receiver: string) => {
      let taken = 0;
      for (; lanes.room(receiver) > 0 && lanes.take(receiver); taken++);
      return taken;
    };

    it("a receiver that hangs gets a third of what is free, and each further one a third of the rest", () => {
      const lanes = new Lanes(total, 64);
      const promised = lanes.room(a);
      expect([fill(lanes, a), lanes.room(a), lanes.room(b)]).toEqual([promised, 0, 15]);
      expect([promised, fill(lanes, b), fill(lanes, "http://c")]).toEqual([22, 15, 10]);
      lanes.release(a);
      // It has more than its share now.
      expect([lanes.room(a), lanes.room("http://d")]).toEqual([0, 8]);
    });

    it("what is promised together is never more than what is had one after the other", () => {
      for (const [slots, perReceiver] of [
        [64, 64],
        [256, 64],
        [10, 64],
        [3, 2],
      ] as const) {
        const lanes = new Lanes(slots, perReceiver);
        let others = 0;
        for (const receiver of [a, b, "http://c", "http://d"]) {
          const promised = lanes.room(receiver, 0);
          expect(promised).toBe(new Lanes(slots - others, perReceiver).room(receiver));
          expect(fill(lanes, receiver)).toBe(promised);
          others += promised;
        }
      }
    });

    it("counts what others of the same look are about to take", () => {
      const lanes = new Lanes(total, 64);
      const first = lanes.room(a);
      const second = lanes.room(b, first);
      expect([first, second, lanes.room("http://c", first + second)]).toEqual([22, 15, 10]);
      expect(lanes.room(a, total)).toBe(0);
    });

    it("but the defaults for starts give one or two receivers all that they may have", () => {
      const lanes = new Lanes(256, 64);
      expect([fill(lanes, a), fill(lanes, b), fill(lanes, "http://c")]).toEqual([64, 64, 43]);
    });

    it("but few are always to be had: a small process is no place to share", () => {
      const lanes = new Lanes(8, 64);
      expect(fill(lanes, a)).toBe(8);
      const one = new Lanes(1, 64);
      expect([one.room(a), one.take(a), one.room(b)]).toEqual([1, true, 0]);
    });

    it("by the calls of the same total alone: starts do not take from the share of deliveries", () => {
      const starts = new Lanes(256, 64);
      const deliveries = new Lanes(64, starts);
      for (let n = 0; n < 30; n++) starts.take(a);
      expect(deliveries.room(a)).toBe(22);
      for (let n = 0; n < 30; n++) starts.take(a);
      expect(deliveries.room(a)).toBe(4);
    });
  });

  describe("gate receivers", () => {
    it("whose circuit is not closed: none, or one that is the probe", () => {
      const lanes = new Lanes(10, 4);
      lanes.gate(new Map([[a, 0]]));
      expect([lanes.room(a), lanes.take(a), lanes.isGated(a), lanes.isGated(b), lanes.isGated(null)]).toEqual([
        ...[0, false, true, false, false],
      ]);
      expect(lanes.rooms()).toEqual([{ receiver: a, room: 0, gated: true }]);
      lanes.gate(new Map([[a, 1]]));
      expect([lanes.room(a), lanes.take(a), lanes.take(a, true)]).toEqual([1, false, true]);
      lanes.gate(new Map());
      expect([lanes.room(a), lanes.take(a), lanes.rooms()]).toEqual([
        ...[3, true],
        [{ receiver: a, room: 2, gated: false }],
      ]);
    });

    it("for starts and deliveries alike, and calls that are open come back all the same", () => {
      const starts = new Lanes(4, 4);
      const deliveries = new Lanes(4, starts);
      deliveries.take(a);
      starts.gate(new Map([[a, 0]]));
      expect([deliveries.room(a), deliveries.take(a)]).toEqual([0, false]);
      deliveries.release(a);
      expect(deliveries.free()).toBe(4);
    });

    it("all of them, until it is known which may be called", () => {
      const starts = new Lanes(4, 4);
      const deliveries = new Lanes(4, starts);
      starts.blind();
      expect([starts.free(), deliveries.free(), starts.room(a), starts.room(null)]).toEqual([0, 0, 0, 0]);
      starts.gate(new Map());
      expect([starts.free(), deliveries.room(a)]).toEqual([4, 4]);
    });
  });
});
