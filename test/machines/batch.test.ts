// The batch machine against a table in plain words: the count goes down exactly as tasks end; the last end of a batch that is
// not open completes it, and says so once; whatever does not add up is refused without effect; a stop closes it and is not
// taken back. What a batch can live through is walked from xstate/graph's paths.
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { createTestModel, getAdjacencyMap } from "xstate/graph";
import { type BatchContext, type BatchEvent, type BatchState, batchMachine } from "#machines/batch";

const states: readonly BatchState[] = ["running", "paused", "stopping", "complete"];
const ended = (count: number): BatchEvent => ({ type: "tasks_ended", count });
const events: readonly BatchEvent[] = [
  ...[-1, 0, 1, 2, 3, 4].map(ended),
  ...[-1, 0, 2].map((count): BatchEvent => ({ type: "tasks_added", count })),
  { type: "pause" },
  { type: "resume" },
  { type: "stop" },
  { type: "deadline" },
  { type: "close" },
];
const keyOf = (event: BatchEvent) =>
  event.type === "tasks_ended"
    ? `the end of ${event.count}`
    : event.type === "tasks_added"
      ? `the adding of ${event.count}`
      : event.type;

interface Expected extends BatchContext {
  readonly to: BatchState;
}

/** What the contract says; null where the event is refused, or changes nothing. */
function expected(from: BatchState, { unfinished, open }: BatchContext, event: BatchEvent): Expected | null {
  if (from === "complete") return null;
  switch (event.type) {
    case "tasks_ended": {
      const left = unfinished - event.count;
      if (left === 0 && !open) return { to: "complete", unfinished: 0, open };
      return event.count > 0 && left >= 0 ? { to: from, unfinished: left, open } : null;
    }
    case "tasks_added":
      return event.count >= 0 && from !== "stopping" ? { to: from, unfinished: unfinished + event.count, open } : null;
    case "close":
      return { to: unfinished === 0 ? "complete" : from, unfinished, open: false };
    case "stop":
    case "deadline":
      return from === "stopping" ? null : { to: unfinished === 0 ? "complete" : "stopping", unfinished, open: false };
    case "pause":
      return from === "running" ? { to: "paused", unfinished, open } : null;
    case "resume":
      return from === "paused" ? { to: "running", unfinished, open } : null;
  }
}

const batch = (value: BatchState, context: BatchContext) => batchMachine.resolveState({ value, context });
const named = (actions: readonly { type: string }[]) => actions.map(({ type }) => type);

describe.each(states)("a batch that is %s", (state) => {
  it.each(events.map((event) => [keyOf(event), event] as const))("hears of %s", (_, event) => {
    for (const unfinished of [0, 1, 2, 3])
      for (const open of [false, true]) {
        const before = batch(state, { unfinished, open });
        const [after, actions] = transition(batchMachine, before, event);
        const row = expected(state, { unfinished, open }, event);
        expect(before.can(event)).toBe(row !== null);
        if (row === null) {
          expect([after.value, after.context, named(actions)]).toEqual([state, { unfinished, open }, []]);
          continue;
        }
        const { to, ...context } = row;
        expect([after.value, after.context]).toEqual([to, context]);
        expect(named(actions)).toEqual(to === "complete" ? ["deliverComplete"] : []);
      }
  });
});

describe.each([false, true])("a batch of four tasks, open: %s", (open) => {
  const start = batch("running", { unfinished: 4, open });
  const search = {
    // Without bound otherwise.
    events: events.filter(({ type }) => type !== "tasks_added"),
    serializeState: (snapshot: typeof start) => JSON.stringify([snapshot.value, snapshot.context]),
    serializeEvent: keyOf,
  };

  it("reaches every state, and is complete exactly where nothing is left and nothing can be added", () => {
    const found = Object.values(
      getAdjacencyMap<typeof start, BatchEvent, unknown>(batchMachine, { ...search, fromState: start }),
    ).map(({ state }) => state);
    expect(new Set(found.map(({ value }) => value))).toEqual(new Set(states));
    for (const { value, context } of found) {
      expect(value === "complete").toBe(context.unfinished === 0 && !context.open);
      expect(context.unfinished).toBeGreaterThanOrEqual(0);
      expect(value !== "stopping" || !context.open).toBe(true);
    }
  });

  it("comes to the end that the table says on every shortest path", async () => {
    const paths = createTestModel(batchMachine, search).getShortestPaths({ fromState: start });
    expect(paths.length).toBeGreaterThan(open ? 10 : 8);
    for (const path of paths) {
      let now: Expected = { to: "running", unfinished: 4, open };
      const play = (step: { event: { type: string } }) => {
        if (step.event.type !== "xstate.init") now = expected(now.to, now, step.event as BatchEvent) ?? now;
      };
      await path.test({
        states: {
          "*": ({ value, context }) => {
            const { to, ...rest } = now;
            expect([value, context]).toEqual([to, rest]);
          },
        },
        events: Object.fromEntries(events.map(({ type }) => [type, play])),
      });
    }
  });
});

it("a batch without tasks is complete by an end of none, unless it is open", () => {
  const [after, actions] = transition(batchMachine, batch("running", { unfinished: 0, open: false }), ended(0));
  expect([after.value, named(actions)]).toEqual(["complete", ["deliverComplete"]]);
  expect(batch("running", { unfinished: 0, open: true }).can(ended(0))).toBe(false);
});
