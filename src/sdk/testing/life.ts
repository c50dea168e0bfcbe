// A task of the fake Baton, and what may happen to it.
import type { DependencyInput, Retry, StartAction, TaskInput, TaskStatus } from "../types.ts";

export type Needs = "requires_success" | NonNullable<DependencyInput["condition"]>;

export interface Link {
  readonly parent: Life;
  readonly needs: Needs;
}

export interface Life {
  readonly id: string;
  readonly localId: string;
  readonly input: TaskInput;
  /** Its place among the tasks of its batch, and one that parents have before children. */
  readonly place: number;
  rank: number;
  readonly parents: Link[];
  readonly children: Life[];
  readonly createdAt: number;
  status: TaskStatus;
  attempt: number;
  reason: string | null;
  result: unknown;
  success: number;
  failures: number;
  lastUpdated: number;
  startedAt: number | null;
  endedAt: number | null;
  /** Which of all ends of its batch its own is; 0: none yet. */
  endedAs: number;
  /** Of the first claim that was not put back. */
  firstClaimedAt: number | null;
  /** Not claimed before; a retry not before. */
  readyAt: number | null;
  /** The first try of a row that could not be sent, and how many those are. */
  unsent: { readonly since: number; readonly tries: number } | null;
  /** A start message is in its queue, and no worker was heard of. */
  isAwaited: boolean;
  /** A start call is open: nothing else is sent before it was answered. */
  isCalling: boolean;
  hasAdded: boolean;
}

// biome-ignore format: one line says it all
export type LifeEvent =
  | "claim" | "started" | "start_deferred" | "start_unsent" | "start_failed" | "start_unanswered" | "succeed" | "fail" | "skip"
  | "timeout" | "backoff_elapsed" | "expire" | "overrun" | "cancel" | "override" | "dead_end" | "stop_batch";

/** The states in which an event is taken; left out: in every one that is not final. */
export const takenIn: Partial<Record<LifeEvent, readonly TaskStatus[]>> = {
  claim: ["Pending"],
  started: ["Claimed"],
  start_deferred: ["Claimed"],
  start_unsent: ["Claimed"],
  start_failed: ["Claimed"],
  start_unanswered: ["Claimed"],
  succeed: ["Claimed", "Running"],
  fail: ["Claimed", "Running"],
  skip: ["Claimed", "Running"],
  timeout: ["Running"],
  backoff_elapsed: ["Retrying"],
  expire: ["Waiting", "Pending"],
  overrun: ["Pending", "Claimed", "Running", "Retrying"],
};

/** What a failed attempt is called in `retry_on`. */
const causes: Partial<Record<LifeEvent, NonNullable<Retry["retry_on"]>[number]>> = {
  start_failed: "start_failure",
  start_unanswered: "start_failure",
  fail: "explicit",
  timeout: "timeout",
};

export const isActive = ({ status }: Life): boolean => status === "Claimed" || status === "Running";
export const startOf = (life: Life): StartAction | null => life.input.on_start ?? null;
export const isGate = (life: Life): boolean => startOf(life)?.kind === "Wait";

/** A gate waits for a year unless it says otherwise. */
export const timeoutOf = (life: Life): number => life.input.timeout ?? (isGate(life) ? 31_536_000 : 60);

export function retryOf({ input: { retry } }: Life): Required<Retry> | null {
  if (!retry) return null;
  return {
    max_retries: retry.max_retries,
    initial_delay_secs: retry.initial_delay_secs ?? 5,
    backoff_multiplier: retry.backoff_multiplier ?? 2,
    max_delay_secs: retry.max_delay_secs ?? 300,
    retry_on: retry.retry_on ?? ["timeout", "start_failure", "explicit"],
  };
}

/** Before the next attempt; null: there is none. */
export function backoffMs(life: Life, event: LifeEvent): number | null {
  const retry = retryOf(life);
  const cause = causes[event];
  if (!retry || !cause || life.attempt >= retry.max_retries || !retry.retry_on.includes(cause)) return null;
  const { initial_delay_secs, backoff_multiplier, max_delay_secs } = retry;
  return Math.min(initial_delay_secs * backoff_multiplier ** life.attempt, max_delay_secs) * 1000;
}
