// What a process knows of circuits: who may be called, who hears of ends of calls, and when others are told to look.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { limits } from "#config";
import { type CircuitOutcome, gaveUp } from "#domain/circuit";
import type { HttpRequest } from "#domain/webhook";
import type { KnownCircuit } from "#store/circuits";
import { Breaker } from "#webhook/breaker";
import { Lanes } from "#webhook/lanes";
import type { SendResult } from "#webhook/send";

const [a, b] = ["http://a:1", "http://b:1"];
const request = { origin: a } as HttpRequest;
const ended = (status: number | null, error: string | null = null): SendResult => ({
  ...{ ok: status === 200, status, retryAfter: null, body: null, part: null, error, sent: true, ms: 1 },
});
const circuit = (state: KnownCircuit["state"], waitMs = 0, more: Partial<KnownCircuit> = {}): KnownCircuit => ({
  ...{ receiver: a, state, failures: 5, successes: 0, waitMs },
  ...more,
});

function made(result: SendResult | Promise<SendResult> = ended(200)) {
  const lanes = new Lanes(10, 4);
  const told: CircuitOutcome[] = [];
  const state = { result, looks: 0 };
  const breaker = new Breaker({
    send: async (_request, _totalMs, maySend) => {
      maySend?.();
      return state.result;
    },
    lanes,
    tell: (outcome) => told.push(outcome),
    onGates: () => state.looks++,
  });
  onTestFinished(() => breaker.stop());
  return { breaker, lanes, told, state };
}

describe("before it is read which circuits there are", () => {
  it("nobody is called, and afterwards everybody looks for work", () => {
    const { breaker, lanes, state } = made();
    expect([lanes.free(), state.looks]).toEqual([0, 0]);
    breaker.know([]);
    expect([lanes.free(), state.looks]).toEqual([10, 1]);
    breaker.know([]);
    expect(state.looks).toBe(1);
  });
});

describe("an end of a call", () => {
  it("that succeeded at a healthy receiver is told to nobody", async () => {
    const { breaker, told } = made();
    breaker.know([circuit("closed", 0, { receiver: b, failures: 2 })]);
    await breaker.send(request);
    expect(told).toEqual([]);
  });

  it("is told where it failed, and where it succeeded after failures", async () => {
    const { breaker, told, state } = made(ended(500));
    breaker.know([]);
    expect(await breaker.send(request)).toBe(state.result);
    // At once, though nobody has read yet what came of it.
    breaker.know([]);
    state.result = ended(200);
    await breaker.send(request);
    expect(told).toEqual([
      { receiver: a, type: "failed", probe: false },
      { receiver: a, type: "succeeded", probe: false },
    ]);
  });

  it("counts as nothing where it says nothing of the receiver, and says so if it was a probe", async () => {
    const { breaker, told, state } = made(ended(null, "shut down"));
    breaker.know([circuit("half_open")]);
    await breaker.send(request);
    expect(told).toEqual([]);
    // Others wait for a probe to end, so that is said in any case.
    await breaker.send(request, undefined, undefined, true);
    expect(told.splice(0)).toEqual([gaveUp(a)]);
    state.result = ended(204);
    await breaker.send(request, undefined, undefined, true);
    expect(told).toEqual([{ receiver: a, type: "succeeded", probe: true }]);
  });
});

describe("a probe", () => {
  it.each<[string, Partial<SendResult>, waitMs: number]>([
    ["is answered 503 with a time", { status: 503, retryAfter: "7" }, 7_000],
    ["is answered 429 with a time far away", { status: 429, retryAfter: "999999" }, 3_600_000],
    ["may not be sent", { error: "blocked: private address", sent: false }, 0],
    ["is not sent", { error: "not sent in time", sent: false }, 0],
    ["could not be sent by this machine", { error: "EMFILE", sent: false }, 0],
  ])("that %s is given up", async (_, more, waitMs) => {
    const { breaker, told } = made({ ...ended(null), ...more });
    breaker.know([circuit("half_open")]);
    await breaker.send(request, undefined, () => true, true);
    expect(told).toEqual([gaveUp(a, waitMs)]);
  });

  it("during which the process stood still is given up", async () => {
    let ms = 1_000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => ms);
    onTestFinished(() => clock.mockRestore());
    const { breaker, told } = made(ended(null, "timed out after 10 s"));
    breaker.know([circuit("half_open")]);
    const stalled = breaker.send(request, undefined, undefined, true);
    ms += 20_000;
    await stalled;
    expect(told).toEqual([gaveUp(a)]);
  });

  describe("whose answer takes as long as the work does", () => {
    /** One that is sent as far as `maySend` says, and ends when the test says so. */
    function open(maySend: () => boolean) {
      const toFake = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] as const;
      vi.useFakeTimers({ toFake: [...toFake] });
      onTestFinished(() => void vi.useRealTimers());
      const { promise, resolve: end } = Promise.withResolvers<SendResult>();
      const { breaker, told } = made(promise);
      breaker.know([circuit("half_open")]);
      return { told, end, call: breaker.send(request, 3_600_000, maySend, true) };
    }

    it("has succeeded when it was open for a time; its end is as that of any other", async () => {
      const { told, end, call } = open(() => true);
      vi.advanceTimersByTime(limits.circuitProbeMs - 1);
      expect(told).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(told.splice(0)).toEqual([{ receiver: a, type: "succeeded", probe: true }]);
      end(ended(500));
      await call;
      expect(told).toEqual([{ receiver: a, type: "failed", probe: false }]);
    });

    it("counts once where it ends before", async () => {
      const { told, end, call } = open(() => true);
      vi.advanceTimersByTime(limits.circuitProbeMs - 1);
      end(ended(200));
      await call;
      vi.advanceTimersByTime(limits.circuitProbeMs);
      expect(told).toEqual([{ receiver: a, type: "succeeded", probe: true }]);
    });

    it("has not succeeded as long as it is not sent", async () => {
      const { told, end, call } = open(() => false);
      vi.advanceTimersByTime(2 * limits.circuitProbeMs);
      expect(told).toEqual([]);
      end(ended(null, "not sent in time"));
      await call;
      expect(told).toEqual([gaveUp(a)]);
    });

    it("says nothing where the process stood still meanwhile", () => {
      const { told } = open(() => true);
      vi.spyOn(performance, "now").mockReturnValue(performance.now() + 20_000);
      onTestFinished(() => void vi.restoreAllMocks());
      vi.advanceTimersByTime(limits.circuitProbeMs);
      expect(told).toEqual([gaveUp(a)]);
    });
  });
});

describe("a call that got no answer", () => {
  it("while the process stood still counts as nothing; an answer always counts", async () => {
    let ms = 1_000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => ms);
    onTestFinished(() => clock.mockRestore());
    const { breaker, told, state } = made(ended(null, "timed out after 10 s"));
    breaker.know([]);
    const stalled = breaker.send(request);
    ms += 20_000;
    await stalled;
    expect(told).toEqual([]);
    await breaker.send(request);
    state.result = ended(500);
    const answered = breaker.send(request);
    ms += 20_000;
    await answered;
    expect(told.map(({ type }) => type)).toEqual(["failed", "failed"]);
  });
});

describe("a circuit that is not closed", () => {
  it("gates its receiver until its time, then one call may be tried, without anybody reading again", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { breaker, lanes, state } = made();
    breaker.know([circuit("open", 5_000)]);
    expect([lanes.room(a), lanes.room(b), state.looks]).toEqual([0, 4, 1]);
    vi.advanceTimersByTime(5_000);
    expect([lanes.room(a), state.looks]).toEqual([0, 1]);
    vi.advanceTimersByTime(50);
    expect([lanes.room(a), lanes.take(a), state.looks]).toEqual([1, false, 2]);
  });

  it("is news whenever something of it changed, and else not", () => {
    const { breaker, lanes, state } = made();
    const steps: [KnownCircuit[], room: number, looks: number][] = [
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
    for (const [circuits, room, looks] of steps) {
      breaker.know(circuits);
      expect([lanes.room(a), state.looks]).toEqual([room, looks]);
    }
  });
});
