// What an attempt makes of a delivery: pure, and as its machine says.
import { describe, expect, it } from "vitest";
import { decide } from "#actor/deliveries/deliveries";

const policy = { webhookMaxAttempts: 5_000, webhookRetryBackoffBaseSecs: 2, webhookRetryBackoffCapSecs: 300 };
const waitMs = (attempts: number, jitter: number, retryAfterMs = 0) => {
  const call = { beganAt: 0, ms: 0, answer: null };
  const failed = { ok: false, status: 500, error: "HTTP 500", retryAfterMs, call };
  return decide({ id: "d", leaseId: 1, attempts, trigger: "end", ...failed }, policy, jitter).waitMs;
};

describe("the wait before another attempt", () => {
  it("doubles up to the cap, and is at most a tenth longer", () => {
    expect([1, 2, 3, 8, 9, 100, 2000].map((n) => waitMs(n - 1, 0))).toEqual(
      [2, 4, 8, 256, 300, 300, 300].map((secs) => secs * 1000),
    );
    expect(waitMs(0, 1)).toBe(2_200);
  });

  it("is never shorter than the receiver asked for", () => {
    expect(waitMs(0, 1, 60_000)).toBe(60_000);
    expect(waitMs(8, 0, 60_000)).toBe(300_000);
  });
});

describe("an outcome", () => {
  const few = { ...policy, webhookMaxAttempts: 3 };
  const call = { beganAt: 0, ms: 0, answer: null };
  const failed = { id: "d", leaseId: 1, trigger: "end", ok: false, status: 500, error: "HTTP 500", call } as const;
  const at = (attempts: number, retryAfterMs = 0) => {
    const { status, waitMs } = decide({ ...failed, attempts, retryAfterMs }, few, 0);
    return [status, waitMs];
  };

  it("that is good ends the delivery", () => {
    const good = { ...failed, attempts: 0, ok: true, status: 200, error: null, retryAfterMs: 0 };
    expect(decide(good, few, 0)).toEqual({
      ...{ id: "d", leaseId: 1, status: "success", attempts: 1, waitMs: 0, lastStatus: 200, lastError: null, call },
    });
  });

  it("that is not lets it be tried again, until no attempt is left", () => {
    expect([at(0), at(1), at(2)]).toEqual([
      ["pending", 2_000],
      ["pending", 4_000],
      ["exhausted", 0],
    ]);
    expect([at(0, 9_000), at(1, 1_000)]).toEqual([
      ["pending", 9_000],
      ["pending", 4_000],
    ]);
  });
});
