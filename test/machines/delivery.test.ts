// The delivery machine against a table in plain words: every (state, event) pair at every count that makes a difference
// moves as it says or is refused without effect; what a delivery can live through is walked from xstate/graph's paths.
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { createTestModel, getAdjacencyMap } from "xstate/graph";
import { type DeliveryContext, type DeliveryEvent, type DeliveryState, deliveryMachine } from "#machines/delivery";

const states: readonly DeliveryState[] = ["pending", "success", "exhausted"];
const events: readonly DeliveryEvent[] = [{ type: "arrived" }, { type: "failed" }, { type: "replay" }];

type Expected = readonly [to: DeliveryState, attempts: number, does: readonly string[]];

/** What the contract says; null where the event is refused. */
function expected(
  from: DeliveryState,
  { attempts, maxAttempts }: DeliveryContext,
  event: DeliveryEvent,
): Expected | null {
  const next = attempts + 1;
  if (from === "pending" && event.type === "arrived") return ["success", next, []];
  if (from === "pending" && event.type === "failed")
    return next < maxAttempts ? ["pending", next, ["armBackoff"]] : ["exhausted", next, []];
  if (from !== "pending" && event.type === "replay") return ["pending", 0, ["armNow"]];
  return null;
}

const machineActions = (actions: readonly { type: string }[]) =>
  actions.map(({ type }) => type).filter((type) => !type.startsWith("xstate."));

describe.each(states)("a %s delivery", (state) => {
  it.each(events.map((event) => [event.type, event] as const))("on %s", (_, event) => {
    for (const maxAttempts of [1, 2, 10])
      for (const attempts of [0, 1, maxAttempts - 1, maxAttempts, maxAttempts + 3]) {
        const before = deliveryMachine.resolveState({ value: state, context: { attempts, maxAttempts } });
        const [after, actions] = transition(deliveryMachine, before, event);
        const row = expected(state, { attempts, maxAttempts }, event);
        expect(before.can(event)).toBe(row !== null);
        if (row === null) {
          expect(after).toBe(before);
          expect(actions).toEqual([]);
        } else expect([after.value, after.context.attempts, machineActions(actions)]).toEqual(row);
      }
  });
});

describe("a delivery of three attempts", () => {
  const start = deliveryMachine.resolveState({ value: "pending", context: { attempts: 0, maxAttempts: 3 } });
  const search = {
    events: [...events],
    serializeState: (snapshot: typeof start) => JSON.stringify([snapshot.value, snapshot.context]),
    stopWhen: (snapshot: typeof start) => snapshot.context.attempts > 3,
  };

  it("reaches every state and never has more attempts than it may", () => {
    const found = Object.values(
      getAdjacencyMap<typeof start, DeliveryEvent, unknown>(deliveryMachine, { ...search, fromState: start }),
    );
    expect(new Set(found.map(({ state }) => state.value))).toEqual(new Set(states));
    for (const { state } of found) expect(state.context.attempts).toBeLessThanOrEqual(3);
    for (const { state } of found)
      if (state.value !== "pending")
        expect(events.filter((event) => state.can(event)).map(({ type }) => type)).toEqual(["replay"]);
  });

  it("lives as the table says on every shortest path", async () => {
    const paths = createTestModel(deliveryMachine, search).getShortestPaths({ fromState: start });
    expect(paths.length).toBeGreaterThanOrEqual(4);
    for (const path of paths) {
      let at: { to: DeliveryState; context: DeliveryContext } = { to: "pending", context: start.context };
      await path.test({
        states: { "*": (snapshot) => expect([snapshot.value, snapshot.context]).toEqual([at.to, at.context]) },
        events: Object.fromEntries(
          events.map((event) => [
            event.type,
            () => {
              const row = expected(at.to, at.context, event);
              if (row !== null) at = { to: row[0], context: { ...at.context, attempts: row[1] } };
            },
          ]),
        ),
      });
    }
  });
});
