// The whole life of a task, and the only place in code where it is written down.
// Pure: no clock, no timers, no I/O. Waiting is a column plus an event; a refused event is `!snapshot.can(event)`.
// What has to happen because of a transition is named by its actions and carried out by the caller.
import { assign, enqueueActions, type StateValueFrom, setup } from "xstate";

import {
  initialContext,
  type Outcome,
  outcomes,
  type RetryCause,
  type TaskContext,
  type TaskEvent,
} from "#machines/task-words";

export type { Outcome, RetryCause, TaskContext, TaskEvent } from "#machines/task-words";

/** After these a claim is none: no call was made, or it was asked to come later. */
const putBacks: ReadonlySet<TaskEvent["type"]> = new Set(["start_deferred", "start_unsent", "released"]);

/** A failed attempt: to Retrying where the policy allows one more (to Paused where a pause was asked for), else to Failure. */
const fails = (cause: RetryCause, ...actions: readonly "deliverCancel"[]) =>
  [
    {
      guard: { type: "mayRetryPaused", params: { cause } },
      target: "Paused",
      actions: [...actions, "awaitRetry", "settlePause"],
    },
    { guard: { type: "mayRetry", params: { cause } }, target: "Retrying", actions: [...actions, "awaitRetry"] },
    { target: "Failure", actions: [...actions] },
  ] as const;

/** Back to Pending, or to Paused where a pause was asked for meanwhile. */
const comesBack = (...actions: readonly "doubt"[]) =>
  [
    { guard: "pauseRequested", target: "Paused", actions: [...actions, "settlePause", "forgetStart"] },
    { target: "Pending", actions: [...actions] },
  ] as const;

/** Ended by an operator, without a retry; the service gets the cancel action, as with a cancel. */
const overridden = (...actions: readonly ("deliverCancel" | "deliverCancelInDoubt")[]) =>
  outcomes.map((as) => ({ guard: { type: "endsAs", params: { as } }, target: as, actions: [...actions] }) as const);
/** Out of time while no call is under way, or in doubt: then the service that may have got the call of a dead worker is asked to stop. */
const overrunsWaiting = [
  { guard: "inDoubt", target: "Failure", actions: "deliverCancel" },
  { guard: "wasClaimed", target: "Failure" },
] as const;

export const taskMachine = setup({
  types: { context: {} as TaskContext, events: {} as TaskEvent },
  guards: {
    lastDependency: ({ context, event }) =>
      event.type === "parent_met" &&
      isExpected(context, event.required) &&
      (context.joinsAny || context.waitFinished === 1),
    expectsParent: ({ context, event }) => event.type === "parent_met" && isExpected(context, event.required),
    lostToFailure: ({ context, event }) =>
      event.type === "parent_lost" && event.as === "Failure" && isExpected(context, true),
    fewerLeft: ({ context, event }) =>
      event.type === "parents_left" && context.joinsAny && event.count > 0 && event.count < context.waitFinished,
    lostToSkipped: ({ context, event }) =>
      event.type === "parent_lost" && event.as === "Skipped" && context.waitFinished > 0,
    mayResume: ({ context, event }) => mayResume(context, event),
    mayResumeWaiting: ({ context, event }) =>
      mayResume(context, event) && (context.waitFinished > 0 || context.waitSuccess > 0),
    mayResumeBackoff: ({ context, event }) => mayResume(context, event) && context.backoff,
    inDoubt: ({ context }) => context.inDoubt,
    endsAs: ({ event }, { as }: { as: Outcome }) => event.type === "override" && event.as === as,
    wasClaimed: ({ context }) => context.wasClaimed,
    neverClaimed: ({ context }) => !context.wasClaimed,
    pauseRequested: ({ context }) => context.pauseRequested,
    pauseRequestedByBatch: ({ context }) => context.pauseRequested && context.pausedByBatch,
    notPauseRequested: ({ context }) => !context.pauseRequested,
    mayRetry: ({ context }, { cause }: { cause: RetryCause }) => mayRetry(context, cause),
    inDoubtAndMayRetry: ({ context }) => context.inDoubt && mayRetry(context, "explicit"),
    mayRetryPaused: ({ context }, { cause }: { cause: RetryCause }) =>
      context.pauseRequested && mayRetry(context, cause),
  },
  actions: {
    countParent: assign(({ context, event }) =>
      event.type !== "parent_met"
        ? {}
        : context.joinsAny
          ? { waitFinished: 0 }
          : {
              waitFinished: context.waitFinished - 1,
              waitSuccess: context.waitSuccess - (event.required ? 1 : 0),
            },
    ),
    countParents: assign(({ event }) => (event.type === "parents_left" ? { waitFinished: event.count } : {})),
    notePause: assign({ pausedByBatch: ({ event }) => event.type === "pause" && event.byBatch === true }),
    forgetPause: assign({ pauseRequested: false, pausedByBatch: false }),
    countClaim: assign(({ event }) => (putBacks.has(event.type) ? {} : { wasClaimed: true })),
    doubt: assign({ inDoubt: true }),
    settleClaim: assign({ inDoubt: false }),
    settlePause: assign({ pauseRequested: false }),
    // A batch asks for a pause that comes later; what was Paused when it was started keeps its pause.
    requestPause: assign({ pauseRequested: true, pausedByBatch: true }),
    keepPause: assign({ pauseRequested: true }),
    awaitRetry: assign({ backoff: true, inDoubt: false }),
    nextAttempt: assign({ attempt: ({ context }) => context.attempt + 1, backoff: false }),
    deliverCancelInDoubt: enqueueActions(({ context, enqueue }) => context.inDoubt && enqueue("deliverCancel")),
    // The caller carries out the rest.
    changeFields: () => {},
    resetCounters: () => {},
    setRunAt: () => {},
    forgetStart: () => {},
    // The tries that could not be sent are over.
    forgetUnsent: () => {},
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
          { guard: "expectsParent", actions: "countParent" },
        ],
        parent_lost: [
          { guard: "lostToFailure", target: "Failure" },
          { guard: "lostToSkipped", target: "Skipped" },
        ],
        parents_left: { guard: "fewerLeft", actions: "countParents" },
        expire: { guard: "neverClaimed", target: "Failure" },
        pause: { target: "Paused", actions: "notePause" },
        cancel: "Canceled",
        override: overridden(),
        update: { actions: "changeFields" },
        reschedule: { actions: ["changeFields", "setRunAt"] },
      },
    },
    Pending: {
      entry: ["forgetStart", "armRunAt"],
      on: {
        claim: "Claimed",
        run_at_reached: { actions: "disarm" },
        started: { guard: "inDoubt", target: "Running" },
        succeed: { guard: "inDoubt", target: "Success" },
        fail: [
          { guard: "inDoubtAndMayRetry", target: "Retrying", actions: "awaitRetry" },
          { guard: "inDoubt", target: "Failure" },
        ],
        skip: { guard: "inDoubt", target: "Skipped" },
        expire: { guard: "neverClaimed", target: "Failure" },
        overrun: overrunsWaiting,
        pause: { target: "Paused", actions: "notePause" },
        cancel: { target: "Canceled", actions: "deliverCancelInDoubt" },
        override: overridden("deliverCancelInDoubt"),
        update: { actions: "changeFields" },
        reschedule: { actions: ["changeFields", "setRunAt", "armRunAt"] },
      },
    },
    Claimed: {
      entry: "disarm",
      exit: "countClaim",
      on: {
        started: "Running",
        start_deferred: comesBack(),
        start_unsent: comesBack(),
        start_failed: fails("start_failure"),
        start_unanswered: fails("start_failure", "deliverCancel"),
        lease_expired: comesBack("doubt"),
        released: comesBack(),
        succeed: "Success",
        fail: fails("explicit"),
        skip: "Skipped",
        overrun: { target: "Failure", actions: "deliverCancel" },
        cancel: { target: "Canceled", actions: "deliverCancel" },
        override: overridden("deliverCancel"),
        request_pause: { guard: "notPauseRequested", actions: "requestPause" },
        withdraw_pause: { guard: "pauseRequestedByBatch", actions: "forgetPause" },
        update: { actions: "changeFields" },
      },
    },
    Running: {
      entry: ["settleClaim", "armTimeout", "forgetUnsent"],
      on: {
        succeed: "Success",
        fail: fails("explicit"),
        skip: "Skipped",
        timeout: fails("timeout", "deliverCancel"),
        overrun: { target: "Failure", actions: "deliverCancel" },
        cancel: { target: "Canceled", actions: "deliverCancel" },
        override: overridden("deliverCancel"),
        request_pause: { guard: "notPauseRequested", actions: "requestPause" },
        withdraw_pause: { guard: "pauseRequestedByBatch", actions: "forgetPause" },
        update: { actions: "changeFields" },
      },
    },
    Retrying: {
      entry: ["armBackoff", "forgetUnsent"],
      on: {
        backoff_elapsed: { target: "Pending", actions: ["nextAttempt", "resetCounters"] },
        overrun: "Failure",
        pause: { target: "Paused", actions: "notePause" },
        cancel: "Canceled",
        override: overridden(),
        update: { actions: "changeFields" },
        reschedule: { actions: ["changeFields", "setRunAt", "armBackoff"] },
      },
    },
    Paused: {
      entry: ["disarm", "forgetUnsent"],
      on: {
        parent_met: { guard: "expectsParent", actions: "countParent" },
        parent_lost: [
          { guard: "lostToFailure", target: "Failure" },
          { guard: "lostToSkipped", target: "Skipped" },
        ],
        parents_left: { guard: "fewerLeft", actions: "countParents" },
        resume: [
          { guard: "mayResumeWaiting", target: "Waiting", actions: "forgetPause" },
          { guard: "mayResumeBackoff", target: "Retrying", actions: "forgetPause" },
          { guard: "mayResume", target: "Pending", actions: "forgetPause" },
        ],
        started: { guard: "inDoubt", target: "Running", actions: "keepPause" },
        succeed: { guard: "inDoubt", target: "Success" },
        fail: [
          { guard: "inDoubtAndMayRetry", actions: "awaitRetry" },
          { guard: "inDoubt", target: "Failure" },
        ],
        skip: { guard: "inDoubt", target: "Skipped" },
        expire: { guard: "neverClaimed", target: "Failure" },
        overrun: overrunsWaiting,
        cancel: { target: "Canceled", actions: "deliverCancelInDoubt" },
        override: overridden("deliverCancelInDoubt"),
        update: { actions: "changeFields" },
        reschedule: { actions: ["changeFields", "setRunAt"] },
      },
    },
    Success: { type: "final", entry: ["disarm", "forgetUnsent", "deliverSuccess"] },
    Failure: { type: "final", entry: ["disarm", "forgetUnsent", "deliverFailure"] },
    Canceled: { type: "final", entry: ["disarm", "forgetUnsent"] },
    Skipped: { type: "final", entry: ["disarm", "forgetUnsent"] },
  },
});

export type TaskState = StateValueFrom<typeof taskMachine> & string;

/** A parent may still be counted: a required one is also among the unfinished, so another one is expected only beyond those. */
function isExpected(context: TaskContext, required: boolean): boolean {
  if (context.joinsAny) return context.waitFinished > 0;
  return required ? context.waitSuccess > 0 && context.waitFinished > 0 : context.waitFinished > context.waitSuccess;
}

/** A resume of a task opens it, however it was paused; a resume of a batch opens what was paused with the batch. */
const mayResume = (context: TaskContext, event: TaskEvent): boolean =>
  event.type === "resume" && (event.byBatch !== true || context.pausedByBatch);

function mayRetry(context: TaskContext, cause: RetryCause): boolean {
  return context.attempt < context.maxRetries && context.retryOn.includes(cause);
}
