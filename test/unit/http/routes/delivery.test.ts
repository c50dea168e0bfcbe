// The calls on deliveries without services: what is asked of the actor, what is refused before, and how its word is answered.
import { describe, expect, it } from "vitest";
import { anyDelivery } from "#domain/command";
import { refused } from "#test/refused";
import { fakeServer } from "../fakes.ts";

const id = "019B0000-0000-7000-8000-00000000000A";
const low = id.toLowerCase();
const { state, asked, json } = await fakeServer();
const one = `/webhook-deliveries/${id}/replay`;
const many = "/webhook-deliveries/replay";
const command = { id: expect.stringMatching(/^[0-9a-f-]{36}$/) };

describe("a replay", () => {
  it("asks for the delivery in lower case, with the client's key", async () => {
    state.answer = () => ({ status: 202, id: low, state: "pending" });
    const answer = await json("POST", one, undefined, { "idempotency-key": "k" });
    expect([answer.statusCode, answer.json()]).toEqual([202, { id: low, status: "pending" }]);
    expect(asked.at(-1)).toEqual({ ...command, verb: "replay", target: low, key: "k" });
  });

  it("asks for all since a time, as it was sent", async () => {
    state.answer = () => ({ status: 202, id: anyDelivery, counts: { replayed: 7 } });
    const since = "2026-01-01T00:00:00+01:00";
    const answer = await json("POST", many, { since });
    expect([answer.statusCode, answer.json()]).toEqual([202, { replayed: 7 }]);
    expect(asked.at(-1)).toEqual({ ...command, verb: "replay_since", target: anyDelivery, since });
  });

  it.each([
    [{ status: 404, error: "x" }, 404, refused("unknown_delivery", "No such delivery")],
    [
      { status: 409, state: "success", error: "no", code: "delivery_pending", allowed: [] },
      409,
      refused("delivery_pending", "no", { current_status: "success", allowed: [] }),
    ],
    [{ status: 422, error: "other", code: "key_reused" }, 422, refused("key_reused", "other")],
    [{ status: 503, error: "set aside", code: "busy" }, 503, refused("busy", "set aside")],
  ])("answers %j", async (said, status, body) => {
    state.answer = () => ({ id: low, ...said }) as never;
    const answer = await json("POST", one);
    expect([answer.statusCode, answer.json()]).toEqual([status, body]);
  });

  it("is not asked for with a body that says no time", async () => {
    const before = asked.length;
    for (const body of [{}, { since: null }, { since: 5 }, { since: "2026-02-30T00:00:00Z" }, [], "2026"])
      expect((await json("POST", many, JSON.stringify(body))).statusCode).toBe(400);
    expect((await json("POST", `/webhook-deliveries/x/replay`)).statusCode).toBe(400);
    expect(asked).toHaveLength(before);
  });
});
