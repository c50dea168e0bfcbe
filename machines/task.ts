// The whole life of a task, and the only place in code where it is written down.
// Pure: no clock, no timers, no I/O. Waiting is a column plus an event; a refused event is `!snapshot.can(event)`.
// What has to happen because of a transition is named by its actions and carried out by whoever asked.
import { assign, type StateValueFrom, setup } from "xstate";

export type RetryCause = "timeout" | "start_failure" | "explicit";

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
  /** The worker that held the task died: its start call may have been made, so a report or a late answer of it still counts. */
  readonly inDoubt: boolean;
  /** The batch was paused while the task was Claimed or Running: it is paused on its way back. */
  readonly pauseRequested: boolean;
  /** A retry is owed: the backoff has begun and has not elapsed (kept through a pause). */
  readonly backoff: boolean;
}

export type TaskEvent =
  | { readonly type: "parent_met"; readonly required: boolean }
  | { readonly type: "parent_lost"; readonly as: "Failure" | "Skipped" }
  | { readonly type: "claim" }
  | { readonly type: "started" }
  | { readonly type: "start_deferred" }
  | { readonly type: "start_failed" }
  | { readonly type: "lease_expired" }
  | { readonly type: "released" }
  | { readonly type: "succeed" }
  | { readonly type: "fail" }
  | { readonly type: "timeout" }
  | { readonly type: "run_at_reached" }
  | { readonly type: "backoff_elapsed" }
  | { readonly type: "pause" }
  | { readonly type: "request_pause" }
  | { readonly type: "withdraw_pause" }
  | { readonly type: "resume" }
  | { readonly type: "cancel" }
  | { readonly type: "update" };

const initialContext: TaskContext = {
  waitFinished: 0,
  waitSuccess: 0,
  attempt: 0,
  maxRetries: 0,
  retryOn: [],
  inDoubt: false,
  pauseRequested: false,
  backoff: false,
};

/** A failed attempt: to Retrying where the policy allows one more (to Paused where a pause was asked for), else to Failure. */
const fails = (cause: RetryCause, ...actions: readonly "deliverCancel"[]) =>
  [
    {
      guard: { type: "mayRetryPaused", params: { cause } },
      target: "Paused",
      actions: [...actions, "oweRetry", "settlePause"],
    },
    { guard: { type: "mayRetry", params: { cause } }, target: "Retrying", actions: [...actions, "oweRetry"] },
    { target: "Failure", actions: [...actions] },
  ] as const;

/** Back to Pending, or to Paused where a pause was asked for meanwhile. */
const comesBack = (...actions: readonly ("doubt" | "settleClaim")[]) =>
  [
    { guard: "pauseRequested", target: "Paused", actions: [...actions, "settlePause", "forgetStart"] },
    { target: "Pending", actions: [...actions] },
  ] as const;

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent },
  guards: {
    lastDependency: ({ context, event }) =>
      event.type === "parent_met" && owed(context, event.required) && context.waitFinished === 1,
    owedByParent: ({ context, event }) => event.type === "parent_met" && owed(context, event.required),
    lostToFailure: ({ context, event }) =>
      event.type === "parent_lost" && event.as === "Failure" && owed(context, true),
    lostToSkipped: ({ context, event }) =>
      event.type === "parent_lost" && event.as === "Skipped" && context.waitFinished > 0,
    inDoubt: ({ context }) => context.inDoubt,
    pauseRequested: ({ context }) => context.pauseRequested,
    notPauseRequested: ({ context }) => !context.pauseRequested,
    hasDependencies: ({ context }) => context.waitFinished > 0 || context.waitSuccess > 0,
    inBackoff: ({ context }) => context.backoff,
    mayRetry: ({ context }, { cause }: { cause: RetryCause }) => mayRetry(context, cause),
    inDoubtAndMayRetry: ({ context }) => context.inDoubt && mayRetry(context, "explicit"),
    mayRetryPaused: ({ context }, { cause }: { cause: RetryCause }) =>
      context.pauseRequested && mayRetry(context, cause),
  },
  actions: {
    countParent: assign(({ context, event }) =>
      event.type !== "parent_met"
        ? {}
        : {
            waitFinished: context.waitFinished - 1,
            waitSuccess: context.waitSuccess - (event.required ? 1 : 0),
          },
    ),
    doubt: assign({ inDoubt: true }),
    settleClaim: assign({ inDoubt: false }),
    settlePause: assign({ pauseRequested: false }),
    requestPause: assign({ pauseRequested: true }),
    oweRetry: assign({ backoff: true, inDoubt: false }),
    nextAttempt: assign({ attempt: ({ context }) => context.attempt + 1, backoff: false }),
    // The rest is carried out by whoever asked for the transition.
    changeFields: () => {},
    forgetStart: () => {},
    armRunAt: () => {},
    armTimeout: () => {},
    armBackoff: () => {},
    disarm: () => {},
    deliverSuccess: () => {},
    deliverFailure: () => {},
    deliverCancel: () => {},
  },
}).createMachine({
  id: "task",
  context: initialContext,
  initial: "Waiting",
  states: {
    Waiting: {
      entry: "disarm",
      on: {
        parent_met: [
          { guard: "lastDependency", target: "Pending", actions: "countParent" },
          { guard: "owedByParent", actions: "countParent" },
        ],
        parent_lost: [
          { guard: "lostToFailure", target: "Failure" },
          { guard: "lostToSkipped", target: "Skipped" },
        ],
        pause: "Paused",
        cancel: "Canceled",
        update: { actions: "changeFields" },
      },
    },
    Pending: {
      entry: ["forgetStart", "armRunAt"],
      on: {
        claim: { target: "Claimed", actions: "settleClaim" },
        run_at_reached: { actions: "disarm" },
        started: { guard: "inDoubt", target: "Running" },
        succeed: { guard: "inDoubt", target: "Success" },
        fail: [
          { guard: "inDoubtAndMayRetry", target: "Retrying", actions: "oweRetry" },
          { guard: "inDoubt", target: "Failure" },
        ],
        pause: "Paused",
        cancel: "Canceled",
        update: { actions: "changeFields" },
      },
    },
    Claimed: {
      entry: "disarm",
      on: {
        started: "Running",
        start_deferred: comesBack("settleClaim"),
        start_failed: fails("start_failure"),
        lease_expired: comesBack("doubt"),
        released: comesBack("settleClaim"),
        succeed: "Success",
        fail: fails("explicit"),
        cancel: { target: "Canceled", actions: "deliverCancel" },
        request_pause: { guard: "notPauseRequested", actions: "requestPause" },
        withdraw_pause: { guard: "pauseRequested", actions: "settlePause" },
        update: { actions: "changeFields" },
      },
    },
    Running: {
      entry: ["settleClaim", "armTimeout"],
      on: {
        succeed: "Success",
        fail: fails("explicit"),
        timeout: fails("timeout", "deliverCancel"),
        cancel: { target: "Canceled", actions: "deliverCancel" },
        request_pause: { guard: "notPauseRequested", actions: "requestPause" },
        withdraw_pause: { guard: "pauseRequested", actions: "settlePause" },
        update: { actions: "changeFields" },
      },
    },
    Retrying: {
      entry: "armBackoff",
      on: {
        backoff_elapsed: { target: "Pending", actions: "nextAttempt" },
        pause: "Paused",
        cancel: "Canceled",
        update: { actions: "changeFields" },
      },
    },
    Paused: {
      entry: "disarm",
      on: {
        parent_met: { guard: "owedByParent", actions: "countParent" },
        parent_lost: [
          { guard: "lostToFailure", target: "Failure" },
          { guard: "lostToSkipped", target: "Skipped" },
        ],
        resume: [
          { guard: "hasDependencies", target: "Waiting" },
          { guard: "inBackoff", target: "Retrying" },
          { target: "Pending" },
        ],
        started: { guard: "inDoubt", target: "Running", actions: "requestPause" },
        succeed: { guard: "inDoubt", target: "Success" },
        fail: [
          { guard: "inDoubtAndMayRetry", actions: "oweRetry" },
          { guard: "inDoubt", target: "Failure" },
        ],
        cancel: "Canceled",
        update: { actions: "changeFields" },
      },
    },
    Success: { type: "final", entry: ["disarm", "deliverSuccess"] },
    Failure: { type: "final", entry: ["disarm", "deliverFailure"] },
    Canceled: { type: "final", entry: "disarm" },
    Skipped: { type: "final", entry: "disarm" },
  },
});

export type TaskState = StateValueFrom<typeof taskMachine> & string;

/** A parent may still be counted: a required one is also among the unfinished, so another one is owed only beyond those. */
function owed(context: TaskContext, required: boolean): boolean {
  return required ? context.waitSuccess > 0 && context.waitFinished > 0 : context.waitFinished > context.waitSuccess;
}

function mayRetry(context: TaskContext, cause: RetryCause): boolean {
  return context.attempt < context.maxRetries && context.retryOn.includes(cause);
}
