// How long a retry waits, over everything that a policy may say.
import fc from "fast-check";
import { expect, it } from "vitest";
import { retryDelayMs } from "#domain/calls/retry";
import { seed } from "#test/seed";

const policy = (initial_delay_secs: number, backoff_multiplier: number, max_delay_secs = 300) => ({
  ...{ max_retries: 1_000, initial_delay_secs, backoff_multiplier, max_delay_secs },
  retry_on: [],
});

it.each([
  [policy(5, 2), 1, 5_000],
  [policy(5, 2), 3, 20_000],
  [policy(5, 2), 1_000, 300_000],
  [policy(0, 1_000), 1_000, 0],
  [policy(5, 0), 1, 5_000],
])("%o, retry %i: %i ms", (of, n, ms) => {
  expect(retryDelayMs(of, n, 0)).toBe(ms);
});

it("is a time between what the policy says and a tenth more, for every policy and every retry", () => {
  const any = fc.double({ min: 0, max: 1_000, noNaN: true });
  fc.assert(
    fc.property(
      any,
      any,
      fc.integer({ min: 1, max: 1_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (a, b, n, j) => {
        const [least, ms] = [retryDelayMs(policy(a, b), n, 0), retryDelayMs(policy(a, b), n, j)];
        expect(least >= 0 && ms >= least && ms <= Math.ceil(least * 1.1) + 1 && ms <= 330_000).toBe(true);
      },
    ),
    { seed },
  );
});
