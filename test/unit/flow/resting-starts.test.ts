// Outcomes of starts rest a moment for the report of their task, where reports come in and that is worth it.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RestingStarts } from "#flow/resting-starts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Item {
  readonly task: string;
  readonly claimId: number;
}

const restMs = 100;
const outcome = (task: string, claimId = 1): Item => ({ task, claimId });
const targetOf = ({ task }: Item) => task;

/** Reports come in. */
function made() {
  const givenUp: Item[] = [];
  const resting = new RestingStarts<Item>((item) => givenUp.push(item), restMs);
  resting.release(new Set());
  return { givenUp, resting };
}

it("an outcome rests until its report is decided", () => {
  const { resting, givenUp } = made();
  expect([resting.take(outcome("a"), "a"), resting.size]).toEqual([true, 1]);
  expect(resting.release(new Set(["b", "a"])).map(targetOf)).toEqual(["a"]);
  expect([resting.size, resting.release(new Set(["a"]))]).toEqual([0, []]);
  vi.advanceTimersByTime(10 * restMs);
  expect(givenUp).toEqual([]);
});

it("it rests no longer than that, and each goes on in its order", () => {
  const { resting, givenUp } = made();
  resting.take(outcome("a"), "a");
  vi.advanceTimersByTime(restMs / 2);
  resting.release(new Set());
  resting.take(outcome("b"), "b");
  vi.advanceTimersByTime(restMs - restMs / 2);
  expect(givenUp.map(targetOf)).toEqual(["a"]);
  vi.advanceTimersByTime(restMs);
  expect([givenUp.map(targetOf), resting.size]).toEqual([["a", "b"], 0]);
});

it("none rests where no report came lately", () => {
  const quiet = new RestingStarts<Item>(() => {}, restMs);
  expect([quiet.take(outcome("a"), "a"), quiet.size]).toEqual([false, 0]);
  const { resting } = made();
  vi.advanceTimersByTime(restMs + 1);
  expect(resting.take(outcome("a"), "a")).toBe(false);
});

it("a second outcome of a task does not rest beside the first", () => {
  const { resting } = made();
  expect([resting.take(outcome("a"), "a"), resting.take(outcome("a", 2), "a")]).toEqual([true, false]);
  expect(resting.release(new Set(["a"]))).toMatchObject([{ claimId: 1 }]);
});

it("where reports come later than that, only a few are tried, until they are soon enough again", () => {
  const { resting, givenUp } = made();
  const tried = (names: string) =>
    Array.from({ length: 320 }, (_, i) => resting.take(outcome(`${names}${i}`), `${names}${i}`)).filter(Boolean).length;
  tried("slow");
  vi.advanceTimersByTime(2 * restMs);
  expect(givenUp.length).toBeGreaterThan(0);
  resting.release(new Set());
  const few = tried("next");
  expect(few).toBeGreaterThan(0);
  expect(few).toBeLessThan(100);
  for (let i = 0; i < 200; i++) {
    const task = `soon${i}`;
    if (resting.take(outcome(task), task)) resting.release(new Set([task]));
    for (let n = 0; n < 20; n++)
      if (resting.take(outcome(`${task}.${n}`), `${task}.${n}`)) resting.release(new Set([`${task}.${n}`]));
  }
  resting.release(new Set());
  expect(tried("again")).toBe(320);
});
