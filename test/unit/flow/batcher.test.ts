// What goes together and when, and what a failure does: tried again, halved until the one at fault is alone, or given up.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Batcher, type BatchPolicy } from "#flow/batcher";
import { seed } from "#test/seed";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The rest of the pass of the event loop. */
const pass = () => vi.advanceTimersByTimeAsync(0);
const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Batches that end when the test says so, or fail with the next of `errors`. */
function rig(policy: Partial<BatchPolicy<number>> = {}) {
  const runs: { readonly items: readonly number[]; readonly end: (locked?: readonly number[]) => void }[] = [];
  const errors: (Error | null)[] = [];
  const givenUp: [readonly number[], unknown][] = [];
  const batcher = new Batcher<number>({
    max: 10,
    run: async (items) => {
      const error = errors.shift();
      const ended = Promise.withResolvers<readonly number[]>();
      runs.push({ items: [...items], end: (locked = []) => ended.resolve(locked) });
      if (error) throw error;
      return error === null ? [] : ended.promise;
    },
    remedy: () => "give_up",
    giveUp: (items, error) => void givenUp.push([items, error]),
    ...policy,
  });
  const put = (...items: number[]) => {
    for (const item of items) batcher.put(item);
  };
  return { batcher, put, runs, errors, givenUp, items: () => runs.map((one) => one.items) };
}

const failure = new Error("no");

describe("a batch", () => {
  it("takes what one pass of the event loop brings, and then what came while the last was under way", async () => {
    const { put, runs, items } = rig();
    put(1, 2);
    expect(items()).toEqual([]);
    await pass();
    put(3);
    put(4, 5);
    await pass();
    expect(items()).toEqual([[1, 2]]);
    runs[0]?.end();
    await pass();
    expect(items()).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
  });

  it("is no larger than `max`, and the rest comes next, in order", async () => {
    const { put, runs, items, batcher } = rig({ max: 2 });
    put(1, 2, 3, 4, 5);
    for (let n = 0; n < 3; n++) {
      await pass();
      runs[n]?.end();
    }
    await pass();
    expect(items()).toEqual([[1, 2], [3, 4], [5]]);
    expect(batcher.size).toBe(0);
  });

  it("is what `take` removes, from wherever", async () => {
    const isEven = (n: number) => n % 2 === 0;
    const take = (waiting: number[]) => {
      const [first = 0] = waiting;
      const taken = waiting.filter((n) => isEven(n) === isEven(first));
      waiting.splice(0, waiting.length, ...waiting.filter((n) => !taken.includes(n)));
      return taken;
    };
    const { put, runs, items } = rig({ take });
    put(1, 2, 3, 4);
    await pass();
    runs[0]?.end();
    await pass();
    expect(items()).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it("is one of `concurrency` at once", async () => {
    const { put, runs, items } = rig({ max: 1, concurrency: 2 });
    put(1, 2, 3);
    await pass();
    expect(items()).toEqual([[1], [2]]);
    runs[1]?.end();
    await pass();
    expect(items()).toEqual([[1], [2], [3]]);
  });
});

describe("the wait for company", () => {
  it("ends with its time, and begins anew for each batch", async () => {
    const { put, runs, items } = rig({ lingerMs: 20 });
    put(1);
    await advance(19);
    put(2);
    expect(items()).toEqual([]);
    await advance(1);
    expect(items()).toEqual([[1, 2]]);
    put(3);
    runs[0]?.end();
    await advance(19);
    expect(items()).toHaveLength(1);
    await advance(1);
    expect(items()).toEqual([[1, 2], [3]]);
  });

  it("ends as soon as a batch is full", async () => {
    const { put, items } = rig({ lingerMs: 20, max: 3 });
    put(1);
    await pass();
    put(2, 3);
    await pass();
    expect(items()).toEqual([[1, 2, 3]]);
  });

  it("ends as soon as there are enough, and is none where they are there from the beginning", async () => {
    let enough = 2;
    const { put, runs, items } = rig({ lingerMs: 20, enough: () => enough });
    put(1);
    await pass();
    expect(items()).toEqual([]);
    put(2);
    await pass();
    expect(items()).toEqual([[1, 2]]);
    enough = 0;
    put(3);
    runs[0]?.end();
    await pass();
    expect(items()).toEqual([[1, 2], [3]]);
  });
});

describe("what is locked by another transaction", () => {
  it("comes again behind what waits", async () => {
    const { put, runs, items, batcher } = rig({ max: 2 });
    put(1, 2, 3);
    await pass();
    runs[0]?.end([1]);
    await pass();
    expect(items()).toEqual([
      [1, 2],
      [3, 1],
    ]);
    runs[1]?.end();
    await batcher.idle();
  });

  it("is looked at again after a pause where it is all of a batch", async () => {
    const { put, runs, items } = rig({ lockedMs: 50 });
    put(1);
    await pass();
    runs[0]?.end([1]);
    await advance(49);
    expect(items()).toEqual([[1]]);
    await advance(1);
    expect(items()).toEqual([[1], [1]]);
  });
});

describe("a failure", () => {
  it("is waited out by the same batch, before all others, with the pauses that the policy gives", async () => {
    const seen: [unknown, number][] = [];
    const remedy = (error: unknown, tries: number) => {
      seen.push([error, tries]);
      return 100 * tries;
    };
    const { put, errors, items, givenUp } = rig({ remedy });
    errors.push(failure, failure, null, null);
    put(1, 2);
    await pass();
    put(3);
    await advance(99);
    expect(items()).toEqual([[1, 2]]);
    await advance(1);
    expect(items()).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await advance(199);
    expect(items()).toHaveLength(2);
    await advance(1);
    expect(items()).toEqual([[1, 2], [1, 2], [1, 2], [3]]);
    expect(seen).toEqual([
      [failure, 1],
      [failure, 2],
    ]);
    expect(givenUp).toEqual([]);
  });

  it("gives up all of a batch at once where the policy says so, and the next is begun", async () => {
    const { put, errors, items, givenUp, batcher } = rig();
    errors.push(failure, null);
    put(1, 2);
    await pass();
    put(3);
    await Promise.all([batcher.idle(), pass()]);
    expect(givenUp).toEqual([[[1, 2], failure]]);
    expect(items()).toEqual([[1, 2], [3]]);
  });

  it("gives up the one at fault alone: exactly the others are done, each once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (faults) => {
        const done: number[] = [];
        const givenUp: number[] = [];
        let runs = 0;
        const batcher = new Batcher<number>({
          max: 16,
          run: async (items) => {
            runs++;
            if (items.some((n) => faults[n])) throw failure;
            done.push(...items);
            return [];
          },
          remedy: () => "halve",
          giveUp: (items) => {
            expect(items).toHaveLength(1);
            givenUp.push(...items);
          },
        });
        for (const n of faults.keys()) batcher.put(n);
        await Promise.all([batcher.idle(), pass()]);
        const by = (isFault: boolean) => [...faults.keys()].filter((n) => faults[n] === isFault);
        expect(done).toEqual(by(false));
        expect(givenUp).toEqual(by(true));
        expect(runs).toBeLessThanOrEqual(Math.ceil(faults.length / 16) + 2 * 4 * givenUp.length);
      }),
      { seed },
    );
  });

  it("is held against halves too: they have its tries behind them", async () => {
    const tries: number[] = [];
    const remedy = (_: unknown, n: number) => {
      tries.push(n);
      return n < 3 ? 10 : "halve";
    };
    const { put, errors, givenUp } = rig({ remedy });
    errors.push(failure, failure, failure, failure, null);
    put(1, 2);
    await advance(30);
    expect(tries).toEqual([1, 2, 3, 3]);
    expect(givenUp).toEqual([[[1], failure]]);
  });
});

describe("the end", () => {
  it("is idle when everything is done, what waits and what is locked too", async () => {
    const { put, runs, batcher } = rig({ max: 1 });
    await batcher.idle();
    put(1, 2);
    let isIdle = false;
    void batcher.idle().then(() => {
      isIdle = true;
    });
    await pass();
    runs[0]?.end([1]);
    await pass();
    runs[1]?.end();
    await pass();
    expect(isIdle).toBe(false);
    runs[2]?.end();
    await pass();
    expect(isIdle).toBe(true);
  });

  it("forgets what waits, and tries nothing again, once it is stopped", async () => {
    const { put, errors, items, givenUp, batcher } = rig({ remedy: () => 100 });
    errors.push(failure);
    put(1);
    await pass();
    put(2);
    batcher.stop();
    put(3);
    await advance(1_000);
    await batcher.idle();
    expect(items()).toEqual([[1]]);
    expect(givenUp).toEqual([]);
  });

  it("waits for no more company once it is stopped", async () => {
    const { put, items, batcher } = rig({ lingerMs: 1_000 });
    put(1);
    await pass();
    batcher.stop();
    await batcher.idle();
    expect(items()).toEqual([]);
  });
});
