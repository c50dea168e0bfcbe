// The schedule machine against rules in plain words: every (state, event) pair in every context that makes a difference moves as
// they say or is refused without effect; and what a schedule can live through is walked from xstate/graph's paths.
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { createTestModel, getAdjacencyMap } from "xstate/graph";
import {
  catchUps,
  madeUpMax,
  overlaps,
  type ScheduleContext,
  type ScheduleEvent,
  type ScheduleState,
  scheduleMachine,
  type WaitingTime,
} from "#machines/schedule";

const states: readonly ScheduleState[] = ["active", "paused", "deleted"];
const long = Array.from({ length: madeUpMax + 2 }, (_, n) => n + 10);
const events: readonly ScheduleEvent[] = [
  { type: "came", at: 9 },
  { type: "missed", times: [7, 8, 9] },
  { type: "missed", times: long },
  { type: "missed", times: [] },
  ...[1, 2].flatMap((at) => [{ type: "made", at } as const, { type: "refused", at } as const]),
  { type: "stop_batches" },
  ...overlaps.map((overlap) => ({ type: "change", overlap, catchUp: "none" }) as const),
  { type: "pause" },
  { type: "resume" },
  { type: "delete" },
];
const named = (event: ScheduleEvent) => JSON.stringify(event).slice(0, 60);

const fresh = (at: number): WaitingTime => ({ at, refused: false });
const stale = (at: number): WaitingTime => ({ at, refused: true });
const queues: readonly (readonly WaitingTime[])[] = [
  [],
  [fresh(1)],
  [stale(1)],
  [fresh(1), fresh(2)],
  [stale(1), fresh(2)],
  [stale(1), stale(2)],
];
const contexts: readonly ScheduleContext[] = overlaps.flatMap((overlap) =>
  catchUps.flatMap((catchUp) =>
    queues.flatMap((waiting) => [0, 2].map((unfinished) => ({ overlap, catchUp, waiting, unfinished, skipped: [] }))),
  ),
);

type Change = Partial<ScheduleContext> & { readonly to?: ScheduleState; readonly does?: string };
type Skipped = ScheduleContext["skipped"];
const skip = (reason: Skipped[number]["reason"], times: readonly number[]): Skipped =>
  times.map((at) => ({ at, reason }));
const atsOf = (waiting: readonly WaitingTime[]) => waiting.map(({ at }) => at);

/** What the contract says, as a change; null where the event is refused. */
function expected(from: ScheduleState, context: ScheduleContext, event: ScheduleEvent): Change | null {
  if (from === "deleted") return null;
  if (event.type === "pause") return from === "active" ? { to: "paused" } : null;
  if (event.type === "resume") return from === "paused" ? { to: "active" } : null;
  if (event.type === "delete") return { to: "deleted", waiting: [] };
  if (event.type === "change") {
    const { overlap, catchUp } = event;
    if (overlap !== "replace") return { overlap, catchUp };
    const { waiting } = context;
    return { overlap, catchUp, waiting: waiting.slice(-1), skipped: skip("overlap", atsOf(waiting.slice(0, -1))) };
  }
  return from === "active" ? expectedOfActive(context, event) : null;
}

function expectedOfActive(context: ScheduleContext, event: ScheduleEvent): Change | null {
  const { overlap, catchUp, waiting, unfinished } = context;
  const untried = waiting.filter(({ refused }) => !refused);
  const over = skip("refused", atsOf(waiting.filter(({ refused }) => refused)));
  const isFree = overlap === "allow" || unfinished === 0;
  switch (event.type) {
    case "came":
      if (overlap === "replace")
        return { waiting: [fresh(event.at)], skipped: [...over, ...skip("overlap", atsOf(untried))] };
      if (overlap === "skip" && (unfinished > 0 || untried.length > 0))
        return { waiting: untried, skipped: [...over, ...skip("overlap", [event.at])] };
      return { waiting: [...untried, fresh(event.at)], skipped: over };
    case "missed": {
      const all = overlap === "replace" ? 1 : 100;
      const n = { none: 0, last: 1, all }[catchUp];
      const made = n === 0 ? [] : event.times.slice(-n);
      const left = skip("missed", event.times.slice(0, event.times.length - made.length));
      if (overlap !== "replace" || made.length === 0)
        return { waiting: [...untried, ...made.map(fresh)], skipped: [...over, ...left] };
      return { waiting: made.map(fresh), skipped: [...over, ...skip("overlap", atsOf(untried)), ...left] };
    }
    case "made":
      if (waiting[0]?.at !== event.at || !isFree) return null;
      return { waiting: waiting.slice(1), unfinished: unfinished + 1 };
    case "refused": {
      const next = overlap === "allow" ? untried[0] : waiting[0];
      if (next?.at !== event.at || !isFree) return null;
      return { waiting: waiting.map((time) => (time.at === event.at ? stale(time.at) : time)) };
    }
    case "stop_batches":
      return overlap === "replace" && waiting.length > 0 && unfinished > 0 ? { does: "stopBatches" } : null;
    default:
      throw new Error(`no rule says what ${event.type} does`);
  }
}

function check(state: ScheduleState, context: ScheduleContext, event: ScheduleEvent): void {
  const before = scheduleMachine.resolveState({ value: state, context });
  const [after, actions] = transition(scheduleMachine, before, event);
  const change = expected(state, context, event);
  expect(before.can(event), `${named(event)} in ${state}, ${JSON.stringify(context)}`).toBe(change !== null);
  if (change === null) {
    expect([after.value, after.context]).toEqual([state, context]);
    return;
  }
  const { to = state, does, ...changed } = change;
  expect([after.value, after.context]).toEqual([to, { ...context, ...changed }]);
  const done = actions.map(({ type }) => type).filter((type) => !type.startsWith("xstate."));
  expect(done).toEqual(does === undefined ? [] : [does]);
}

describe.each(states)("a schedule that is %s", (state) => {
  it.each(events.map((event) => [named(event), event] as const))("on %s", (_, event) => {
    for (const context of contexts) check(state, context, event);
  });
});

describe("a schedule that may live through anything", () => {
  const few: readonly ScheduleEvent[] = [
    ...[1, 2].flatMap((at) => [
      { type: "came", at } as const,
      { type: "made", at } as const,
      { type: "refused", at } as const,
    ]),
    { type: "missed", times: [3, 4] },
    ...[3, 4].map((at) => ({ type: "made", at }) as const),
    { type: "pause" },
    { type: "resume" },
    { type: "delete" },
  ];
  const search = {
    events: [...few],
    serializeState: (snapshot: ReturnType<typeof scheduleMachine.resolveState>) =>
      JSON.stringify([snapshot.value, snapshot.context.waiting, snapshot.context.unfinished]),
    stopWhen: ({ context }: { context: ScheduleContext }) => context.waiting.length > 3 || context.unfinished > 2,
  };

  describe.each(overlaps)("under %s", (overlap) => {
    const context: ScheduleContext = { overlap, catchUp: "all", waiting: [], unfinished: 0, skipped: [] };
    const start = scheduleMachine.resolveState({ value: "active", context });

    it("reaches every state, and never has two batches where it may have one", () => {
      const found = Object.values(
        getAdjacencyMap<typeof start, ScheduleEvent, unknown>(scheduleMachine, { ...search, fromState: start }),
      );
      expect(new Set(found.map(({ state }) => state.value))).toEqual(new Set(states));
      const most = Math.max(...found.map(({ state }) => state.context.unfinished));
      expect(most).toBe(overlap === "allow" ? 3 : 1);
      if (overlap === "replace") expect(Math.max(...found.map(({ state }) => state.context.waiting.length))).toBe(1);
    });

    it("lives as the rules say on every shortest path", async () => {
      const paths = createTestModel(scheduleMachine, search).getShortestPaths({ fromState: start });
      expect(paths.length).toBeGreaterThan(3);
      for (const path of paths) {
        let at: { to: ScheduleState; context: ScheduleContext } = { to: "active", context };
        await path.test({
          states: {
            "*": (snapshot) =>
              expect([snapshot.value, snapshot.context.waiting, snapshot.context.unfinished]).toEqual([
                ...[at.to, at.context.waiting, at.context.unfinished],
              ]),
          },
          events: Object.fromEntries(
            [...new Set(few.map(({ type }) => type))].map((type) => [
              type,
              ({ event }: { event: ScheduleEvent }) => {
                const change = expected(at.to, at.context, event);
                if (change === null) return;
                const { to = at.to, does: _, skipped: __, ...changed } = change;
                at = { to, context: { ...at.context, ...changed } };
              },
            ]),
          ),
        });
      }
    });
  });
});
