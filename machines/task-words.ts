// What the machine of a task is asked and looks at: its events and its context. `machines/task.ts` says what they do.

export type RetryCause = "timeout" | "start_failure" | "explicit";
export const outcomes = ["Success", "Failure", "Skipped"] as const;
/** How a task ends that is not canceled. */
export type Outcome = (typeof outcomes)[number];

/** What the guards look at. Everything here is restored from the task's row before a step, and written back after it. */
export interface TaskContext {
  /** Dependencies that are not finished yet. Never negative. */
  readonly waitFinished: number;
  /** Required successes that are still missing. Never negative. */
  readonly waitSuccess: number;
  /** 0 for the first run, one more for each retry. */
  readonly attempt: number;
  readonly maxRetries: number;
  readonly retryOn: readonly RetryCause[];
  /**
   * The worker that held the task died: its start call may have been made, so a report or a late answer of it still counts. A
   * later claim that is put back says nothing about that call, so only an answer or the end of the attempt settles it.
   */
  readonly inDoubt: boolean;
  /** Paused on its way back: its batch was paused while it was Claimed or Running, or it was started while it was Paused. */
  readonly pauseRequested: boolean;
  /** It is Paused, or will be, because its batch was paused, so that a resume of the batch opens it. */
  readonly pausedByBatch: boolean;
  /** The first dependency that is met is enough. */
  readonly joinsAny: boolean;
  /** A retry is to come: the backoff has begun and has not elapsed (kept through a pause). */
  readonly backoff: boolean;
  /** It was claimed before, and that claim was not put back: it counts as started for the limits on its time. */
  readonly wasClaimed: boolean;
}

export type TaskEvent =
  | { readonly type: "parent_met"; readonly required: boolean }
  | { readonly type: "parent_lost"; readonly as: "Failure" | "Skipped" }
  /** Of a task that joins any: so many of its dependencies can still be met. */
  | { readonly type: "parents_left"; readonly count: number }
  | { readonly type: "claim" }
  | { readonly type: "started" }
  | { readonly type: "start_deferred" }
  /** Not a byte of the call left. */
  | { readonly type: "start_unsent" }
  | { readonly type: "start_failed" }
  /** The call was sent, and no answer came: the service may be at work. */
  | { readonly type: "start_unanswered" }
  | { readonly type: "lease_expired" }
  | { readonly type: "released" }
  | { readonly type: "succeed" }
  | { readonly type: "fail" }
  | { readonly type: "skip" }
  | { readonly type: "timeout" }
  /** It was not started in the time that it had for that. */
  | { readonly type: "expire" }
  /** Over all attempts and waits it took longer than it may. */
  | { readonly type: "overrun" }
  | { readonly type: "run_at_reached" }
  | { readonly type: "backoff_elapsed" }
  /** `byBatch`: with its batch. */
  | { readonly type: "pause"; readonly byBatch?: boolean }
  | { readonly type: "request_pause" }
  | { readonly type: "withdraw_pause" }
  | { readonly type: "resume"; readonly byBatch?: boolean }
  | { readonly type: "cancel" }
  /** An operator says how it ends. */
  | { readonly type: "override"; readonly as: Outcome }
  | { readonly type: "update" }
  /** An update that says when it may start, or be tried next. */
  | { readonly type: "reschedule" };

// biome-ignore format: nothing has happened yet
export const initialContext: TaskContext = {
  waitFinished: 0, waitSuccess: 0, attempt: 0, maxRetries: 0, retryOn: [],
  inDoubt: false, pauseRequested: false, pausedByBatch: false, joinsAny: false, backoff: false,
  wasClaimed: false,
};
