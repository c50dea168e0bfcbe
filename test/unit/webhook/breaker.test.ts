// What a process knows of circuits: who may be called, who hears of ends of calls, and when others are asked to look.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { FaultKind } from "#domain/calls/call-fault";
import { type CircuitOutcome, gaveUp } from "#domain/calls/circuit";
import type { HttpRequest } from "#domain/calls/webhook";
import { ReceiverCapacity } from "#flow/receiver-capacity";
import type { KnownCircuit } from "#store/turn/circuits";
import { Breaker } from "#webhook/breaker";
import type { SendResult } from "#webhook/send";

const [a, b] = ["http://a:1", "http://b:1"];
const request = { origin: a } as HttpRequest;
const ended = (status: number | null, fault: FaultKind | null = null): SendResult => ({
  ...{ end: status === null ? "failed" : "answered", ok: status === 200, status, retryAfter: null, body: null },
  ...{ part: null, isCut: false, error: fault, fault, sent: true, ms: 1, connectMs: 0 },
});
const probeMs = 15_000;
const circuit = (state: KnownCircuit["state"], waitMs = 0, more: Partial<KnownCircuit> = {}): KnownCircuit => ({
  ...{ receiver: a, state, failures: 5, successes: 0, waitMs },
  ...more,
});

function made(result: SendResult | Promise<SendResult> = ended(200)) {
  const callSlots = new ReceiverCapacity(10, 4);
  const outcomes: CircuitOutcome[] = [];
  const state = { result, looks: 0 };
  const breaker = new Breaker({
    send: async (_request, _totalMs, maySend) => {
      maySend?.();
      return state.result;
    },
    ...{ callSlots, probeMs },
    tell: (outcome) => outcomes.push(outcome),
    onGates: () => state.looks++,
  });
  onTestFinished(() => breaker.stop());
  return { breaker, callSlots, outcomes, state };
}

describe("before it is read which circuits there are", () => {
  it("no receiver is called, and afterwards the worker looks for work", () => {
    const { breaker, callSlots, state } = made();
    expect([callSlots.free(), state.looks]).toEqual([0, 0]);
    breaker.know([]);
    expect([callSlots.free(), state.looks]).toEqual([10, 1]);
    breaker.know([]);
    expect(state.looks).toBe(1);
  });
});

describe("an end of a call", () => {
  it("that succeeded at a healthy receiver is not reported", async () => {
    const { breaker, outcomes } = made();
    breaker.know([circuit("closed", 0, { receiver: b, failures: 2 })]);
    await breaker.send(request);
    expect(outcomes).toEqual([]);
  });

  it("is reported where it failed, and where it succeeded after failures", async () => {
    const { breaker, outcomes, state } = made(ended(502));
    breaker.know([]);
    expect(await breaker.send(request)).toBe(state.result);
    // At once, though nobody has read yet what came of it.
    breaker.know([]);
    state.result = ended(200);
    await breaker.send(request);
    expect(outcomes).toEqual([
      { receiver: a, type: "failed", probe: false },
      { receiver: a, type: "succeeded", probe: false },
    ]);
  });

  it("counts as nothing where it says nothing of the receiver, and says so if it was a probe", async () => {
    const { breaker, outcomes, state } = made(ended(null, "local"));
    breaker.know([circuit("half_open")]);
    await breaker.send(request);
    expect(outcomes).toEqual([]);
    // Others wait for a probe to end, so that is said in any case.
    await breaker.send(request, undefined, undefined, true);
    expect(outcomes.splice(0)).toEqual([gaveUp(a)]);
    state.result = ended(204);
    await breaker.send(request, undefined, undefined, true);
    expect(outcomes).toEqual([{ receiver: a, type: "succeeded", probe: true }]);
  });
});

describe("a probe", () => {
  it.each<[string, Partial<SendResult>, waitMs: number]>([
    ["is answered 503 with a time", { status: 503, retryAfter: "7" }, 7_000],
    ["is answered 429 with a time far away", { status: 429, retryAfter: "999999" }, 3_600_000],
    ["may not be sent", { fault: "blocked", sent: false }, 0],
    ["is not sent", { fault: "local", sent: false }, 0],
    ["could not be made of its action", { fault: "invalid", sent: false }, 0],
  ])("that %s is given up", async (_, more, waitMs) => {
    const { breaker, outcomes } = made({ ...ended(null), ...more });
    breaker.know([circuit("half_open")]);
    await breaker.send(request, undefined, () => true, true);
    expect(outcomes).toEqual([gaveUp(a, waitMs)]);
  });

  it("during which the process stood still is given up", async () => {
    let ms = 1_000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => ms);
    onTestFinished(() => clock.mockRestore());
    const { breaker, outcomes } = made(ended(null, "late"));
    breaker.know([circuit("half_open")]);
    const stalled = breaker.send(request, undefined, undefined, true);
    ms += 20_000;
    await stalled;
    expect(outcomes).toEqual([gaveUp(a)]);
  });

  describe("whose answer takes as long as the work does", () => {
    /** One that is sent as far as `maySend` says, and ends when the test says so. */
    function open(maySend: () => boolean) {
      const toFake = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] as const;
      vi.useFakeTimers({ toFake: [...toFake] });
      onTestFinished(() => void vi.useRealTimers());
      const { promise, resolve: end } = Promise.withResolvers<SendResult>();
      const { breaker, outcomes } = made(promise);
      breaker.know([circuit("half_open")]);
      return { outcomes, end, call: breaker.send(request, 3_600_000, maySend, true) };
    }

    it("has succeeded when it was open for a time; its end is as that of any other", async () => {
      const { outcomes, end, call } = open(() => true);
      vi.advanceTimersByTime(probeMs - 1);
      expect(outcomes).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(outcomes.splice(0)).toEqual([{ receiver: a, type: "succeeded", probe: true }]);
      end(ended(504));
      await call;
      expect(outcomes).toEqual([{ receiver: a, type: "failed", probe: false }]);
    });

    it("counts once where it ends before", async () => {
      const { outcomes, end, call } = open(() => true);
      vi.advanceTimersByTime(probeMs - 1);
      end(ended(200));
      await call;
      vi.advanceTimersByTime(probeMs);
      expect(outcomes).toEqual([{ receiver: a, type: "succeeded", probe: true }]);
    });

    it("has not succeeded as long as it is not sent", async () => {
      const { outcomes, end, call } = open(() => false);
      vi.advanceTimersByTime(2 * probeMs);
      expect(outcomes).toEqual([]);
      end(ended(null, "local"));
      await call;
      expect(outcomes).toEqual([gaveUp(a)]);
    });

    it("says nothing where the process stood still meanwhile", () => {
      const { outcomes } = open(() => true);
      vi.spyOn(performance, "now").mockReturnValue(performance.now() + 20_000);
      onTestFinished(() => void vi.restoreAllMocks());
      vi.advanceTimersByTime(probeMs);
      expect(outcomes).toEqual([gaveUp(a)]);
    });
  });
});

describe("a call that got no answer", () => {
  it("while the process stood still counts as nothing; an answer always counts", async () => {
    let ms = 1_000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => ms);
    onTestFinished(() => clock.mockRestore());
    const { breaker, outcomes, state } = made(ended(null, "late"));
    breaker.know([]);
    const stalled = breaker.send(request);
    ms += 20_000;
    await stalled;
    expect(outcomes).toEqual([]);
    await breaker.send(request);
    state.result = ended(503);
    const answered = breaker.send(request);
    ms += 20_000;
    await answered;
    expect(outcomes.map(({ type }) => type)).toEqual(["failed", "failed"]);
  });
});

describe("a circuit that is not closed", () => {
  it("gates its receiver until its time, then one call may be tried, without anybody reading again", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { breaker, callSlots, state } = made();
    breaker.know([circuit("open", 5_000)]);
    expect([callSlots.freeFor(a), callSlots.freeFor(b), state.looks]).toEqual([0, 4, 1]);
    vi.advanceTimersByTime(5_000);
    expect([callSlots.freeFor(a), state.looks]).toEqual([0, 1]);
    vi.advanceTimersByTime(50);
    expect([callSlots.freeFor(a), callSlots.take(a), state.looks]).toEqual([1, false, 2]);
  });

  it("is news whenever something of it changed, and else not", () => {
    const { breaker, callSlots, state } = made();
    const steps: [KnownCircuit[], free: number, looks: number][] = [
      [[circuit("open", 5_000)], 0, 1],
      [[circuit("open", 4_000)], 0, 1],
      [[circuit("open", 0)], 1, 2],
      [[circuit("half_open", 15_000)], 0, 3],
      [[circuit("half_open", 0, { successes: 1 })], 1, 4],
      // Another probe began and ended between two looks.
      [[circuit("half_open", 0, { successes: 2 })], 1, 5],
      [[circuit("closed", 0, { failures: 1 })], 4, 6],
      [[], 4, 6],
    ];
    for (const [circuits, free, looks] of steps) {
      breaker.know(circuits);
      expect([callSlots.freeFor(a), state.looks]).toEqual([free, looks]);
    }
  });
});
