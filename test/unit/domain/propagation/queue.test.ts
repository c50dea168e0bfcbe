// Steps come out down before up, down by the lowest rank with a judgement before the news, up by the highest; each task and
// step is in it once, with the lower of its causes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StepQueue } from "#domain/propagation/queue";
import type { Step } from "#domain/propagation/work";
import { seed } from "#test/seed";
import { batchId } from "../../actor/rows.ts";

const step = (kind: Step["step"], rank: number, more: Partial<Step> = {}): Step => ({
  ...{
    batchId,
    taskId: `t${rank}`,
    step: kind,
    rank,
    cause: 1,
    lastCause: 1,
    after: null,
    upto: 99,
    status: null,
    children: 0,
  },
  ...more,
});
const nameOf = ({ step, rank }: Step) => `${step} ${rank}`;
const next = (queue: StepQueue) => queue.down() ?? queue.up();

describe("the queue of steps", () => {
  it("is empty at first, and again after the last", () => {
    const queue = new StepQueue();
    expect([queue.down(), queue.up(), queue.size]).toEqual([undefined, undefined, 0]);
    const only = step("judge", 3);
    queue.add(only);
    expect([queue.down(), queue.size, queue.left()]).toEqual([only, 1, [only]]);
    queue.drop(only);
    expect([queue.down(), queue.size, queue.left()]).toEqual([undefined, 0, []]);
  });

  it("gives nothing up while something goes down", () => {
    const queue = new StepQueue();
    queue.add(step("up", 9));
    queue.add(step("down", 1));
    expect(queue.up()).toBeUndefined();
    queue.drop(queue.down() as Step);
    expect(queue.up()?.rank).toBe(9);
  });

  it("keeps a step that is there, with its cursor and the lower cause", () => {
    const queue = new StepQueue();
    queue.add(step("down", 1, { cause: 5, after: "c" }));
    queue.add(step("down", 1, { cause: 7, lastCause: 7 }));
    expect(queue.find({ taskId: "t1", step: "down" })).toMatchObject({ cause: 5, lastCause: 7, after: "c" });
    queue.add(step("down", 1, { cause: 2 }));
    expect([queue.find({ taskId: "t1", step: "down" })?.cause, queue.size]).toEqual([2, 1]);
    expect(queue.find({ taskId: "t1", step: "judge" })).toBeUndefined();
  });

  it("names what comes soon, of one kind, and no more than asked for", () => {
    const queue = new StepQueue();
    for (const rank of [5, 1, 3]) queue.add(step("judge", rank));
    queue.add(step("down", 2));
    expect(queue.ahead("judge", 9).map(({ rank }) => rank)).toEqual([1, 3, 5]);
    expect(queue.ahead("judge", 1).map(({ rank }) => rank)).toEqual([1]);
    expect(queue.ahead("up", 9)).toEqual([]);
  });

  it("forgets one batch alone", () => {
    const queue = new StepQueue();
    queue.add(step("down", 1));
    queue.add(step("up", 2));
    queue.add(step("judge", 3, { batchId: "other" }));
    queue.clear(batchId);
    expect(queue.left().map(nameOf)).toEqual(["judge 3"]);
    expect(queue.down()?.rank).toBe(3);
  });

  it("orders any sequence of adding and taking", () => {
    const adding = fc.tuple(fc.constantFrom<Step["step"]>("judge", "down", "up"), fc.nat(12));
    fc.assert(
      fc.property(fc.array(fc.option(adding, { nil: null }), { maxLength: 80 }), (moves) => {
        const queue = new StepQueue();
        const waiting = new Map<string, Step>();
        for (const move of moves) {
          if (move !== null) {
            const added = step(...move);
            waiting.set(nameOf(added), waiting.get(nameOf(added)) ?? added);
            queue.add(added);
            continue;
          }
          const taken = next(queue);
          expect(taken && nameOf(taken)).toBe(firstOf([...waiting.values()]));
          if (taken === undefined) continue;
          waiting.delete(nameOf(taken));
          queue.drop(taken);
        }
        expect(queue.left().map(nameOf).sort()).toEqual([...waiting.keys()].sort());
      }),
      { seed },
    );
  });
});

/** By the words above. */
function firstOf(steps: readonly Step[]): string | undefined {
  const down = steps.filter(({ step }) => step !== "up");
  const lowest = Math.min(...down.map(({ rank }) => rank));
  const first = down.filter(({ rank }) => rank === lowest).sort((a, b) => (a.step < b.step ? 1 : -1))[0];
  const highest = steps.toSorted((a, b) => b.rank - a.rank)[0];
  return first ? nameOf(first) : highest && nameOf(highest);
}
