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
});
