// The batch machine: the count goes down exactly as tasks end, the last one completes the batch and says so once, and
// whatever does not add up (more ended than were left, none, anything after the end) is refused without effect.
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { createTestModel, getAdjacencyMap } from "xstate/graph";
import { type BatchEvent, type BatchState, batchMachine } from "#machines/batch";

const states: readonly BatchState[] = ["open", "complete"];
const ended = (count: number): BatchEvent => ({ type: "member_ended", count });
const counts = [-1, 0, 1, 2, 3, 4];
const batch = (value: BatchState, unfinished: number) => batchMachine.resolveState({ value, context: { unfinished } });

describe.each(states)("%s", (state) => {
  it.each(counts)("%d members ended", (count) => {
    for (const unfinished of [0, 1, 2, 3]) {
      const before = batch(state, unfinished);
      const [after, actions] = transition(batchMachine, before, ended(count));
      const allowed = state === "open" && (count === unfinished || (count > 0 && count < unfinished));
      expect(before.can(ended(count))).toBe(allowed);
      if (!allowed) {
        expect(after).toBe(before);
        expect(actions).toEqual([]);
        continue;
      }
      const last = count === unfinished;
      expect([after.value, after.context.unfinished]).toEqual([last ? "complete" : "open", unfinished - count]);
      expect(actions.map(({ type }) => type).filter((type) => type === "deliverComplete")).toHaveLength(last ? 1 : 0);
    }
  });
});

describe("a batch of four tasks", () => {
  const start = batch("open", 4);
  const events = counts.map(ended);
  const serializeState = (snapshot: typeof start) => JSON.stringify([snapshot.value, snapshot.context]);
  const serializeEvent = (event: BatchEvent) => `${event.count}`;
  const search = { events, serializeState, serializeEvent };

  it("reaches every state, and is complete exactly where none is left", () => {
    const found = Object.values(
      getAdjacencyMap<typeof start, BatchEvent, unknown>(batchMachine, { ...search, fromState: start }),
    ).map(({ state }) => state);
    expect(new Set(found.map(({ value }) => value))).toEqual(new Set(states));
    for (const { value, context } of found) {
      expect(value === "complete").toBe(context.unfinished === 0);
      expect(context.unfinished).toBeGreaterThanOrEqual(0);
    }
  });

  it("comes to the same end on every simple path", async () => {
    const paths = createTestModel(batchMachine, search).getSimplePaths({ fromState: start });
    // As many as there are ways to write 4 as a sum.
    expect(paths).toHaveLength(8);
    for (const path of paths) {
      let left = 4;
      await path.test({
        states: { "*": (snapshot) => expect(snapshot.context.unfinished).toBe(left) },
        events: {
          member_ended: (step) => {
            const event = step.event as BatchEvent;
            if (event.count > 0 && event.count <= left) left -= event.count;
          },
        },
      });
    }
  });
});

it("a batch without tasks is complete by an end of none", () => {
  const [after, actions] = transition(batchMachine, batch("open", 0), ended(0));
  expect(after.value).toBe("complete");
  expect(actions.map(({ type }) => type)).toContain("deliverComplete");
});
