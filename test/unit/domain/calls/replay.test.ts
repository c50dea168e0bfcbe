// Which deliveries a replay may touch: what the machine says of each state.
import { describe, expect, it } from "vitest";
import { replayed } from "#domain/calls/replay";
import { type DeliveryState, deliveryMachine } from "#machines/delivery";

const states = Object.keys(deliveryMachine.states) as DeliveryState[];

describe("a replay", () => {
  it("is for settled deliveries alone", () => {
    expect(states.filter((status) => replayed({ status, attempts: 3 }) !== null)).toEqual(["exhausted", "success"]);
  });

  it("gives them all their attempts again, however many they had", () => {
    for (const status of ["exhausted", "success"] as const)
      for (const attempts of [0, 1, 10])
        expect(replayed({ status, attempts })).toEqual({ status: "pending", attempts: 0 });
  });
});
