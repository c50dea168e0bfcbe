// How long the n-th retry waits, of a task or of a delivery. Pure; the jitter is passed in.
import type { RetryCause } from "#machines/task";

export interface RetryPolicy {
  readonly max_retries: number;
  readonly initial_delay_secs: number;
  readonly backoff_multiplier: number;
  readonly max_delay_secs: number;
  readonly retry_on: readonly RetryCause[];
}

type Delays = Pick<RetryPolicy, "initial_delay_secs" | "backoff_multiplier" | "max_delay_secs">;

/** Milliseconds before retry `n` (from 1): never less than the policy says, at most a tenth more (`jitter` in 0..1). */
export function retryDelayMs(policy: Delays, n: number, jitter: number): number {
  // The power may be infinite, and nothing times that is no number.
  const grown = policy.initial_delay_secs === 0 ? 0 : policy.initial_delay_secs * policy.backoff_multiplier ** (n - 1);
  const secs = Math.min(grown, policy.max_delay_secs);
  return Math.ceil(secs * 1000 * (1 + 0.1 * jitter));
}
