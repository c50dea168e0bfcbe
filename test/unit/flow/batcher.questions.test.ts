// Questions that are answered many at once: each gets its own answer, or the error for which it was given up.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inBatches, type QuestionPolicy } from "#flow/batcher";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failure = new Error("no");
const pass = () => vi.advanceTimersByTimeAsync(0);

describe("questions", () => {
  const ask = (policy: Partial<QuestionPolicy<number, string>>) =>
    inBatches<number, string>({
      max: 10,
      run: async (items) => items.map((n) => `${n} of ${items.length}`),
      remedy: () => "give_up",
      ...policy,
    });

  it("are answered each, as many at once as fit", async () => {
    const one = ask({ fits: (items) => (items[0] === 1 ? 1 : 2) });
    const answers = Promise.all([1, 2, 3, 4].map(one));
    await pass();
    expect(await answers).toEqual(["1 of 1", "2 of 2", "3 of 2", "4 of 1"]);
  });

  it("fail with what made their batch be given up, or made them alone", async () => {
    const run = async (items: readonly number[]) => {
      if (items.includes(2)) throw failure;
      return items.map(String);
    };
    const outcomes = async (one: (n: number) => Promise<string>) => {
      const all = Promise.allSettled([1, 2, 3].map(one));
      await pass();
      return (await all).map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason));
    };
    expect(await outcomes(ask({ run }))).toEqual([failure, failure, failure]);
    expect(await outcomes(ask({ run, remedy: () => "halve" }))).toEqual(["1", failure, "3"]);
  });

  it("do not wait for each other where an answer is still to come", async () => {
    const late = Promise.withResolvers<string>();
    const one = ask({ run: async (items) => items.map((n) => (n === 1 ? late.promise : String(n))) });
    const [first, second] = [one(1), one(2)];
    await pass();
    expect(await second).toBe("2");
    late.resolve("late");
    expect(await first).toBe("late");
  });
});
