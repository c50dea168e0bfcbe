// A call that a Rate counts begins in its time, in another place, or not at all.
import { expect, it } from "vitest";
import { until } from "#test/until";
import { answer, bench, claim, nats, receiver } from "./starter.bench.ts";

const [past, soon] = [() => performance.now() - 1, () => performance.now() + 60_000];
const tooLate = () =>
  answer({ end: "failed", ok: false, status: null, sent: false, fault: "local", error: "not sent in time" });

it("is made without asking while it is in time", () => {
  const asked: number[] = [];
  const { starter, calls } = bench({ renew: async (claimId) => asked.push(claimId) });
  starter.start(claim(1, { beginByMs: soon() }));
  starter.start(claim(2));
  expect([calls.length, asked]).toEqual([2, []]);
});

it("moves its place where it is late, and begins then", async () => {
  const asked: number[] = [];
  const renew = async (claimId: number) => {
    asked.push(claimId);
    return soon();
  };
  const { starter, calls, messages } = bench({ renew });
  starter.start(claim(1, { beginByMs: past() }));
  starter.start(claim(2, { beginByMs: past(), action: nats, receiver: null }));
  await until(() => calls.length === 1 && messages.length === 1);
  expect(asked.sort()).toEqual([1, 2]);
});

it.each([
  ["is too old to be moved", async () => null],
  ["cannot be moved", () => Promise.reject(new Error("no database"))],
  ["was moved too late", async () => past()],
])("is given back where its place %s, with its probe and its call slot", async (_, renew) => {
  const { starter, calls, outcomes, givenUp, callSlots, messages } = bench({ renew });
  const free = callSlots.free();
  starter.start(claim(1, { beginByMs: past(), isProbe: true }));
  starter.start(claim(2, { beginByMs: past(), action: nats, receiver: null }));
  await until(() => outcomes.length === 2);
  expect(outcomes.map(({ type }) => type)).toEqual(["released", "released"]);
  expect([calls, messages, givenUp]).toEqual([[], [], [receiver]]);
  await until(() => callSlots.free() === free);
});

it("goes by the connection that it was too late to use, in another place, but not for ever", async () => {
  const { starter, calls, outcomes } = bench({ renew: async () => performance.now() + 30 });
  starter.start(claim(1, { beginByMs: performance.now() + 30 }));
  for (let n = 1; n <= 5; n++) {
    await until(() => calls.length === n);
    const began = performance.now();
    await until(() => performance.now() > began + 40);
    calls[n - 1]?.end(tooLate());
  }
  await until(() => outcomes.length === 1);
  expect(outcomes).toMatchObject([{ type: "released" }]);
  const quick = bench({ renew: async () => soon() });
  quick.starter.start(claim(1, { beginByMs: performance.now() + 5 }));
  const began = performance.now();
  await until(() => performance.now() > began + 10);
  quick.calls[0]?.end(tooLate());
  await until(() => quick.calls.length === 2);
  quick.calls[1]?.end(answer());
  await until(() => quick.outcomes.length === 1);
  expect(quick.outcomes).toMatchObject([{ type: "started" }]);
});

it("is put back in doubt where it may have arrived, however late it is", async () => {
  const { starter, calls, outcomes } = bench({ renew: async () => null });
  starter.start(claim(1, { beginByMs: performance.now() + 5 }));
  const began = performance.now();
  await until(() => performance.now() > began + 10);
  calls[0]?.end({ ...tooLate(), end: "doubtful" });
  await until(() => outcomes.length === 1);
  expect(outcomes).toMatchObject([{ type: "lease_expired", wasSent: true }]);
});
