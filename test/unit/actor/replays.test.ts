// Which deliveries a replay may touch: what the machine says of each state.
import { describe, expect, it } from "vitest";
import { replayed } from "#actor/replays";
import { type DeliveryState, deliveryMachine } from "#machines/delivery";

const states = Object.keys(deliveryMachine.states) as DeliveryState[];

describe("a replay", () => {
  it("is for exhausted deliveries alone", () => {
    expect(states.filter((status) => replayed({ status, attempts: 3 }) !== null)).toEqual(["exhausted"]);
  });

  it("gives them all their attempts again, however many they had", () => {
    for (const attempts of [0, 1, 10]) {
      expect(replayed({ status: "exhausted", attempts })).toEqual({ status: "pending", attempts: 0 });
    }
  });
});
