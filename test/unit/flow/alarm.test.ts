// An alarm rings once, at the earliest of its times, and not before.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Alarm } from "#flow/alarm";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const made = () => {
  const rung: number[] = [];
  const began = performance.now();
  const alarm = new Alarm(() => rung.push(performance.now() - began));
  return { rung, set: (ms: number) => alarm.set(began + ms), stop: () => alarm.stop() };
};

it("rings at the earliest time, once, and then at the next that it is given", () => {
  const { rung, set } = made();
  for (const ms of [500, 200, 900]) set(ms);
  vi.advanceTimersByTime(2_000);
  expect(rung).toEqual([200]);
  set(2_500);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual([200, 2_500]);
});

it("rings at once for a time that has passed, and never after it was stopped", () => {
  const { rung, set, stop } = made();
  set(-50);
  vi.advanceTimersByTime(0);
  expect(rung).toEqual([0]);
  set(100);
  stop();
  vi.advanceTimersByTime(200);
  expect(rung).toHaveLength(1);
});

it("bears a time that is further away than a timer lasts", () => {
  const { rung, set } = made();
  set(90 * 86_400_000);
  vi.advanceTimersByTime(10_000);
  expect(rung).toEqual([]);
});
