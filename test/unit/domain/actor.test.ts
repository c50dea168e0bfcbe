// How Baton names who did something, and what a reason is.
import { describe, expect, it } from "vitest";
import { isActor, reasonIn, workerActor } from "#domain/actor";

const id = "019b0000-0000-7000-8000-00000000000a";

describe("an actor", () => {
  it.each([
    ...["anonymous", "token", "token:deploy", "token:A.b_c-9", "handle", "nats"],
    ...["schedule:nightly", `bulk:${id}`, workerActor(7)],
  ])("may be %s", (text) => {
    expect(isActor(text)).toBe(true);
  });

  it.each([
    ...["", "Token", "token:", "token:a b", `token:${"x".repeat(65)}`, "worker:", "worker:x", "nats\n", "handle:1"],
    ...["schedule:", "schedule:A", "bulk:1", "root", 7, null, undefined, ["token"]],
  ])("is not %j", (text) => {
    expect(isActor(text)).toBe(false);
  });
});

it("takes a reason as it was given, and an empty one as none", () => {
  expect(reasonIn(" wrong input ")).toEqual({ reason: " wrong input " });
  for (const none of [undefined, null, "", " \n"]) expect(reasonIn(none)).toEqual({});
});
