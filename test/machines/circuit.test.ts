// The circuit machine against a table in plain words: every (state, event) pair in every context that makes a difference
// moves as it says or is refused without effect; and what a circuit can live through is walked from xstate/graph's paths.
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { createTestModel, getAdjacencyMap } from "xstate/graph";
import {
  type CircuitContext,
  type CircuitEvent,
  type CircuitPolicy,
  type CircuitState,
  circuitMachine,
  healthy,
} from "#machines/circuit";

const policy: CircuitPolicy = { failureThreshold: 3, windowMs: 100, recoveryMs: 50, successThreshold: 2, probeMs: 10 };
const states: readonly CircuitState[] = ["closed", "open", "half_open"];
const at = 1_000;
const events: readonly CircuitEvent[] = [
  { type: "failed", at, probe: false },
  { type: "failed", at, probe: true },
  { type: "succeeded", at, probe: false },
  { type: "succeeded", at, probe: true },
  { type: "gave_up", at, waitMs: 0 },
  { type: "gave_up", at, waitMs: 30 },
  { type: "probe", at },
];
const keyOf = (event: CircuitEvent) =>
  `${event.type}${"probe" in event && event.probe ? " of a probe" : ""}${"waitMs" in event ? ` for ${event.waitMs}` : ""}`;

type Change = Partial<CircuitContext> & { readonly to?: CircuitState };
const clean: Change = { failures: 0, since: null, successes: 0, openUntil: null, probeUntil: null };

/** What the contract says, as a change; null where the event is refused. */
function expected(from: CircuitState, before: CircuitContext, event: CircuitEvent): Change | null {
  const { failures, since, successes, openUntil, probeUntil, policy } = before;
  const opened = { to: "open", openUntil: event.at + policy.recoveryMs, successes: 0, probeUntil: null } as const;
  if (from === "closed" && event.type === "failed") {
    const inRow = since !== null && event.at - since <= policy.windowMs;
    const counted = inRow ? { failures: failures + 1 } : { failures: 1, since: event.at };
    return counted.failures >= policy.failureThreshold ? { ...counted, ...opened } : counted;
  }
  if (from === "closed" && event.type === "succeeded") return failures > 0 ? clean : null;
  if (event.type === "probe") {
    const mayBegin = event.at >= (openUntil ?? 0) && (from === "open" || event.at >= (probeUntil ?? 0));
    return from !== "closed" && mayBegin ? { to: "half_open", probeUntil: event.at + policy.probeMs } : null;
  }
  if (from !== "half_open") return null;
  if (event.type === "gave_up")
    return { probeUntil: null, openUntil: Math.max(openUntil ?? 0, event.at + event.waitMs) };
  if (!event.probe) return null;
  if (event.type === "failed") return { failures: failures + 1, ...opened };
  if (successes + 1 >= policy.successThreshold) return { to: "closed", ...clean };
  return { successes: successes + 1, probeUntil: null };
}

function check(state: CircuitState, context: CircuitContext, event: CircuitEvent): void {
  const before = circuitMachine.resolveState({ value: state, context });
  const [after, actions] = transition(circuitMachine, before, event);
  const change = expected(state, context, event);
  expect(before.can(event)).toBe(change !== null);
  if (change === null) {
    expect(after).toBe(before);
    expect(actions).toEqual([]);
    return;
  }
  const { to = state, ...fields } = change;
  expect([after.value, after.context]).toEqual([to, { ...context, ...fields }]);
}

describe.each(states)("a circuit that is %s", (state) => {
  it.each(events.map((event) => [keyOf(event), event] as const))("on %s", (_, event) => {
    for (const failureThreshold of [1, 3])
      for (const failures of [0, 1, 2, 5])
        for (const since of [null, at, at - 100, at - 101])
          for (const successes of [0, 1, 4])
            for (const openUntil of [null, at - 1, at, at + 1])
              for (const probeUntil of [null, at - 1, at, at + 1]) {
                const counts = { failures, since, successes, openUntil, probeUntil };
                check(state, { ...counts, policy: { ...policy, failureThreshold } }, event);
              }
  });
});

describe("a life", () => {
  const start = circuitMachine.resolveState({ value: "closed", context: { ...healthy, policy } });
  // Later and later, so that each event may be within a window, a recovery or a probe, or after it.
  const all = [10, 70, 130, 200].flatMap((time) => events.map((event) => ({ ...event, at: time })));
  const search = {
    events: all,
    fromState: start,
    serializeState: (snapshot: typeof start) => JSON.stringify([snapshot.value, snapshot.context]),
    serializeEvent: (event: CircuitEvent) => JSON.stringify(event),
    stopWhen: (snapshot: typeof start) => snapshot.context.failures > 4,
  };

  it("goes through every state, and says what the table guards", () => {
    const found = Object.values(getAdjacencyMap<typeof start, CircuitEvent, unknown>(circuitMachine, search));
    expect(new Set(found.map(({ state }) => state.value))).toEqual(new Set(states));
    for (const { state } of found) {
      const { openUntil, probeUntil, failures, successes } = state.context;
      expect((state.value === "closed") === (openUntil === null)).toBe(true);
      expect(probeUntil === null || state.value === "half_open").toBe(true);
      expect(state.value === "closed" || failures >= 1).toBe(true);
      expect(successes === 0 || state.value === "half_open").toBe(true);
    }
  });

  it("is as the table says on every shortest path", async () => {
    const paths = createTestModel(circuitMachine, search as never).getShortestPaths({ fromState: start } as never);
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      let now: { to: CircuitState; context: CircuitContext } = { to: "closed", context: start.context };
      for (const { event } of path.steps) {
        if ((event as { type: string }).type === "xstate.init") continue;
        const { to = now.to, ...fields } = expected(now.to, now.context, event as CircuitEvent) ?? {};
        now = { to, context: { ...now.context, ...fields } };
      }
      expect([path.state.value, path.state.context]).toEqual([now.to, now.context]);
    }
  });
});
